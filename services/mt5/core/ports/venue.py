"""What the gateway needs to know of its broker, simulated or real: where it stands, what it holds, what it trades.

Calls that change something go through `terminal.Terminal`, because they may be late, lost or answered wrongly; what is here is
read. Symbols have the broker's names.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from proto.gateway import VenuePosition
from proto.trading.enums import AccountMode
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from services.mt5.core.ports.book_records import BookOrder


class Venue(Protocol):
    """One account at one broker."""

    currency: str
    currency_digits: int
    account_mode: AccountMode
    leverage: int
    """0 where no margin is asked for."""
    margin_call_level_pct: Decimal | None
    stop_out_level_pct: Decimal | None
    """Equity by margin in percent under which the account is warned, and its positions are closed; None where that is not told."""
    fills: str
    """The name of what its fills are like: ideal, realistic, or real."""

    @property
    def ordinal(self) -> int:
        """The tick at which the book stands; 0 before the first."""

    @property
    def time_ns(self) -> int:
        """Time of that tick; before the first, the last time that the account has seen."""

    @property
    def quiet(self) -> bool:
        """Whether there is nothing in the book that a tick could set off."""

    def quiet_from(self, ordinal: int) -> bool:
        """Whether no tick after `ordinal` has set anything off, and none could: so much may be said of a tick that is past."""

    @property
    def deal_count(self) -> int:
        """Deals in the book, movements of cash included."""

    @property
    def order_count(self) -> int:
        """Orders in the book, refused ones included."""

    @property
    def balance(self) -> Decimal:
        """Realised cash in account currency."""

    @property
    def equity(self) -> Decimal | None:
        """Balance and unrealised profit; None when a position cannot be valued."""

    @property
    def margin(self) -> Decimal | None:
        """What the open positions hold back; None when one cannot be valued."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol, as they are now; None when it is not traded here."""

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol where the book stands; None when it has had none."""

    def net_volume(self, symbol: str) -> Decimal:
        """The signed sum of the positions in a symbol, in lots."""

    def positions(self) -> list[VenuePosition]:
        """Open positions by ticket, valued at the present quotes; `order_id` is the comment of the order that opened each."""

    def step_to(self, ordinal: int) -> None:
        """Stand at tick `ordinal`, having let every tick on the way set off what it sets off; never back, never past the last."""

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Commit where the book stands; unsynced, a power cut may take that back."""

    def deal_cursor_at(self, ordinal: int) -> int:
        """The deal cursor after the step to tick `ordinal`, before any command there."""

    def order_cursor_at(self, ordinal: int) -> int:
        """How many orders ticks have ended without a deal by the step to tick `ordinal`."""

    def find(self, magic: int) -> BookOrder | None:
        """The first order under a magic that there is any trace of, whatever its terminal shows at the moment."""

    def position_ticket(self, number: int) -> int:
        """The ticket under which a position is told, for that or another number that the venue knows it by; any other as it is."""

    def magic_of_position(self, ticket: int) -> int:
        """Whose order has opened a position; 0 for a stranger's, and for one that is not open."""

    def magic_of_ticket(self, ticket: int) -> int:
        """Whose an order is; 0 for a movement of cash and for a stranger's."""
