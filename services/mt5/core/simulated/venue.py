"""The simulated broker: one account over one tick stream, with the rules of MetaTrader 5.

`matching_engine.py` validates and executes orders, `tick_processor.py` processes ticks, and `modifications.py` changes
resting orders and positions; all of them change the account of `account.py`. Symbols have the broker's names. The venue
does not detect repeated orders; the gateway's journal does. Each change is committed before it is applied, so that the
venue continues unchanged after a restart on the same store.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import structs

from marketdata.tick_bounds import TickBounds
from marketdata.tick_stream import MarketSource
from proto.gateway import Modify, VenueDeal, VenuePosition
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.units import ZERO, decimal_text
from services.mt5.core.ports.book_records import BookOrder, Modification, RestingState
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.account import AccountTerms, SimulatedAccount
from services.mt5.core.simulated.account import VenueSetupError as VenueSetupError
from services.mt5.core.simulated.book_bounds import add_book_bounds
from services.mt5.core.simulated.book_store import BookStore
from services.mt5.core.simulated.fill_model import FillModel
from services.mt5.core.simulated.matching_engine import MatchingEngine
from services.mt5.core.simulated.modifications import ModificationProcessor
from services.mt5.core.simulated.tick_processor import TickProcessor

TICK_VALUE_STEP: Final = Decimal("1e-8")


class SimulatedVenue:
    """One account over one tick stream; it implements `ports.venue.Venue`."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        store: BookStore,
        symbols: SymbolMap,
        terms: AccountTerms,
    ) -> None:
        """Open the book of `store`: a new account gets the deposit, an existing one continues.

        If `stream_id` equals the book's stream id, the run continues at the book's tick; otherwise the run begins at
        the opening of `stream`. If the process died while it processed a tick, the rest of that tick is processed now.

        Raises:
            VenueSetupError: the account has another currency or mode, the new stream does not begin after the last time
                of the book, or the broker does not trade a symbol of the stream.
        """
        self._account = SimulatedAccount(stream=stream, stream_id=stream_id, store=store, symbols=symbols, terms=terms)
        profile, leverage = terms.profile, terms.leverage
        self.currency = terms.currency
        self.currency_digits = self._account.digits
        self.account_mode = terms.mode
        self.leverage = leverage
        self.fills = str(profile.name)
        self.margin_call_level_pct = profile.margin_call_level_pct if leverage else None
        self.stop_out_level_pct = profile.stop_out_level_pct if leverage else None
        self._valued: dict[str, Instrument] = {}
        self._book = self._account.book
        self._matching = MatchingEngine(self._account, FillModel(profile, terms.seed))
        self._ticking = TickProcessor(self._matching)
        self._modifying = ModificationProcessor(self._matching)
        if self._book.is_within_tick:
            self._ticking.process_tick()

    # ---------------------------------------------------------------------------------------------------------- state

    @property
    def ordinal(self) -> int:
        """Ordinal of the venue's current tick, 0 before the first; it may be ahead of the committed ordinal."""
        return self._account.ordinal

    @property
    def time_ns(self) -> int:
        """The venue's current time, UTC, at or between ticks; before the first tick, the last time in the book."""
        return self._account.time_ns

    @property
    def quiet(self) -> bool:
        """Whether no tick could change the book, and every deal has been reported to the client."""
        return self._matching.quiet

    def quiet_from(self, ordinal: int) -> bool:
        """Whether no tick after `ordinal` has changed or could change the book, and all deals are reported by then."""
        is_reported = self._book.told_ns <= self._reported_until(ordinal)
        return self._book.last_set_off <= ordinal and is_reported and self.quiet

    @property
    def deal_count(self) -> int:
        """Number of deals in the book, cash deals included."""
        return len(self._book.deals)

    @property
    def order_count(self) -> int:
        """Number of orders in the book, rejected ones included."""
        return len(self._book.orders)

    @property
    def broker_symbols(self) -> list[str]:
        """The broker's names of the stream's symbols."""
        return self._account.broker_symbols

    @property
    def balance(self) -> Decimal:
        """Realized cash, in account currency."""
        return self._book.balance

    @property
    def equity(self) -> Decimal | None:
        """Balance + unrealized profit, in account currency; None if a position cannot be valued."""
        return self._account.equity

    @property
    def margin(self) -> Decimal | None:
        """Margin of the open positions, in account currency; None if a position cannot be valued."""
        return self._account.margin

    def net_volume(self, symbol: str) -> Decimal:
        """The sum of the positions in a symbol, in lots; > 0 is long."""
        return sum((position.volume for position in self._book.positions_in(symbol)), ZERO)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol at the venue's current time; None before its first quote."""
        return self._account.quote(symbol)

    def is_traded(self, symbol: str) -> bool:
        """Whether the broker trades a symbol, in the stream or not."""
        return self._matching.instrument(symbol) is not None

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol, with the current tick value if a conversion rate is known; None if it is not traded."""
        terms = self._matching.instrument(symbol)
        if terms is None:
            return None
        rate = self._account.values.rate(1, terms.profit_currency)
        if rate is None:
            return terms
        value = (rate * terms.tick_size * terms.multiplier).quantize(TICK_VALUE_STEP)
        known = self._valued.get(symbol)
        if known is None or known.tick_value != value:
            known = self._valued[symbol] = structs.replace(terms, tick_value=Decimal(decimal_text(value)))
        return known

    def deal_cursor_at(self, ordinal: int) -> int:
        """The deal cursor at tick `ordinal`, without deals of commands at that tick; past the last tick, all deals."""
        return self._book.deal_cursor_at(ordinal, self._reported_until(ordinal))

    def _reported_until(self, ordinal: int) -> int:
        """UTC time up to which deals are reported at tick `ordinal`.

        Past the last tick, or if no deal is delayed, it includes every deal.
        """
        stream, reported_ns = self._account.market.stream, self._book.told_ns
        return stream.tick_at(ordinal).time_ns if reported_ns and 0 < ordinal <= stream.last_ordinal else reported_ns

    def order_cursor_at(self, ordinal: int) -> int:
        """Number of orders that ticks up to `ordinal` have ended before a complete fill."""
        return self._book.order_cursor_at(ordinal)

    def step_to(self, ordinal: int) -> None:
        """Process every tick up to `ordinal` that exists; an `ordinal` at or before the book's tick changes nothing.

        While the book is quiet, ticks are skipped, because they could not change it.
        """
        account = self._account
        last = min(ordinal, account.market.stream.last_ordinal)
        while account.ordinal < last:
            if self._matching.quiet:
                account.market.skip_to(last)
            else:
                account.market.next_tick()
                self._ticking.process_tick()

    def add_bounds(self, bounds: TickBounds) -> None:
        """Narrow `bounds`, which have the stream's symbols, to the ticks that could change the book or report a deal.

        They hold until the book changes. The deals of commands at the current tick count from the next tick on, which
        need not be outside.
        """
        if not self._matching.quiet:
            add_book_bounds(self._account, self.stop_out_level_pct, bounds)

    def pass_over(self, ordinal: int) -> None:
        """Make `ordinal` the book's tick; the caller ensures that no tick up to it is outside the bounds."""
        if ordinal > self._account.ordinal:
            self._account.market.skip_to(ordinal)

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Commit the book's ordinal if it has changed; with `is_synced` False a power cut may undo the commit."""
        if self._account.ordinal != self._book.ordinal:
            self._account.commit(stepped=False, is_synced=is_synced)

    # --------------------------------------------------------------------------------------------------------- orders

    def place(self, request: VenueOrderRequest, *, held: bool = False) -> BookOrder:
        """Accept, execute or reject an order at the book's tick, and record it in the book.

        The order's symbol must be in the catalogue, and the book must be at a tick. With `held` an accepted order waits
        for `release`. Two requests with the same magic make two orders.
        """
        assert self.ordinal > 0, "no tick yet"
        return self._matching.submit(request, held=held)

    def release(self, held: BookOrder) -> BookOrder:
        """Send to the broker an order that the terminal holds, or reject it if it is no longer valid."""
        return self._matching.release(held)

    def held_orders(self) -> list[BookOrder]:
        """Orders that the terminal has not sent to the broker yet, by ticket."""
        return [record for record in self._book.resting() if record.wait is RestingState.HELD]

    def resting(self) -> Sequence[BookOrder]:
        """Open orders, by ticket."""
        return self._book.resting()

    def cancel(self, resting: BookOrder, text: str) -> BookOrder:
        """Cancel an order if it is open, with `text` as the reason; returns its new record."""
        if not resting.is_open:
            return resting
        return self._matching.cancel(resting, text)

    def modify(self, request: Modify) -> Modification:
        """Modify an order or a position, or refuse the request, which has the broker's symbol."""
        return self._modifying.modify(request)

    def previous_modification(self, request: Modify) -> Modification | None:
        """The stored outcome of the same modification; None for a new one."""
        return self._modifying.previous_modification(request)

    def is_frozen(self, resting: BookOrder) -> bool:
        """Whether the market is within the freeze level of the price of an order, which then cannot be canceled."""
        return self._matching.is_frozen(resting)

    def move_cash(self, amount: Decimal, note: str) -> None:
        """Book a deposit (> 0) or a withdrawal (< 0) in account currency, with the comment `note`."""
        self._account.commit(stepped=False, deal=self._account.cash_deal(amount, note))

    # -------------------------------------------------------------------------------------------------------- listings

    def find(self, magic: int) -> BookOrder | None:
        """The record of the first order under a `magic`; None if there is none."""
        return self._book.find(magic)

    def magic_of_ticket(self, ticket: int) -> int:
        """Magic of the order `ticket`; 0 for the ticket 0 of a cash deal or of a deal by the broker itself."""
        return self._book.orders[ticket - 1].magic if ticket else 0

    def position_ticket(self, number: int) -> int:
        """The same number, because the only number of a simulated position is its ticket."""
        return number

    def magic_of_position(self, ticket: int) -> int:
        """Magic of the order that opened the position `ticket`; 0 for a foreign order or a closed position."""
        position = self._book.positions.get(ticket)
        return 0 if position is None else position.magic

    def orders_after(self, ticket: int, limit: int) -> Sequence[BookOrder]:
        """At most `limit` orders with tickets above `ticket`; tickets count from 1 without a gap."""
        return self._book.orders[ticket : ticket + limit]

    def deals_after(self, deal: int, limit: int) -> Sequence[VenueDeal]:
        """At most `limit` deals with numbers above `deal`; numbers count from 1 without a gap."""
        return self._book.deals[deal : deal + limit]

    def positions(self) -> list[VenuePosition]:
        """Open positions by ticket, valued at the current quotes."""
        positions = self._book.positions
        return [self._account.to_venue_position(positions[ticket]) for ticket in sorted(positions)]

    def state_hash(self) -> str:
        """SHA-256 of the committed book, as hexadecimal digits."""
        return self._book.state_hash()
