"""Decides one signal: position rule, closes, sizing, risk rules, orders.

A market order closes a position in the opposite direction; on a hedging account each ticket has its own closing order.
`planned_entry.py` determines volume, price and exits of the entry. On a netting account a close and a market entry are
one order, which reverses the position. An order is stored with the inputs of its decision, so that it can be explained
later.
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
from proto.trading.units import ZERO, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import CancelRequested, OrderCreated, OrderDenied, ProtectionSet
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.orders import Decision
from services.portfolio.core.account.position import Position
from services.portfolio.core.account.protection import Protection, protection_key
from services.portfolio.core.account.tick_cursor import LatestDenial, TickCursor, blocked_signal
from services.portfolio.core.accounting.valuation import AccountValuation
from services.portfolio.core.decision.order_factory import decision_at, order_created, protection_set
from services.portfolio.core.decision.planned_entry import PlannedEntry, plan_entry
from services.portfolio.core.decision.position_judgement import entries_against, judge_position
from services.portfolio.core.decision.position_rule import SIGNAL_NAMES, SignalVerdict
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import SizingMethod
from services.portfolio.core.risk.checks import (
    Outlook,
    check_base_rules,
    check_before_sizing,
    check_closed_part,
    check_order,
    check_sized,
    outlook,
)
from services.portfolio.core.risk.rule import Phase
from services.portfolio.core.risk.rules.symbol import market_closed
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext
from services.portfolio.core.sizing.volatility import Volatility
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.stream import StreamState

NO_SIZE: Final = "NO_SIZE"
"""Denial code if the plan's sizing method results in a volume of zero."""


def update_risk_from_tick(
    signal: Signal, valuation: AccountValuation, stream: StreamState, *, spread: bool, equity: bool
) -> bool:
    """Update the risk state from a tick that `StreamState.count` has recorded.

    Args:
        signal: the tick.
        valuation: value of the account.
        stream: owner of the risk state and the marks.
        spread: whether to update the symbol's median spread.
        equity: whether to update the equity's peaks, with the positions valued at the marks.

    Returns:
        Whether the equity was updated and has changed.
    """
    book = valuation.book
    instrument = book.instruments.get(signal.symbol)
    if instrument is None or book.stream is None:
        return False
    if spread:
        stream.on_spread(signal.symbol, signal.ask - signal.bid, point_size(instrument))
    if not equity:
        return False
    current = valuation.equity(stream.cursor.marks)
    return current is not None and stream.on_equity(current, signal.time_ns)


def point_size(instrument: Instrument) -> float:
    """Size of an instrument's point in price units, for its median spread."""
    return 10.0**-instrument.digits


class DecisionConditions(NamedTuple):
    """Inputs of a decision other than account and ticks; the defaults are those of a lock-step stream.

    Attributes:
        valid_until_ns: venue time after which the venue must not accept an order; 0 for no limit.
        tick_age_ns: age of the signal's tick in venue time.
        storage_problem: why the ledger cannot be written; empty if it can.
        latest_bid_ask: the symbol's latest bid and ask; None for the signal's bid and ask.
        is_unproven: whether an order of the symbol was presumed to have expired and no reconciliation has completed
            since.
        lease_problem: why the gateway refuses orders that open exposure; empty if it accepts them.
        closed_symbols: symbols whose market the venue recently reported as closed, although their sessions are open or
            unknown.
    """

    valid_until_ns: int = 0
    tick_age_ns: int = 0
    storage_problem: str = ""
    latest_bid_ask: tuple[float, float] | None = None
    is_unproven: bool = False
    lease_problem: str = ""
    closed_symbols: Set[str] = frozenset()

    def is_traded(self, instrument: Instrument, time_ns: int) -> bool:
        """Whether the symbol's session is open at venue time `time_ns` and its market was not reported as closed."""
        return instrument.is_traded(time_ns) and instrument.symbol not in self.closed_symbols


LOCK_STEP_CONDITIONS: Final = DecisionConditions()


class DecisionResult(NamedTuple):
    """The events of a signal's decision, and the denial, if any; a denial may restrict the trading state."""

    events: Sequence[OrderCreated | OrderDenied | CancelRequested | ProtectionSet] = ()
    denial: Denial | None = None


def decide_signal(
    signal: Signal,
    book: Book,
    stream: StreamState,
    config: DeskConfig,
    conditions: DecisionConditions = LOCK_STEP_CONDITIONS,
) -> DecisionResult:
    """Decide a signal with direction +1 or -1: orders, a denial, or neither if the position rule blocks it.

    A signal may both close a position and enter a new one. If a rule denies the entry, or its planned volume is zero,
    the signal only closes. The signal also cancels resting entries of the opposite direction.

    Args:
        signal: already recorded by `StreamState.count`.
        book: the account.
        stream: the ticks so far, with the state of risk rules and sizing.
        config: the desk's settings.
        conditions: inputs other than account and ticks.
    """
    symbol, cursor = signal.symbol, stream.cursor
    position = own_position(book, symbol, config.limits.foreign_orders)
    judgement = judge_position(
        signal.direction, position, book, legs_max=config.limits.position_legs_max, is_unproven=conditions.is_unproven
    )
    if judgement.verdict is not SignalVerdict.PASS:
        cursor.on_blocked(symbol, blocked_signal(signal, judgement.verdict.value), judgement.reason)
        return DecisionResult(_canceled_entries(signal, book) if judgement.verdict is SignalVerdict.ORDER_OPEN else ())
    decision = SignalDecision(signal, judgement.reason, position, book, stream, config, conditions)
    decided, canceled = decision.decide(), _canceled_entries(signal, book)
    return DecisionResult([*canceled, *decided.events], decided.denial) if canceled else decided


