"""From one signal to the orders it comes to: mark, judge, size, check.

A position against the signal is closed at the market, by one order, or by one for each ticket on a hedging account; what is
opened then is sized and planned (`planned_entry.py`). At the market of a netting account both are one order. Everything an order is
decided on is stored with it, so that the decision can be walked later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Any, Final, NamedTuple

from msgspec import structs

from proto.control import TradingState, denial_message
from proto.messages import Signal
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.instrument import Instrument
from proto.trading.units import to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import CancelRequested, OrderCreated, OrderDenied, ProtectionSet
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause, Decision, Order
from services.portfolio.core.account.position import ZERO, Position
from services.portfolio.core.account.protection import Protection, protection_key
from services.portfolio.core.account.tick_cursor import BlockedSignal, LatestDenial, TickCursor
from services.portfolio.core.accounting.valuation import total_unrealized_pnl
from services.portfolio.core.decision.order_factory import decision_at, order_created, protection_set
from services.portfolio.core.decision.planned_entry import PlannedEntry, plan_entry
from services.portfolio.core.decision.position_rule import (
    SIGNAL_NAMES,
    PositionRuleResult,
    SignalVerdict,
    check_position_rule,
)
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.risk.checks import check_base_rules, check_before_sizing, check_order, check_sized
from services.portfolio.core.risk.rules.symbol import market_closed
from services.portfolio.core.risk.state_updates import update_equity_peaks, update_spread_median
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext
from services.portfolio.core.sizing.volatility import Volatility
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.stream import StreamState

NO_SIZE: Final = "NO_SIZE"
"""Code of a denial by the plan's sizing: there is nothing to trade."""


def update_risk_from_tick(signal: Signal, book: Book, stream: StreamState, *, spread: bool, equity: bool) -> bool:
    """Update what the risk rules remember from a counted tick: the median of the `spread`, the `equity` at the marks.

    Returns:
        Whether the equity has moved.
    """
    instrument = book.instruments.get(signal.symbol)
    if instrument is None or book.stream is None:
        return False
    if spread:
        update_spread_median(stream.risk, signal.symbol, signal.ask - signal.bid, 10.0**-instrument.digits)
    if not equity:
        return False
    unrealized = total_unrealized_pnl(book, stream.cursor.marks)
    return unrealized is not None and update_equity_peaks(stream.risk, book.balance + unrealized, signal.time_ns)


class DecisionConditions(NamedTuple):
    """What the process knows of the moment beside account and ticks; the defaults are those of a lock-step stream.

    `valid_until_ns`: venue time after which an order may not be taken any more, 0 for no such time. `tick_age_ns`: how
    far the venue's clock is past the signal's tick. `storage_problem`: why nothing can be made durable, or nothing.
    `latest_bid_ask`: the latest bid and ask of the symbol that the process has; the signal's own without.
    `is_unproven`: an order of the symbol was presumed to have expired, and the venue has not been compared since.
    `lease_problem`: why the gateway takes nothing that opens, or nothing. `closed_symbols`: the venue has just reported
    their markets closed, whatever their known sessions.
    """

    valid_until_ns: int = 0
    tick_age_ns: int = 0
    storage_problem: str = ""
    latest_bid_ask: tuple[float, float] | None = None
    is_unproven: bool = False
    lease_problem: str = ""
    closed_symbols: Set[str] = frozenset()

    def is_traded(self, instrument: Instrument, time_ns: int) -> bool:
        """Whether the venue may execute and change anything in a symbol, as far as is known."""
        return instrument.is_traded(time_ns) and instrument.symbol not in self.closed_symbols


LOCK_STEP_CONDITIONS: Final = DecisionConditions()


class DecisionResult(NamedTuple):
    """What a signal comes to: its events, and the denial among them, which may ask for another state of the desk."""

    events: Sequence[OrderCreated | OrderDenied | CancelRequested | ProtectionSet] = ()
    denial: Denial | None = None


