"""The port of a venue's account, simulated or real: its book, its positions, and the terms of its symbols.

The gateway sends orders, cancellations and modifications through `terminal.Terminal` instead, because their answers may
be late, lost or wrong. Symbols have the broker's names.
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
    """Notional / margin: 100 for 1:100; 0 if no margin is required."""
    margin_call_level_pct: Decimal | None
    stop_out_level_pct: Decimal | None
    """Margin levels (equity / margin, in percent) of margin call and stop-out; None where unknown."""
    fills: str
    """Name of the simulated venue's fill profile; `real` for a real venue."""

    @property
    def ordinal(self) -> int:
        """Ordinal of the book's tick; 0 before the first."""

    @property
    def time_ns(self) -> int:
        """Time of the book's tick, UTC; before the stream's first tick, the last time in the book."""

    @property
    def quiet(self) -> bool:
        """Whether no further tick can change the book by itself."""

    def quiet_from(self, ordinal: int) -> bool:
        """Whether no tick after `ordinal` has changed or can change the book; the book may be at a later tick."""

    @property
    def deal_count(self) -> int:
        """Number of deals in the book, movements of cash included."""

    @property
    def order_count(self) -> int:
        """Number of orders in the book, rejected ones included."""

    @property
    def balance(self) -> Decimal:
        """Realized cash, in account currency."""

    @property
    def equity(self) -> Decimal | None:
        """Balance + unrealized profit, in account currency; None if a position cannot be valued."""

    @property
    def margin(self) -> Decimal | None:
        """Margin of the open positions, in account currency; None if a position cannot be valued."""

    def is_traded(self, symbol: str) -> bool:
        """Whether the broker trades a symbol."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Current terms of a symbol; None if the broker does not trade it."""

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol at the book's tick; None before its first quote."""

    def net_volume(self, symbol: str) -> Decimal:
        """The sum of the positions in a symbol, in lots; > 0 is long."""

    def positions(self) -> list[VenuePosition]:
        """Open positions by ticket, valued at the current quotes; `order_id` is the comment of the opening order."""

    def step_to(self, ordinal: int) -> None:
        """Process every tick up to `ordinal` that exists; an `ordinal` at or before the book's tick changes nothing."""

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Store the book's ordinal; with `is_synced` False a power cut may undo the write."""

    def deal_cursor_at(self, ordinal: int) -> int:
        """The deal cursor just after the step to tick `ordinal`, before any command at that tick."""

    def order_cursor_at(self, ordinal: int) -> int:
        """Number of orders that ticks up to `ordinal` have ended before a complete fill."""

    def find(self, magic: int) -> BookOrder | None:
        """The first order in the book under a `magic`, even if the terminal does not show it."""

    def position_ticket(self, number: int) -> int:
        """The ticket under which a position is reported, from its identifier or its current ticket.

        An unknown `number` is returned unchanged.
        """

    def magic_of_position(self, ticket: int) -> int:
        """Magic of the order that opened the position `ticket`; 0 for a foreign order or a closed position."""

    def magic_of_ticket(self, ticket: int) -> int:
        """Magic of the order `ticket`; 0 for a foreign order, and for the ticket 0 of a deal without an order."""