class SignalDecision:
    """Decides a signal that passed the position rule."""

    def __init__(
        self,
        signal: Signal,
        reason: str,
        position: Position,
        book: Book,
        stream: StreamState,
        config: DeskConfig,
        conditions: DecisionConditions,
    ) -> None:
        """Decide for the desk's own `position` in the symbol; `reason` is that of the position rule."""
        self._signal = signal
        self._reason = reason
        self._context = RiskContext(
            book,
            stream.cursor,
            config.limits,
            stream.risk,
            conditions.storage_problem,
            conditions.tick_age_ns,
            conditions.latest_bid_ask or (signal.bid, signal.ask),
            config.plan,
            config.signal_age_ns_max,
            conditions.lease_problem,
        )
        self._instrument = book.instruments[signal.symbol]
        self._plan = config.plan.for_symbol(signal.symbol)
        self._touch = to_decimal(signal.ask if signal.direction > 0 else signal.bid)
        self._volatility: Mapping[str, Volatility] = stream.volatility
        self._config = config
        self._conditions = conditions
        self._position = position
        self._may_enter = book.trading_state is TradingState.ACTIVE
        self._is_traded = conditions.is_traded(self._instrument, signal.time_ns)
        """Whether the symbol's market is open at the signal's tick."""

    def decide(self) -> DecisionResult:
        """Return the events of the closes and of the planned entry, as far as the risk rules allow them."""
        signal, account = self._signal, self._context
        closings = self._closings()
        if closings and not self._is_traded:
            return self._wait_for_session(closings)
        denial, opening, sizing, closed = None, None, "", ZERO
        if self._enters(closing=bool(closings)):
            denial = (
                check_before_sizing(self._close_proposal(ZERO), account, signal.time_ns) if self._may_enter else None
            )
            if denial is None:
                opening, sizing = self._planned_entry()
        if opening is not None:
            if closings and self._is_one_order(opening):
                closed = sum((volume for _, volume in closings), ZERO)
            # If trading is ACTIVE, the rules before sizing have passed already; otherwise the full check denies here.
            check = check_sized if self._may_enter else check_order
            denial = check(self._entry_proposal(opening, closed), account, signal.time_ns)
            if denial is None and not self._is_traded:
                denial = market_closed(signal.symbol, signal.time_ns)
        elif denial is None and not closings:
            denial = Denial(NO_SIZE, "a volume to trade", sizing)
        reason = self._reason
        if denial is not None and closings:
            why = f"{denial.code} {denial_message(limit=denial.limit, observed=denial.observed)}"
            reason = f"{reason}; closes only: {why}"[:512]
            opening, denial = None, None
        is_one_order = opening is not None and closed
        check_close = check_closed_part if is_one_order else check_base_rules
        for _, volume in closings if denial is None else ():
            denial = denial or check_close(self._close_proposal(volume), account, signal.time_ns)
        if denial is not None:
            return _deny(signal, denial, account.book, account.cursor, self._config)
        account.cursor.on_passed(signal.symbol)
        if opening is not None and is_one_order:
            return DecisionResult([self._entry(opening, closed, reason)])
        made = self._closes(closings, reason) if closings else []
        if opening is not None:
            made.append(self._entry(opening, ZERO, reason, ahead=len(made)))
        return DecisionResult(made)

    def denial_outlook(self) -> Outlook | None:
        """Return the denial by the rules and how long further such signals get one with its code.

        None if the signal closes a position, or if its denial depends on the computed volume.
        """
        time_ns, closings = self._signal.time_ns, self._closings()
        if self._may_enter:
            if closings:
                return None
            return outlook(Phase.BEFORE_SIZING, self._close_proposal(ZERO), self._context, time_ns)
        if closings:
            # HALTED denies the close of each leg, in a session or not.
            return outlook(Phase.BASE, self._close_proposal(closings[0][1]), self._context, time_ns)
        if self._plan.sizing.method is not SizingMethod.FIXED:
            return None
        opening, _ = self._planned_entry()
        return (
            None
            if opening is None
            else outlook(Phase.BASE, self._entry_proposal(opening, ZERO), self._context, time_ns)
        )

    def _planned_entry(self) -> tuple[PlannedEntry | None, str]:
        return plan_entry(self._signal, self._touch, self._context, self._volatility, self._plan, self._config)

    def _wait_for_session(self, closings: list[tuple[int, Decimal]]) -> DecisionResult:
        """Deny the signal, and schedule the close of each leg for the first tick of the next session.

        A leg whose close is already due is not scheduled again.
        """
        signal, book = self._signal, self._context.book
        symbol, time_ns = signal.symbol, signal.time_ns
        denial: Denial | None = None
        for _, volume in closings:
            denial = denial or check_base_rules(self._close_proposal(volume), self._context, time_ns)
        scheduled: list[ProtectionSet] = []
        for ticket, _ in closings if denial is None else ():
            guard = book.protections.get(protection_key(symbol, ticket))
            guard = guard or Protection(symbol=symbol, position=ticket, tag=self._plan.tag)
            if not 0 < guard.exit_ns <= time_ns:
                why = f"the signal is {SIGNAL_NAMES[signal.direction]}: closed at the first tick of the next session"
                scheduled.append(protection_set(structs.replace(guard, exit_ns=time_ns), why, signal))
        denied = _deny(signal, denial or market_closed(symbol, time_ns), book, self._context.cursor, self._config)
        return denied._replace(events=[*scheduled, *denied.events])

    def _closings(self) -> list[tuple[int, Decimal]]:
        """Ticket (0 on a netting account) and lots of each leg that the signal closes."""
        most, against = self._instrument.volume_max, -self._signal.direction
        return [(leg.ticket, min(leg.volume, most)) for leg in self._position.legs if leg.direction == against]

    def _enters(self, *, closing: bool) -> bool:
        """Whether the signal may enter; `closing` means that it also closes a position.

        On a hedging account a signal never does both: if the close were filled only in part, the rest of the old leg
        would stay open beside the new leg. The next signal in that direction enters.
        """
        if not closing:
            return True
        may_reverse = self._config.on_opposite is OnOpposite.REVERSE and not self._context.book.is_hedging
        return may_reverse and self._may_enter and not self._has_open_order()

    def _has_open_order(self) -> bool:
        """Whether the symbol has an open order, which may still be filled, so that a reversal must not enter."""
        return self._signal.symbol in self._context.book.open_orders.values()

    def _is_one_order(self, opening: PlannedEntry) -> bool:
        """Whether close and entry are combined in one order, which reverses the position."""
        return not self._context.book.is_hedging and opening.terms["type"] is OrderType.MARKET

    def _entry_proposal(self, opening: PlannedEntry, closed: Decimal) -> OrderProposal:
        terms = opening.terms
        return OrderProposal(
            self._instrument,
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

    def _close_proposal(self, volume: Decimal) -> OrderProposal:
        signal = self._signal
        return OrderProposal(self._instrument, signal.direction, volume, ZERO, self._touch, signal.confidence)

    def _closes(self, closings: list[tuple[int, Decimal]], reason: str) -> list[OrderCreated]:
        decision = self._decision(reason)
        return [
            self._order(ahead, volume, decision, {"position": ticket, "time_in_force": TimeInForce.IOC})
            for ahead, (ticket, volume) in enumerate(closings)
        ]

    def _entry(self, opening: PlannedEntry, closed: Decimal, reason: str, ahead: int = 0) -> OrderCreated:
        """The order of an entry, which also closes `closed` lots."""
        decision = self._decision(reason, opening.explanation)
        return self._order(ahead, closed + opening.volume, decision, opening.terms)

    def _decision(self, reason: str, sizing: str = "") -> Decision:
        return decision_at(
            self._signal,
            self._context.book,
            self._context.cursor,
            direction=self._signal.direction,
            position_before=self._position.net_volume,
            reason=reason,
            sizing=sizing,
        )

    def _order(self, ahead: int, volume: Decimal, decision: Decision, terms: dict[str, Any]) -> OrderCreated:
        return order_created(
            self._context.book,
            decision,
            symbol=self._signal.symbol,
            direction=self._signal.direction,
            volume=volume,
            valid_until_ns=self._conditions.valid_until_ns,
            ahead=ahead,
            tag=self._plan.tag,
            **terms,
        )


def _canceled_entries(signal: Signal, book: Book) -> list[CancelRequested]:
    """Cancels of the resting entries that signals of the opposite direction have made."""
    if not book.open_orders:
        return []
    return [
        CancelRequested(
            order_id=order.order_id,
            why=" ".join(("the signal is", SIGNAL_NAMES[signal.direction], "by now")),  # every version stores this text
            ordinal=signal.ordinal,
            time_ns=signal.time_ns,
        )
        for order in entries_against(signal.symbol, signal.direction, book)
    ]


def _deny(signal: Signal, denial: Denial, book: Book, cursor: TickCursor, config: DeskConfig) -> DecisionResult:
    """Count a denial; of consecutive denials with one code and direction, only the first becomes an event."""
    latest = LatestDenial(denial.code, denial.limit, denial.observed, signal.time_ns, denial.until_ns)
    if not cursor.on_denied(signal.symbol, signal.direction, latest):
        return DecisionResult((), denial)
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
