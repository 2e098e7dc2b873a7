"""The effects of a tick on the simulated book, in a fixed order.

Orders that arrived since the previous tick are processed first, at their arrival times, each after the swaps due by
then. The tick itself is processed in this order: due swaps; expiries; delayed orders, and unfilled volume of market
and triggered stop orders; pending orders of the tick's symbol; stop losses and take profits of that symbol's positions;
stop-out. Executions wait for an open session of the symbol. Each change is one commit. A process that died between two
commits processes the tick again after its restart. A processed order has the tick's ordinal, so that it is not
processed twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import structs

from proto.gateway import DealKind, DealReason, ErrorCode, OrderReplyStatus
from proto.trading.enums import GtcMode, OrderType, TimeInForce
from proto.trading.money import Quote
from proto.trading.price_distance import closing_touch
from proto.trading.server_time import server_day
from proto.trading.units import decimal_text
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, RestingState
from services.mt5.core.simulated import order_validation, sessions
from services.mt5.core.simulated.margin import first_to_close, is_under_level
from services.mt5.core.simulated.matching_engine import MatchingEngine
from services.mt5.core.simulated.order_validation import Rejection
from services.mt5.core.simulated.positions import Position
from services.mt5.core.simulated.swap import Holding, swap_of

_EXPIRED: Final = "its time was over"
_STOPPED_OUT: Final = "stop-out: the margin level was under {level} percent"


class TickProcessor:
    """Processes the ticks of one account."""

    def __init__(self, matching: MatchingEngine) -> None:
        """Process ticks for the account of `matching`, which executes the orders."""
        self._matching = matching
        self._account = matching.account
        self._book = matching.account.book
        profile = matching.model.profile
        self._charges = profile.charges
        self._stop_out_level_pct = profile.stop_out_level_pct if self._account.leverage else None

    def process_tick(self) -> None:
        """Process the book's current tick."""
        if self._book.resting():
            self._process_arrivals()
        if self._charges:
            self._charge_nights()
        is_open = self._is_open(self._account.market.tick_symbol)
        if self._book.resting():
            self._expire()
            self._match_waiting(is_open=is_open)
            if is_open:
                self._trigger_pending()
        if self._book.positions:
            if is_open:
                self._trigger_stops()
            if self._stop_out_level_pct is not None:
                self._stop_out_if_due()

    # ----------------------------------------------------------------------------------------------------------- nights

    def _charge_nights(self) -> None:
        """Book the swaps of passed nights; a swap without a conversion rate is booked once the rate is known."""
        account = self._account
        time_ns = account.time_ns
        for position in self._by_ticket():
            instrument = account.instruments.get(position.symbol)
            if instrument is None or instrument.day(position.charged_ns) >= instrument.day(time_ns):
                continue
            nights, amount = swap_of(
                holding=Holding(position.volume, position.cost),
                from_ns=position.charged_ns,
                to_ns=time_ns,
                instrument=instrument,
                currency=account.currency,
                currency_digits=account.digits,
                instruments=account.instruments,
                quotes=account,
            )
            if not nights or amount is None:
                continue
            charged = structs.replace(position, charged_ns=time_ns)
            note = f"swap, {decimal_text(nights)} {'night' if nights == 1 else 'nights'}"
            deal = account.cash_deal(amount, note, kind=DealKind.SWAP, position=position, stepped=True)
            account.commit(stepped=True, deal=deal if amount else None, position=charged)

    def _by_ticket(self) -> list[Position]:
        return [self._book.positions[ticket] for ticket in sorted(self._book.positions)]

    # ----------------------------------------------------------------------------------------------------------- orders

    def _process_arrivals(self) -> None:
        """Process orders that arrived between the previous tick and this one, each with the quote at its arrival.

        If the session is closed or the quote is too old, the order waits for the next tick of its symbol.
        """
        market = self._account.market
        since_ns, until_ns = market.previous_tick_time_ns, market.tick_time_ns
        arrivals = [
            record
            for record in self._book.resting()
            if record.wait is RestingState.DELAYED and since_ns is not None and since_ns <= record.due_ns < until_ns
        ]
        for record in sorted(arrivals, key=lambda record: (record.due_ns, record.order.ticket)):
            market.set_time_before_tick(record.due_ns)
            if self._charges:
                self._charge_nights()
            if self._matching.is_priced(record.order.symbol):
                self._arrive(record)
            market.return_to_tick()

    def _arrive(self, record: BookOrder) -> None:
        if self._has_expired(record):
            self._end_expired(record)
        else:
            self._matching.on_arrival(record, stepped=True)

    def _end_expired(self, record: BookOrder) -> None:
        over = Rejection(record.order.retcode, ErrorCode.EXPIRED, _EXPIRED)
        self._matching.end(record, OrderReplyStatus.EXPIRED, over, stepped=True)

    def _has_expired(self, record: BookOrder) -> bool:
        """Whether an order has expired, by its time in force or at the end of the day under the symbol's GTC mode."""
        order, time_ns = record.order, self._account.time_ns
        if order.time_in_force is TimeInForce.DAY:
            return server_day(time_ns) > server_day(record.placed_ns)
        if order.time_in_force is TimeInForce.GTD and time_ns >= order.expires_ns:
            return True
        instrument = self._account.instruments.get(order.symbol)
        if instrument is None or instrument.gtc_mode is GtcMode.GTC or record.wait is not RestingState.PENDING:
            return False
        return instrument.day(time_ns) > instrument.day(record.placed_ns)

    def _expire(self) -> None:
        for record in self._book.resting():
            if self._has_expired(record) and self._is_open(record.order.symbol):
                self._end_expired(record)

    def _match_waiting(self, *, is_open: bool) -> None:
        """Match arrived orders and, if the session of the tick's symbol `is_open`, orders in the state REST."""
        account = self._account
        for record in self._book.resting():
            match record.wait:
                case RestingState.DELAYED if record.due_ns <= account.time_ns and self._is_matched_now(record):
                    self._matching.on_arrival(record, stepped=True)
                case RestingState.REST if is_open and self._is_unprocessed(record):
                    self._matching.match(record, stepped=True)
                case _:
                    pass

    def _is_matched_now(self, record: BookOrder) -> bool:
        """Whether a due order is matched now: at a tick of its symbol, or if it arrives exactly at the tick's time."""
        symbol, market = record.order.symbol, self._account.market
        return symbol == market.tick_symbol or (record.due_ns == market.time_ns and self._matching.is_priced(symbol))

    def _is_open(self, symbol: str) -> bool:
        """Whether a symbol is in a session; True for a symbol that is not in the stream."""
        instrument = self._account.instruments.get(symbol)
        return instrument is None or instrument.is_traded(self._account.time_ns)

    def _trigger_pending(self) -> None:
        for record in self._book.resting():
            if record.wait is RestingState.PENDING and self._is_unprocessed(record):
                quote = self._account.quote(record.order.symbol)
                if quote is None or not is_triggered(record, quote):
                    continue
                if record.order.type is OrderType.STOP:
                    self._matching.match(structs.replace(record, wait=RestingState.REST), stepped=True)
                else:
                    self._matching.match(record, stepped=True)

    def _is_unprocessed(self, record: BookOrder) -> bool:
        """Whether the tick is of the order's symbol and the order was not processed at it yet."""
        order, account = record.order, self._account
        if order.symbol != account.market.tick_symbol:
            return False
        # The time is compared as well, because an order of an earlier stream has an ordinal of that stream.
        return (order.ordinal, order.time_ns) != (account.ordinal, account.time_ns)

    # -------------------------------------------------------------------------------------------------------- positions

    def _trigger_stops(self) -> None:
        symbol = self._account.market.tick_symbol
        for position in self._book.positions_in(symbol):
            if not position.has_stops:
                continue
            quote = self._account.quote(symbol)
            assert quote is not None, symbol
            touch, sign = closing_touch(position.side, quote), position.side.sign
            if position.stop_loss is not None and (touch - position.stop_loss) * sign <= 0:
                self._close(position, DealReason.STOP_LOSS, OrderType.STOP)
            elif position.take_profit is not None and (touch - position.take_profit) * sign >= 0:
                self._close(position, DealReason.TAKE_PROFIT, OrderType.LIMIT, limit=position.take_profit)

    def _close(
        self, position: Position, reason: DealReason, order_type: OrderType, *, limit: Decimal | None = None
    ) -> None:
        """Close a whole position, as the broker does, without an order. The price is that of an order of `order_type`.

        The position stays open if the touch, with the profile's rollover spread, is worse than `limit`.
        """
        account = self._account
        instrument, quote = account.instruments[position.symbol], account.quote(position.symbol)
        assert quote is not None, position
        side, volume = position.side.opposite, abs(position.volume)
        execution = self._matching.model.execution(
            -position.ticket,
            account.ordinal,
            side=side,
            quote=quote,
            volume=volume,
            instrument=instrument,
            time_ns=account.time_ns,
            order_type=order_type,
            limit=limit,
            rests=limit is not None,
        )
        if limit is not None and not execution.volume and (execution.price - limit) * side.sign > 0:
            return
        change = account.change_by_deal(
            position, symbol=position.symbol, side=side, volume=volume, price=execution.price
        )
        deal = account.deal(
            None,
            change,
            target=position,
            symbol=position.symbol,
            side=side,
            volume=volume,
            price=execution.price,
            commission=self._matching.commission(position.symbol, volume),
            reason=reason,
            stepped=True,
            limit_gap=execution.limit_gap,
        )
        account.commit(stepped=True, deal=deal, removed=position.ticket)

    def _stop_out_if_due(self) -> None:
        """Below the stop-out level, cancel every resting order, then close positions, the lowest profit first.

        The closing stops once the margin level reaches the stop-out level. Only a position whose symbol was quoted
        since its session began can be closed. If no position can be closed, the resting orders stay as well.
        """
        while self._book.positions:
            equity, margin = self._account.equity, self._account.margin
            level_pct = self._stop_out_level_pct
            if equity is None or margin is None:
                return
            if not is_under_level(equity=equity, margin=margin, level_pct=level_pct):
                return
            profits = {
                position.ticket: profit
                for position in self._by_ticket()
                if (profit := self._account.values.unrealized(position)) is not None
                and self._is_closable(position.symbol)
            }
            worst = first_to_close(profits)
            if worst is None:
                return
            for record in self._book.resting():
                text = _STOPPED_OUT.format(level=level_pct)
                why = Rejection(retcodes.CANCEL, ErrorCode.STOPPED_OUT, text)
                self._matching.end(record, OrderReplyStatus.CANCELED, why, stepped=True)
            self._close(self._book.positions[worst], DealReason.STOP_OUT, OrderType.MARKET)

    def _is_closable(self, symbol: str) -> bool:
        """Whether a symbol is in a session, and was quoted since that session began."""
        session_ns = sessions.session_age_ns(self._account.instruments[symbol], self._account.time_ns)
        quote_age_ns = self._account.market.quote_age_ns(symbol)
        return session_ns is not None and quote_age_ns is not None and quote_age_ns <= session_ns


def is_triggered(record: BookOrder, quote: Quote) -> bool:
    """Whether the touch triggers a pending order: a limit at its price or better, a stop at its price or worse."""
    order = record.order
    assert order.price is not None, order
    past = (order_validation.touch_of(order.side, quote) - order.price) * order.side.sign
    return past <= 0 if order.type is OrderType.LIMIT else past >= 0
