"""`ports.venue.Venue` of a terminal's account, over the mirror and the market."""

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
    """One account. Ticks take effect at the broker, so the book is never quiet."""

    fills = FILLS
    quiet = False

    def __init__(self, account: Mt5Account, mirror: AccountMirror, market: TerminalMarket, symbols: SymbolMap) -> None:
        """Read the account that the terminal was logged in to at the start.

        Args:
            account: its row.
            mirror: orders, deals and positions shown.
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
        """Time of the book's tick, UTC."""
        return self._market.tick_at(self.ordinal).time_ns if self.ordinal else 0

    @property
    def deal_count(self) -> int:
        """Number of deals shown by the terminal."""
        return self._mirror.deal_count

    @property
    def order_count(self) -> int:
        """Number of orders shown by the terminal."""
        return self._mirror.order_count

    @property
    def balance(self) -> Decimal:
        """Realised cash in account currency."""
        return money_of(self._account.balance, self.currency_digits)

    @property
    def equity(self) -> Decimal | None:
        """Equity as valued by the terminal, in account currency."""
        return money_of(self._account.equity, self.currency_digits)

    @property
    def margin(self) -> Decimal | None:
        """Margin as valued by the terminal, in account currency."""
        return money_of(self._account.margin, self.currency_digits)

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol that is traded here; None for any other."""
        return self._mirror.instrument(symbol)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol; None before its first."""
        tick = self._market.last_tick(self._symbols.to_desk(symbol), self._market.newest_ordinal)
        return None if tick is None else Quote(to_decimal(tick.bid), to_decimal(tick.ask))

    def net_volume(self, symbol: str) -> Decimal:
        """The signed sum of the positions in a symbol, in lots."""
        held = [position for position in self._mirror.positions if position.symbol == symbol]
        return sum((position.side.sign * position.volume for position in held), Decimal(0))

    def positions(self) -> list[VenuePosition]:
        """Open positions by ticket."""
        return list(self._mirror.positions)

    def step_to(self, ordinal: int) -> None:
        """Move to a received tick."""
        self.ordinal = max(self.ordinal, min(ordinal, self._market.newest_ordinal))

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Do nothing: all durable state is written as it changes."""

    def deal_cursor_at(self, ordinal: int) -> int:  # noqa: ARG002 - a live book has only its current state
        """Number of deals shown by the terminal."""
        return self._mirror.deal_count

    def quiet_from(self, ordinal: int) -> bool:  # noqa: ARG002 - as above
        """False: ticks take effect at the broker."""
        return False

    def order_cursor_at(self, ordinal: int) -> int:  # noqa: ARG002 - as above
        """Number of shown orders that ended without a deal."""
        return self._mirror.ended_count

    def find(self, magic: int) -> BookOrder | None:
        """The first shown order with a magic; None without one."""
        return self._mirror.find(magic)

    def position_ticket(self, number: int) -> int:
        """The identifier of a position, for that or its current ticket, which a reversal changes."""
        row = self._mirror.position_row(number)
        return number if row is None else row.identifier

    def magic_of_position(self, ticket: int) -> int:
        """Magic of the order that opened a position; 0 for a foreign one, and for one that is not open."""
        return self._mirror.magic_of_position(ticket)

    def magic_of_ticket(self, ticket: int) -> int:
        """Magic of an order; 0 for a cash deal, a foreign order, or one that the server made by itself."""
        return self._mirror.magic_of_ticket(ticket) if ticket else 0

    @property
    def _account(self) -> Mt5Account:
        return self._mirror.account or self._opened