def decide_signal(
    signal: Signal,
    book: Book,
    stream: StreamState,
    config: DeskConfig,
    conditions: DecisionConditions = LOCK_STEP_CONDITIONS,
) -> DecisionResult:
    """Judge a signal that asks for a trade (direction +1 or -1) and make the orders it comes to, if any.

    An order that closes a position and opens the other side is cut to the close where a limit stands against the opening, or the
    plan opens nothing. An entry that still rests is canceled by the opposite signal.

    Args:
        signal: counted and marked.
        book: the account.
        stream: the ticks so far, and what risk rules and sizing remember of them.
        config: what the desk was told.
        conditions: what is known of the moment.
    """
    symbol, cursor = signal.symbol, stream.cursor
    position = own_position(book, symbol, config.limits.foreign_orders)
    open_order = _blocking(book, symbol, closes=position.has_leg_against(signal.direction))
    judgement = check_position_rule(
        signal.direction,
        position,
        open_order,
        entries=_entries(book, position, signal.direction),
        legs_max=config.limits.position_legs_max,
    )
    if judgement.verdict is SignalVerdict.PASS and conditions.is_unproven:
        words = (
            f"[RISK] BLOCKED: an order of {symbol} was presumed to have expired, ledger and venue are compared first"
        )
        judgement = PositionRuleResult(SignalVerdict.UNPROVEN, words)
    if judgement.verdict is not SignalVerdict.PASS:
        cursor.blocked[judgement.verdict] = cursor.blocked.get(judgement.verdict, 0) + 1
        cursor.last_blocked[symbol] = judgement.reason
        cursor.blocked_signals[symbol] = _blocked(signal, judgement.verdict)
        return DecisionResult(_canceled_entries(signal, book) if judgement.verdict is SignalVerdict.ORDER_OPEN else ())
    decision = decision_at(
        signal,
        book,
        cursor,
        direction=signal.direction,
        position_before=position.net_volume,
        reason=judgement.reason,
    )
    account = RiskContext(
        book,
        cursor,
        config.limits,
        stream.risk,
        conditions.storage_problem,
        conditions.tick_age_ns,
        conditions.latest_bid_ask or (signal.bid, signal.ask),
        config.plan,
        config.signal_age_ns_max,
        conditions.lease_problem,
    )
    decided = _SignalDecision(signal, decision, position, account, stream.volatility, config, conditions).decided()
    return decided._replace(events=[*_canceled_entries(signal, book), *decided.events])


