"""`ports.venue.Venue` for a terminal's account, from the mirror and the market."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from proto.gateway import VenuePosition
from proto.trading.enums import AccountMode
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.units import to_decimal
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.terminal.account_mirror import AccountMirror
from services.mt5.terminal.mt5_types import ACCOUNT_MARGIN_MODE_RETAIL_HEDGING, Mt5Account
from services.mt5.terminal.row_conversion import money_of
from services.mt5.terminal.terminal_market import TerminalMarket

FILLS: Final = "real"


class TerminalAccount:
    """The account of a terminal. Its book is never quiet, because the broker may execute orders at any time."""

    fills = FILLS
    quiet = False

    def __init__(self, account: Mt5Account, mirror: AccountMirror, market: TerminalMarket, symbols: SymbolMap) -> None:
        """Use these parts.

        Args:
            account: the account's row at the start.
            mirror: the orders, deals and positions that the terminal has shown.
            market: has the quotes.
            symbols: the desk's names and the broker's.
        """
        self.currency = account.currency
        self.currency_digits = account.currency_digits
        self.account_mode = (
            AccountMode.HEDGING if account.margin_mode == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING else AccountMode.NETTING
        )
        self.leverage = account.leverage
        self.margin_call_level_pct: Decimal | None = None
        self.stop_out_level_pct: Decimal | None = None
        self.ordinal = market.newest_ordinal
        self._opened = account
        self._mirror = mirror
        self._market = market
        self._symbols = symbols

    @property
    def time_ns(self) -> int:
        """Time of the book's tick, UTC; 0 before the first."""
        return self._market.tick_at(self.ordinal).time_ns if self.ordinal else 0

    @property
    def deal_count(self) -> int:
        """Number of deals that the terminal has shown, before the first gap in their numbers."""
        return self._mirror.deal_count

    @property
    def order_count(self) -> int:
        """Number of orders that the terminal has shown."""
        return self._mirror.order_count

    @property
    def balance(self) -> Decimal:
        """Realized cash, in account currency."""
        return money_of(self._account.balance, self.currency_digits)

    @property
    def equity(self) -> Decimal | None:
        """Equity that the terminal computes, in account currency."""
        return money_of(self._account.equity, self.currency_digits)

    @property
    def margin(self) -> Decimal | None:
        """Margin that the terminal computes, in account currency."""
        return money_of(self._account.margin, self.currency_digits)

    def is_traded(self, symbol: str) -> bool:
        """Whether the gateway uses a symbol."""
        return self.instrument(symbol) is not None

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol; None if the gateway does not use it."""
        return self._mirror.instrument(symbol)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol; None before its first quote."""
        tick = self._market.last_tick(self._symbols.to_desk(symbol), self._market.newest_ordinal)
        return None if tick is None else Quote(to_decimal(tick.bid), to_decimal(tick.ask))

    def net_volume(self, symbol: str) -> Decimal:
        """The sum of the positions in a symbol, in lots; > 0 is long."""
        held = [position for position in self._mirror.positions if position.symbol == symbol]
        return sum((position.side.sign * position.volume for position in held), Decimal(0))

    def positions(self) -> list[VenuePosition]:
        """Open positions by identifier, which is reported as the ticket."""
        return list(self._mirror.positions)

    def step_to(self, ordinal: int) -> None:
        """Make `ordinal` the book's tick, at most the newest received one; an earlier tick changes nothing."""
        self.ordinal = max(self.ordinal, min(ordinal, self._market.newest_ordinal))

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Do nothing, because the store keeps every change at once."""

    def deal_cursor_at(self, ordinal: int) -> int:  # noqa: ARG002 - of the port
        """Number of deals that the terminal has shown until now, whatever `ordinal` is."""
        return self._mirror.deal_count

    def quiet_from(self, ordinal: int) -> bool:  # noqa: ARG002 - of the port
        """False, whatever `ordinal` is, because the broker may execute orders at any time."""
        return False

    def order_cursor_at(self, ordinal: int) -> int:  # noqa: ARG002 - of the port
        """Number of shown orders that ended without a deal until now, whatever `ordinal` is."""
        return self._mirror.ended_count

    def find(self, magic: int) -> BookOrder | None:
        """The first order that the terminal has shown under a `magic`; None if there is none."""
        return self._mirror.find(magic)

    def position_ticket(self, number: int) -> int:
        """The identifier of the position whose identifier or current ticket is `number`.

        A reversal changes only the ticket. An unknown `number` is returned unchanged.
        """
        row = self._mirror.position_row(number)
        return number if row is None else row.identifier

    def magic_of_position(self, ticket: int) -> int:
        """Magic of the order that opened the position `ticket`; 0 for a foreign order or a closed position."""
        return self._mirror.magic_of_position(ticket)

    def magic_of_ticket(self, ticket: int) -> int:
        """Magic of the order `ticket`; 0 for the ticket 0, a foreign order, or an order that the server made itself."""
        return self._mirror.magic_of_ticket(ticket) if ticket else 0

    @property
    def _account(self) -> Mt5Account:
        return self._mirror.account or self._opened
