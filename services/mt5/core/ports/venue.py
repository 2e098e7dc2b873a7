"""The port of a venue's account, simulated or real: its book, its positions, and the terms of its symbols.

Here the gateway only reads; what changes something goes through `terminal.Terminal`, because it may be late, lost or
answered wrongly. Symbols have the broker's names.
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
    """100 for 1:100; 0 if no margin is required."""
    margin_call_level_pct: Decimal | None
    stop_out_level_pct: Decimal | None
    """Margin levels (equity / margin, in percent) of margin call and stop-out; None where unknown."""
    fills: str
    """Name of the fill profile: ideal, realistic, or real."""

    @property
    def ordinal(self) -> int:
        """Ordinal of the book's tick; 0 before the first."""

    @property
    def time_ns(self) -> int:
        """Time of the book's tick, UTC; before the first, the last time that the account has seen."""

    @property
    def quiet(self) -> bool:
        """Whether the book has nothing that a tick could trigger."""

    def quiet_from(self, ordinal: int) -> bool:
        """Whether no tick after `ordinal` has triggered anything, and none could; `ordinal` may be in the past."""

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
        """Margin of the open positions, in account currency; None when one cannot be valued."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Current terms of a symbol; None when it is not traded here."""

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol at the book's tick; None before its first."""

    def net_volume(self, symbol: str) -> Decimal:
        """The signed sum of the positions in a symbol, in lots."""

    def positions(self) -> list[VenuePosition]:
        """Open positions by ticket, valued at the current quotes; `order_id` is the comment of the order that opened each."""

    def step_to(self, ordinal: int) -> None:
        """Go to tick `ordinal` and process every tick on the way; never back, never past the last tick."""

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Make the book's ordinal durable; with `is_synced` False a power cut may undo that."""

    def deal_cursor_at(self, ordinal: int) -> int:
        """The deal cursor after the step to tick `ordinal`, before any command there."""

    def order_cursor_at(self, ordinal: int) -> int:
        """Orders that ticks have ended without a deal, up to the step to tick `ordinal`."""

    def find(self, magic: int) -> BookOrder | None:
        """The first order under a magic that has left any trace, even if the terminal no longer shows it."""

    def position_ticket(self, number: int) -> int:
        """The ticket under which a position is reported, for that or another number of it; any other number unchanged."""

    def magic_of_position(self, ticket: int) -> int:
        """Magic of the order that opened a position; 0 for a foreign one, and for one that is not open."""

    def magic_of_ticket(self, ticket: int) -> int:
        """Magic of an order; 0 for a foreign order and for a cash deal."""