class _SignalDecision:
    """One signal that may trade, on its way to its orders."""

    def __init__(
        self,
        signal: Signal,
        decision: Decision,
        position: Position,
        context: RiskContext,
        volatility: Mapping[str, Volatility],
        config: DeskConfig,
        conditions: DecisionConditions,
    ) -> None:
        self._signal = signal
        self._decision = decision
        self._context = context
        self._volatility = volatility
        self._config = config
        self._conditions = conditions
        self._position = position

    def decided(self) -> DecisionResult:
        """The orders of the plan that the risk rules allow."""
        signal, account = self._signal, self._context
        closings = self._closings()
        if closings and not self._is_traded():
            return self._wait_for_session(closings)
        denial, opening, words = None, None, ""
        if self._opens(closing=bool(closings)):
            denial = check_before_sizing(self._closing(ZERO), account, signal.time_ns) if self._may_open else None
            if denial is None:
                opening, words = plan_entry(signal, self._decision, account, self._volatility, self._config)
        if opening is not None:
            closed = sum((volume for _, volume in closings), ZERO) if self._is_one_order(opening) else ZERO
            # An active desk has passed the rules before sizing; any other is denied by its trading state.
            check = check_sized if self._may_open else check_order
            denial = check(self._proposal(opening, closed), account, signal.time_ns)
            if denial is None and not self._is_traded():
                denial = market_closed(signal.symbol, signal.time_ns)
        elif denial is None and not closings:
            denial = Denial(NO_SIZE, "a volume to trade", words)
        reason = self._decision.reason
        if denial is not None and closings:
            reason = (
                f"{reason}; closes only: {denial.code} {denial_message(limit=denial.limit, observed=denial.observed)}"[
                    :512
                ]
            )
            opening, denial = None, None
        for _, volume in closings if denial is None else ():
            denial = denial or check_base_rules(self._closing(volume), account, signal.time_ns)
        if denial is not None:
            return _deny(signal, denial, account.book, account.cursor, self._config)
        account.cursor.last_denied.pop(signal.symbol, None)
        account.cursor.latest_denials.pop(signal.symbol, None)
        return DecisionResult(self._made(closings, opening, structs.replace(self._decision, reason=reason)))

    def _is_traded(self) -> bool:
        """Whether the symbol is traded at the signal's tick."""
        signal = self._signal
        return self._conditions.is_traded(self._context.book.instruments[signal.symbol], signal.time_ns)

    def _wait_for_session(self, closings: list[tuple[int, Decimal]]) -> DecisionResult:
        """Schedule a close of each position at the first tick of the next session, once, and deny the signal."""
        signal, book = self._signal, self._context.book
        symbol, time_ns = signal.symbol, signal.time_ns
        denial: Denial | None = None
        for _, volume in closings:
            denial = denial or check_base_rules(self._closing(volume), self._context, time_ns)
        noted: list[ProtectionSet] = []
        for ticket, _ in closings if denial is None else ():
            tag = self._config.plan.for_symbol(symbol).tag
            guard = book.protections.get(protection_key(symbol, ticket))
            guard = guard or Protection(symbol=symbol, position=ticket, tag=tag)
            if not 0 < guard.exit_ns <= time_ns:
                why = f"the signal is {SIGNAL_NAMES[signal.direction]}: closed at the first tick of the next session"
                noted.append(protection_set(structs.replace(guard, exit_ns=time_ns), why, signal))
        denied = _deny(signal, denial or market_closed(symbol, time_ns), book, self._context.cursor, self._config)
        return denied._replace(events=[*noted, *denied.events])

    def _closings(self) -> list[tuple[int, Decimal]]:
        """Ticket (0 on a netting account) and lots of what the signal closes."""
        most, against = self._context.book.instruments[self._signal.symbol].volume_max, -self._signal.direction
        return [(leg.ticket, min(leg.volume, most)) for leg in self._position.legs if leg.direction == against]

    def _opens(self, *, closing: bool) -> bool:
        """Whether the signal is to open something, beside what it closes.

        On a hedging account what is closed has to be gone first: the close may be filled in part, and what is left of it would
        stand beside what was opened. The next signal opens.
        """
        if not closing:
            return True
        may_turn = self._config.on_opposite is OnOpposite.REVERSE and not self._context.book.is_hedging
        return may_turn and self._may_open and not self._rests()

    @property
    def _may_open(self) -> bool:
        return self._context.book.trading_state is TradingState.ACTIVE

    def _rests(self) -> bool:
        """Whether an order of the symbol rests: it counts as if it were filled, and nothing is opened beside it."""
        return bool(self._context.book.open_orders_of(self._signal.symbol))

    def _is_one_order(self, opening: PlannedEntry) -> bool:
        """Whether what is closed and what is opened go out as one order, which turns the position over."""
        return not self._context.book.is_hedging and opening.terms["type"] is OrderType.MARKET

    def _proposal(self, opening: PlannedEntry, closed: Decimal) -> OrderProposal:
        terms = opening.terms
        return OrderProposal(
            self._context.book.instruments[self._signal.symbol],
            self._signal.direction,
            closed + opening.volume,
            opening.volume,
            opening.price,
            self._signal.confidence,
            stop_loss=terms["stop_loss"],
            take_profit=terms["take_profit"],
            type=terms["type"],
            limit_price=terms["limit_price"],
            time_in_force=terms["time_in_force"],
            expires_ns=terms.get("expires_ns", 0),
        )

    def _closing(self, volume: Decimal) -> OrderProposal:
        signal, decision = self._signal, self._decision
        price = decision.ask if signal.direction > 0 else decision.bid
        instrument = self._context.book.instruments[signal.symbol]
        return OrderProposal(instrument, signal.direction, volume, ZERO, price, signal.confidence)

    def _made(
        self, closings: list[tuple[int, Decimal]], opening: PlannedEntry | None, decision: Decision
    ) -> list[OrderCreated]:
        """The orders: one that turns the position over, or those that close and the one that opens."""
        book, symbol = self._context.book, self._signal.symbol
        tag = self._config.plan.for_symbol(symbol).tag
        made: list[OrderCreated] = []

        def make(volume: Decimal, decided: Decision, **terms: Any) -> None:
            made.append(
                order_created(
                    book,
                    decided,
                    symbol=symbol,
                    direction=self._signal.direction,
                    volume=volume,
                    valid_until_ns=self._conditions.valid_until_ns,
                    ahead=len(made),
                    tag=tag,
                    **terms,
                )
            )

        turns = opening is not None and bool(closings) and self._is_one_order(opening)
        for ticket, volume in () if turns else closings:
            make(volume, decision, position=ticket, time_in_force=TimeInForce.IOC)
        if opening is not None:
            closed = sum((volume for _, volume in closings), ZERO) if turns else ZERO
            make(closed + opening.volume, structs.replace(decision, sizing=opening.explanation), **opening.terms)
        return made


