"""A second venue, written from `docs/venue.md` and the pages that it refers to, without the simulated venue's code.

The venue is not random: delays are constant, there is no slippage, and depth is unlimited. Its input is the ticks of a
run and the requests sent at each tick. Its output is every deal that must result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from proto.gateway import DealReason
from proto.trading.enums import GtcMode, OrderType, TimeInForce
from tests.venue_by_document.account import Account
from tests.venue_by_document.book import (
    CancelOrder,
    ModifyStops,
    Order,
    OrderState,
    Outcome,
    PlaceOrder,
    Position,
    Request,
    Retcode,
    Tick,
)
from tests.venue_by_document.dealing import widened
from tests.venue_by_document.money import ZERO, NoRateError, Quote
from tests.venue_by_document.profile import AccountTerms, Profile
from tests.venue_by_document.rules import is_frozen, refusal_of_change, refusal_of_order
from tests.venue_by_document.server_clock import SERVER
from tests.venue_by_document.terms import TermsOf

MS_NS: Final = 1_000_000


class Simulator:
    """One account at the venue; `run` processes the ticks and requests."""

    def __init__(self, account: AccountTerms, terms: TermsOf, profile: Profile) -> None:
        self._terms = terms
        self._profile = profile
        self._quotes: dict[str, Quote] = {}
        self._quoted_ns: dict[str, int] = {}
        self._account = Account(account, terms, self._quotes, is_charged=profile.charges)
        self._orders: dict[str, Order] = {}
        self._open: list[Order] = []
        self._changes: list[Retcode] = []

    def run(self, ticks: Iterable[Tick], requests: Sequence[Request]) -> Outcome:
        """Process the ticks and, after each tick, the requests with the tick's ordinal; return the result."""
        at: dict[int, list[Request]] = defaultdict(list)
        for request in requests:
            at[request.ordinal].append(request)
        for tick in ticks:
            self._step(tick)
            for request in at[tick.ordinal]:
                self._take(request, tick.time_ns)
        account = self._account
        return Outcome(
            deals=account.deals,
            orders=self._orders,
            changes=self._changes,
            balance=account.balance,
            equity=account.equity,
            margin=account.margin,
        )

    # ------------------------------------------------------------------------------------------------------- the ticks

    def _step(self, tick: Tick) -> None:
        """Process a tick by the steps in the section "Dealing" of docs/venue.md, in their order.

        An order that arrives before the tick is matched at the earlier quotes. An order that arrives at the time of the
        tick is matched at the tick's quote.
        """
        now = tick.time_ns
        self._take_arrivals([order for order in self._of(OrderState.ON_ITS_WAY) if order.arrives_ns < now])
        self._quotes[tick.symbol] = Quote(Fraction(repr(tick.bid)), Fraction(repr(tick.ask)))
        self._quoted_ns[tick.symbol] = now
        self._take_arrivals([order for order in self._of(OrderState.ON_ITS_WAY) if order.arrives_ns == now])
        self._book_swaps(now)
        self._expire(now)
        for order in list(self._of(OrderState.WAITS_FOR_TICK, tick.symbol)):
            self._judge(order, now)
        if self._is_in_session(tick.symbol, now):
            self._trigger_orders(tick.symbol, now)
            self._trigger_stops(tick.symbol, now)
        self._stop_out(now)
        self._open = [order for order in self._open if not order.has_ended]

    def _of(self, state: OrderState, symbol: str = "") -> Iterator[Order]:
        """Open orders in a state, in the order of their numbers."""
        return (order for order in self._open if order.state is state and symbol in ("", order.request.symbol))

    def _take_arrivals(self, coming: list[Order]) -> None:
        for order in sorted(coming, key=lambda one: (one.arrives_ns, one.number)):
            self._book_swaps(order.arrives_ns)
            symbol = order.request.symbol
            age_ns = order.arrives_ns - self._quoted_ns[symbol]
            if self._is_in_session(symbol, order.arrives_ns) and age_ns <= self._profile.quote_age_ms_max * MS_NS:
                self._judge(order, order.arrives_ns)
            else:
                order.state = OrderState.WAITS_FOR_TICK

    def _book_swaps(self, now: int) -> None:
        if self._profile.charges:
            self._account.book_nights(now)

    def _expire(self, now: int) -> None:
        for order in self._of(OrderState.RESTS):
            if not self._is_in_session(order.request.symbol, now):
                continue
            if self._has_expired(order, now):
                order.state = OrderState.EXPIRED

    def _has_expired(self, order: Order, now: int) -> bool:
        request, since = order.request, order.rests_since_ns
        if request.time_in_force is TimeInForce.DAY:
            return SERVER.day(now) > SERVER.day(since)
        if request.time_in_force is TimeInForce.GTD and now >= request.expires_ns:
            return True
        terms = self._terms[request.symbol]
        is_daily = terms.gtc_mode is GtcMode.DAILY_EXCLUDING_STOPS
        return is_daily and terms.clock.day(now) > terms.clock.day(since)

    def _trigger_orders(self, symbol: str, now: int) -> None:
        for order in list(self._of(OrderState.RESTS, symbol)):
            request = order.request
            assert request.price is not None
            price = Fraction(request.price)
            if request.type is OrderType.STOP:
                if (self._quotes[symbol].touch(request.sign) - price) * request.sign >= 0:
                    self._fill_triggered(order, self._execution_price(symbol, request.sign, now), now)
            elif (limited := self._limit_price(symbol, request.sign, price, now)) is not None:
                self._fill_triggered(order, limited[0], now, gap=limited[1])

    def _limit_price(self, symbol: str, sign: int, price: Fraction, now: int) -> tuple[Fraction, Fraction] | None:
        """The execution price of a resting limit order or take profit, and the gap between its `price` and the quote.

        None if the quote has not reached the price.
        """
        touch = self._execution_price(symbol, sign, now)
        gap = (price - touch) * sign
        if gap < 0:
            return None
        return (touch if self._profile.limit_fills_at_quote else price), gap

    def _fill_triggered(self, order: Order, price: Fraction, now: int, *, gap: Fraction = ZERO) -> None:
        refusal = self._lack_of_money(order.request)
        if refusal is not None:
            order.end(OrderState.REJECTED, refusal)
        else:
            self._fill(order, price, now, gap=gap)

    def _trigger_stops(self, symbol: str, now: int) -> None:
        for position in self._account.of_symbol(symbol):
            touch = self._quotes[symbol].touch(-position.sign)
            loss, target = position.stop_loss, position.take_profit
            if loss is not None and (touch - Fraction(loss)) * position.sign <= 0:
                price = self._execution_price(symbol, -position.sign, now)
                self._account.close(position, price, now, DealReason.STOP_LOSS)
            elif target is not None:
                limited = self._limit_price(symbol, -position.sign, Fraction(target), now)
                if limited is not None:
                    self._account.close(position, limited[0], now, DealReason.TAKE_PROFIT, gap=limited[1])

    def _stop_out(self, now: int) -> None:
        level, account = self._profile.stop_out_level_pct, self._account
        while level is not None and account.positions and account.is_under(level):
            closable = [held for held in account.positions.values() if self._can_be_stopped_out(held, now)]
            if not closable:
                return
            for order in self._open:
                if not order.has_ended:
                    order.end(OrderState.CANCELED, order.retcode)
            worst = min(closable, key=account.open_profit)
            price = self._execution_price(worst.symbol, -worst.sign, now)
            account.close(worst, price, now, DealReason.STOP_OUT)

    def _can_be_stopped_out(self, held: Position, now: int) -> bool:
        """Whether the symbol of a position is in a session and has a quote of that session."""
        if not self._profile.keeps_sessions:
            return True
        terms = self._terms[held.symbol]
        return terms.is_traded(now) and self._quoted_ns[held.symbol] >= terms.traded_since_ns(now)

    # ---------------------------------------------------------------------------------------------------- the requests

    def _take(self, request: Request, now: int) -> None:
        match request:
            case PlaceOrder():
                self._place(request, now)
            case CancelOrder():
                self._cancel(request)
            case ModifyStops():
                self._changes.append(self._modify(request, now))

    def _place(self, request: PlaceOrder, now: int) -> None:
        arrives_ns = now + self._profile.request_latency_ms * MS_NS
        order = Order(request=request, number=len(self._orders) + 1, arrives_ns=arrives_ns)
        self._orders[request.order_id] = order
        self._open.append(order)
        if not self._is_in_session(request.symbol, now):
            order.end(OrderState.REJECTED, Retcode.MARKET_CLOSED)
        elif self._closes_too_much(order):
            order.end(OrderState.REJECTED, Retcode.CLOSE_ORDER_EXIST)
        elif arrives_ns == now:
            self._judge(order, now)

    def _closes_too_much(self, order: Order) -> bool:
        """Whether an order would close more of a position than the orders in flight leave open."""
        name = order.request.position
        held = self._account.positions.get(name)
        before = [
            Fraction(other.request.volume)
            for other in self._open
            if other is not order and not other.has_ended and other.request.position == name
        ]
        return held is not None and bool(before) and sum(before) + Fraction(order.request.volume) > held.volume

    def _cancel(self, request: CancelOrder) -> None:
        order = self._orders[request.order_id]
        placed = order.request
        rests = order.state is OrderState.RESTS
        if rests and is_frozen(placed, self._terms[placed.symbol], self._quotes[placed.symbol]):
            return
        if not order.has_ended:
            order.end(OrderState.CANCELED, order.retcode)

    def _modify(self, request: ModifyStops, now: int) -> Retcode:
        position = self._account.named(request.symbol, request.position)
        if position is None:
            return Retcode.POSITION_CLOSED
        if not self._is_in_session(request.symbol, now):
            return Retcode.MARKET_CLOSED
        refusal = refusal_of_change(request, position, self._terms[request.symbol], self._quotes[request.symbol])
        if refusal is None:
            position.stop_loss, position.take_profit = request.stop_loss, request.take_profit
        return refusal or Retcode.DONE

    def _judge(self, order: Order, now: int) -> None:
        """Process an order that has arrived: match it at the market, or add it to the resting orders."""
        refusal = self._refusal(order, now)
        if refusal is not None:
            order.end(OrderState.REJECTED, refusal)
        elif order.request.type is OrderType.MARKET:
            self._match(order, now)
        else:
            order.state, order.rests_since_ns = OrderState.RESTS, now

    def _refusal(self, order: Order, now: int) -> Retcode | None:
        request = order.request
        if not self._is_in_session(request.symbol, now):
            return Retcode.MARKET_CLOSED
        if request.position:
            held = self._account.positions.get(request.position)
            if held is None:
                return Retcode.POSITION_CLOSED
            if held.volume < Fraction(request.volume):
                return Retcode.INVALID_CLOSE_VOLUME
        elif self._is_above_volume_limit(order):
            return Retcode.LIMIT_VOLUME
        quote = self._quotes[request.symbol]
        refusal = refusal_of_order(request, self._terms[request.symbol], quote, now)
        if refusal is None and request.type is OrderType.MARKET:
            refusal = Retcode.REQUOTE if self._is_beyond_deviation(request, quote.touch(request.sign)) else None
        return refusal

    def _is_above_volume_limit(self, order: Order) -> bool:
        """Whether an order exceeds the volume limit, with the held, resting and in-flight lots of its side."""
        request = order.request
        limit = self._terms[request.symbol].volume_limit
        long, short = self._account.lots(request.symbol)
        held, against = (long, short) if request.sign > 0 else (short, long)
        pending = sum(
            Fraction(other.request.volume)
            for other in self._open
            if not other.has_ended
            and other is not order
            and (other.request.symbol, other.request.sign) == (request.symbol, request.sign)
            and not other.request.position
        )
        lots = held + pending + Fraction(request.volume)
        if not self._account.is_hedging:
            lots -= against
        return bool(limit) and lots > Fraction(limit)

    def _lack_of_money(self, request: PlaceOrder) -> Retcode | None:
        try:
            return None if self._account.covers(request) else Retcode.NO_MONEY
        except NoRateError:
            return Retcode.NO_QUOTES

    def _match(self, order: Order, now: int) -> None:
        """Execute an order at the market, unless the price is beyond the order's deviation."""
        request = order.request
        price = self._execution_price(request.symbol, request.sign, now)
        refusal = Retcode.REJECT if self._is_beyond_deviation(request, price) else self._lack_of_money(request)
        if refusal is not None:
            order.end(OrderState.REJECTED, refusal)
        else:
            self._fill(order, price, now)

    def _is_beyond_deviation(self, request: PlaceOrder, touch: Fraction) -> bool:
        if request.deviation_points is None or request.price is None:
            return False
        allowed = request.deviation_points * Fraction(self._terms[request.symbol].point)
        return (touch - Fraction(request.price)) * request.sign > allowed

    def _fill(self, order: Order, price: Fraction, now: int, *, gap: Fraction = ZERO) -> None:
        self._account.fill(order.request, price, now, gap=gap)
        order.end(OrderState.FILLED, Retcode.DONE)

    # ------------------------------------------------------------------------------------------------------ the market

    def _execution_price(self, symbol: str, sign: int, now: int) -> Fraction:
        return widened(self._quotes[symbol], now, terms=self._terms[symbol], profile=self._profile).touch(sign)

    def _is_in_session(self, symbol: str, time_ns: int) -> bool:
        return not self._profile.keeps_sessions or self._terms[symbol].is_traded(time_ns)
