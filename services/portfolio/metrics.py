"""Metrics of the portfolio process; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from common.metrics import DurationHistogram, ProcessMetrics, Reading
from proto.control import CONDITION_KINDS, DeskState, TradingState
from proto.trading.units import ZERO
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.accounting.valuation import total_unrealized_pnl
from services.portfolio.core.decision.position_rule import SignalVerdict
from services.portfolio.core.portfolio import Portfolio
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.risk.registry import HINT_OF_CODE
from services.portfolio.core.risk.rules.drawdown import drawdown_headroom, drawdown_pct
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.risk.utilization import limit_utilization
from services.portfolio.core.state.portfolio_state import PortfolioState

METRICS: Final = ProcessMetrics("portfolio")

MALFORMED: Final = METRICS.internal_counter(
    "malformed_frames_total",
    "Frames dropped because they could not be decoded",
    "socket",
    known=("signal", "report", "control"),
)
AUDITS: Final = METRICS.internal_counter(
    "ledger_audits_total",
    "Audits of the whole ledger after a start, by result",
    "outcome",
    known=("whole", "broken", "unfinished"),
)
STORAGE_FAULTS: Final = METRICS.internal_counter(
    "storage_faults_total", "Failed commits of the ledger, including failed retries"
)
COMMITS: Final = DurationHistogram()
"""Durations of the commits of the ledger."""

_SIGNALS: Final = METRICS.external_counter(
    "decided_signals_total", "Signals decided in this stream, by direction", "direction"
)
_BLOCKED: Final = METRICS.external_counter(
    "blocked_signals_total", "Signals blocked by the position rule or an open order, by reason", "reason"
)
_DENIED: Final = METRICS.external_counter(
    "denied_orders_total", "Orders denied by a risk rule, by code of the rule", "code"
)
_MODIFIED: Final = METRICS.external_counter(
    "made_modifications_total", "Modifications of stops and resting orders that the venue made since portfolio's start"
)
_REFUSED: Final = METRICS.external_counter(
    "refused_modifications_total",
    "Modifications of stops and resting orders that the venue refused since portfolio's start",
    "code",
)
_SKIPPED: Final = METRICS.external_counter(
    "skipped_ticks_total", "Ticks of this stream that were skipped without a decision"
)
_DUPLICATES: Final = METRICS.external_counter(
    "duplicate_messages_total", "Repeated signals, and answers to no open request"
)
_UNUSABLE: Final = METRICS.external_counter(
    "unusable_messages_total", "Messages dropped: malformed, of another stream or symbol, or beyond a full queue"
)
_CREATED: Final = METRICS.external_counter("created_orders_total", "Orders of the account")
_FILLS: Final = METRICS.external_counter("booked_fills_total", "Deals of the account that changed a position")
_ORDERS: Final = METRICS.gauge("account_orders", "Orders of the account, by current status", "status")
_OPEN: Final = METRICS.gauge("open_orders", "Orders that may still change a position")
_TERMS: Final = METRICS.gauge(
    "changes_of_terms_events", "Changes of the terms of symbols by the venue since portfolio's start"
)
_IN_DOUBT: Final = METRICS.gauge("in_doubt_orders", "Orders that may or may not have been executed")
_IN_FLIGHT: Final = METRICS.gauge("in_flight_questions", "Requests to the gateway that wait for an answer")
_HELD: Final = METRICS.gauge("held_signals", "Signals received and not decided yet")
_PENDING: Final = METRICS.gauge("uncommitted_events", "Events not committed because the ledger cannot be written")
_ORDINAL: Final = METRICS.gauge("decided_ordinal", "Ordinal of the last decided tick")
_STATE: Final = METRICS.gauge("desk_state", "1 for the current state of the desk, 0 for the others", "state")
_TRADING: Final = METRICS.gauge("trading_state", "1 for the current trading state, 0 for the others", "state")
_CONDITION: Final = METRICS.gauge(
    "condition_state",
    "1 while the condition holds, else 0; series with a subject exist only while it holds",
    "code",
    "subject",
)
_DRAWDOWN: Final = METRICS.gauge(
    "drawdown_ratio", "Fall of the equity from its peak, as a fraction of the peak; NaN if unknown"
)
_HEADROOM: Final = METRICS.gauge(
    "drawdown_headroom_ratio",
    "Distance to a drawdown level of the limits, as a fraction of the peak equity; negative beyond the level",
    "level",
)
_USED: Final = METRICS.gauge(
    "limit_used_ratio",
    "Current value of a risk rule divided by its limit, of several limits the largest; 1 at the limit",
    "code",
    "subject",
)
_POSITION: Final = METRICS.gauge("position_lots", "Net position, long positive", "symbol")
_BALANCE: Final = METRICS.gauge("balance_account_currency", "Balance: realized cash", "currency")
_EQUITY: Final = METRICS.gauge(
    "equity_account_currency",
    "Balance plus unrealized profit at the last marks; NaN if a position cannot be valued",
    "currency",
)
_REALIZED: Final = METRICS.gauge(
    "realized_pnl_account_currency", "Profit of closed lots, before commission and swap", "currency"
)
_UNREALIZED: Final = METRICS.gauge(
    "unrealized_pnl_account_currency",
    "Profit of open positions at the last marks; NaN if a position cannot be valued",
    "currency",
)
_COMMISSION: Final = METRICS.gauge("commission_account_currency", "Commission, negative when paid", "currency")
_SWAP: Final = METRICS.gauge("swap_account_currency", "Swap, negative when paid", "currency")
_HEARTBEAT_AGE: Final = METRICS.gauge(
    "heartbeat_age_seconds", "Time since the last hello message of a signal process", "publisher"
)
_COMMIT_SECONDS: Final = METRICS.histogram("ledger_commit_seconds", "Duration of a commit of the ledger")
_TICK_TO_SIGNAL: Final = METRICS.histogram(
    "tick_to_signal_seconds", "From the publication of a tick to the sending of its signal"
)
_SIGNAL_TO_ORDER: Final = METRICS.histogram(
    "signal_to_order_seconds", "From the sending of a signal to the sending of its order"
)
_TICK_TO_ORDER: Final = METRICS.histogram(
    "tick_to_order_seconds", "From the publication of a tick to the sending of its order"
)
_ORDER_TO_FILL: Final = METRICS.histogram(
    "order_to_fill_seconds", "From the decision for an order to the gateway's first reply that reports a fill"
)
_TICK_TO_FILL: Final = METRICS.histogram(
    "tick_to_fill_seconds", "From the publication of a tick to the commit of its order's first deal"
)

_BLOCKING: Final = tuple(
    verdict for verdict in SignalVerdict if verdict not in (SignalVerdict.PASS, SignalVerdict.HOLD)
)
_REFUSAL_CODES: Final = ("INVALID_STOPS", "INVALID_PRICE", "FROZEN", "MARKET_CLOSED")
"""Codes of refused modifications whose series exist before the first refusal."""

_hello_mono_ns: dict[str, int] = {}
"""Monotonic time of the last hello message of each publisher."""


def record_signal_hello(publisher: str, mono_ns: int) -> None:
    """Record that a hello message of a signal process arrived at monotonic time `mono_ns`."""
    _hello_mono_ns[publisher] = mono_ns


def update(portfolio: Portfolio, mono_ns: int, *, uncommitted: int = 0) -> None:
    """Set gauges, histograms and external counters from the state of the process.

    Args:
        portfolio: the core of the process.
        mono_ns: current monotonic time.
        uncommitted: number of events that wait for the ledger.
    """
    METRICS.update(lambda: _readings(portfolio, mono_ns, uncommitted))


def _readings(portfolio: Portfolio, mono_ns: int, uncommitted: int) -> Iterator[Reading]:
    state = portfolio.state
    yield _PENDING, uncommitted
    yield from _progress(portfolio)
    yield from _account(portfolio)
    yield from _trading(state, mono_ns)
    for publisher, at_ns in _hello_mono_ns.items():
        yield _HEARTBEAT_AGE, (mono_ns - at_ns) / 1e9, publisher
    yield _COMMIT_SECONDS, COMMITS
    yield _TICK_TO_SIGNAL, state.latencies.tick_to_signal
    yield _SIGNAL_TO_ORDER, state.latencies.signal_to_order
    yield _TICK_TO_ORDER, state.latencies.tick_to_order
    yield _ORDER_TO_FILL, state.latencies.order_to_fill
    yield _TICK_TO_FILL, state.latencies.tick_to_fill


def _progress(portfolio: Portfolio) -> Iterator[Reading]:
    state, cursor, book = portfolio.state, portfolio.state.stream.cursor, portfolio.state.account.book
    for direction in ("buy", "sell", "hold", "warming_up"):
        yield _SIGNALS, getattr(cursor, direction), direction
    for reason in dict.fromkeys((*_BLOCKING, *cursor.blocked)):
        yield _BLOCKED, cursor.blocked.get(reason, 0), reason
    for code in dict.fromkeys((*HINT_OF_CODE, *cursor.denied)):
        yield _DENIED, cursor.denied.get(code, 0), code
    yield _MODIFIED, state.account.modifications.made
    for code in dict.fromkeys((*_REFUSAL_CODES, *state.account.modifications.refused)):
        yield _REFUSED, state.account.modifications.refused[code], code
    yield _SKIPPED, cursor.gaps
    yield _DUPLICATES, state.stream.duplicates
    yield _UNUSABLE, state.stream.malformed
    yield _CREATED, len(book.orders)
    yield _FILLS, book.position_changes
    for status in OrderStatus:
        yield _ORDERS, book.order_counts[status], status
    yield _OPEN, len(book.open_orders)
    yield _TERMS, portfolio.state.warnings.instrument_change_count
    yield _IN_DOUBT, book.order_counts[OrderStatus.IN_DOUBT]
    yield _IN_FLIGHT, portfolio.in_flight
    yield _HELD, portfolio.queued_signals
    yield _ORDINAL, cursor.ordinal
    for desk_state in DeskState:
        yield _STATE, int(desk_state is portfolio.state.stream.desk_state), desk_state


def _trading(state: PortfolioState, mono_ns: int) -> Iterator[Reading]:
    for trading_state in TradingState:
        yield _TRADING, int(trading_state is state.account.book.trading_state), trading_state
    present = {(one.code, one.subject) for one in conditions_of(state, mono_ns)}
    for code, subject in dict.fromkeys((*((code, "") for code in CONDITION_KINDS), *present)):
        yield _CONDITION, int((code, subject) in present), code, subject
    account = RiskContext(state.account.book, state.stream.cursor, state.config.limits, state.stream.risk)
    fallen = drawdown_pct(account)
    yield _DRAWDOWN, float("nan") if fallen is None else float(fallen) / 100
    for level, left in drawdown_headroom(account).items():
        yield _HEADROOM, left, level
    used: dict[tuple[str, str], float] = {}
    for row in limit_utilization(account, state.stream.domain_ns(mono_ns)):
        if row.used_fraction is not None:
            used[row.code, row.subject] = max(row.used_fraction, used.get((row.code, row.subject), row.used_fraction))
    for (code, subject), fraction in used.items():
        yield _USED, fraction, code, subject


def _account(portfolio: Portfolio) -> Iterator[Reading]:
    state, book = portfolio.state, portfolio.state.account.book
    for symbol in state.config.symbols:
        position = book.positions.get(symbol)
        yield _POSITION, float(ZERO if position is None else position.net_volume), symbol
    if book.stream is None:
        return
    unrealized = total_unrealized_pnl(book, state.stream.cursor.marks)
    equity = None if unrealized is None else book.balance + unrealized
    for metric, amount in (
        (_BALANCE, book.balance),
        (_EQUITY, equity),
        (_REALIZED, book.realized_pnl),
        (_UNREALIZED, unrealized),
        (_COMMISSION, book.commission),
        (_SWAP, book.swap),
    ):
        yield metric, _number(amount), book.stream.currency


def _number(amount: Decimal | None) -> float:
    return float("nan") if amount is None else float(amount)