def _blocking(book: Book, symbol: str, *, closes: bool) -> str | None:
    """The first open order that a signal has to wait for; one that only rests keeps nobody from closing."""
    for order_id, of in book.open_orders.items():
        if of == symbol and not (closes and _is_resting(book.orders[order_id])):
            return order_id
    return None


def _entries(book: Book, position: Position, direction: int) -> int:
    """Orders that opened what is held in a direction: one filled in parts is one entry."""
    if book.is_hedging:
        return sum(leg.direction == direction for leg in position.legs)
    return len({book.order_of_deal.get(int(lot.opened_by), lot.opened_by) for lot in position.lots})


def _is_resting(order: Order) -> bool:
    return order.can_rest and order.status is OrderStatus.ACCEPTED


def _canceled_entries(signal: Signal, book: Book) -> list[CancelRequested]:
    """Entries that rest against the signal are no longer wanted."""
    return [
        CancelRequested(
            order_id=order.order_id,
            why=f"the signal is {SIGNAL_NAMES[signal.direction]} by now",
            ordinal=signal.ordinal,
            time_ns=signal.time_ns,
        )
        for order in book.open_orders_of(signal.symbol)
        if order.can_rest
        and order.decision.cause is Cause.SIGNAL
        and order.side.sign == -signal.direction
        and not order.cancel_asked
    ]


def _blocked(signal: Signal, verdict: SignalVerdict) -> BlockedSignal:
    return BlockedSignal(
        signal.ordinal,
        signal.sequence,
        signal.time_ns,
        signal.direction,
        signal.confidence,
        signal.bid,
        signal.ask,
        signal.publisher,
        verdict.value,
    )


def _deny(signal: Signal, denial: Denial, book: Book, cursor: TickCursor, config: DeskConfig) -> DecisionResult:
    """Count a denial; only the first of a run of equal ones is an event."""
    cursor.denied[denial.code] = cursor.denied.get(denial.code, 0) + 1
    cursor.latest_denials[signal.symbol] = LatestDenial(
        denial.code, denial.limit, denial.observed, signal.time_ns, denial.until_ns
    )
    run = f"{denial.code} {signal.direction}"
    if cursor.last_denied.get(signal.symbol) == run:
        return DecisionResult((), denial)
    cursor.last_denied[signal.symbol] = run
    assert book.stream is not None
    event = OrderDenied(
        symbol=signal.symbol,
        direction=signal.direction,
        ordinal=signal.ordinal,
        time_ns=signal.time_ns,
        code=denial.code,
        limit=denial.limit,
        observed=denial.observed,
        denial_id=f"{book.stream.incarnation}-d{signal.ordinal}",
        publisher=signal.publisher,
        sequence=signal.sequence,
        confidence=signal.confidence,
        bid=to_decimal(signal.bid),
        ask=to_decimal(signal.ask),
        position_before=own_position(book, signal.symbol, config.limits.foreign_orders).net_volume,
        tag=config.plan.for_symbol(signal.symbol).tag,
    )
    return DecisionResult((event,), denial)
