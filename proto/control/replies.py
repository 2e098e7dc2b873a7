"""Replies of portfolio's control socket: status, reconciliation, trading state, and outcomes of commands."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from proto.control.conditions import CONDITIONS_MAX, Condition, TradingState
from proto.control.views import (
    AccountView,
    EquityReply,
    FillsReply,
    LatencyReply,
    OrdersReply,
    PositionsReply,
    RiskReply,
    TradesReply,
    WhyReply,
)
from proto.time import utc_text
from proto.trading.units import Cursor, Name, Text


class DeskState(StrEnum):
    """State of the portfolio process; not stored."""

    CONNECTING = "CONNECTING"
    RECONCILING = "RECONCILING"
    WAITING_FOR_SIGNALS = "WAITING_FOR_SIGNALS"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    """Portfolio cannot continue until it is restarted."""


class Difference(Struct, frozen=True, kw_only=True):
    """One difference between ledger and venue.

    `kind`: missing_deal, unknown_deal, missing_order, unknown_order, volume, price, status, stops, position, cash.
    `remedy` is the action that resolves the difference, or the statement that a person has to decide.
    """

    kind: Name
    subject: Text
    ledger: Text
    venue: Text
    remedy: Text


class LatencyQuantiles(Struct, frozen=True, kw_only=True):
    """Quantiles in microseconds of `count` observations since the process started."""

    count: int
    p50: float
    p99: float
    p999: float


class PositionLine(Struct, frozen=True, kw_only=True):
    """One open position; `net_volume` in lots, long positive."""

    net_volume: Decimal
    avg_entry_price: Decimal
    unrealized_pnl: Decimal | None


class QuoteLine(Struct, frozen=True, kw_only=True):
    """A symbol's latest quote; `age_ms` is the time since portfolio received it, None in a lock-step stream."""

    bid: float
    ask: float
    spread_points: float | None
    time_ns: int
    age_ms: int | None


class SignalLine(Struct, frozen=True, kw_only=True):
    """A symbol's latest signal; `direction` +1 buy, 0 hold, -1 sell."""

    direction: int
    confidence: float
    reason: Text
    time_ns: int


class OrderLine(Struct, frozen=True, kw_only=True):
    """An order in a status reply: volume in lots, realized profit in account currency, times of the venue's clock."""

    order_id: Name
    symbol: Name
    side: Text
    volume: Decimal
    status: Text
    price: Decimal
    filled_price: Decimal | None
    profit: Decimal
    created_ns: int
    code: Text


class DenialLine(Struct, frozen=True, kw_only=True):
    """A symbol's latest denied signal, shown until the risk rules pass an order in the symbol.

    `until_ns` is the venue time at which the denial ends, 0 if it does not end by time alone.
    """

    symbol: Name
    code: Text
    limit: Text
    observed: Text
    time_ns: int
    until_ns: int


class StatusReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="status"):
    """State of the desk; money is in account currency.

    `waiting_for` is a text, empty when the desk waits for nothing. `recent_orders` are the account's latest orders,
    newest first. `blocked` counts blocked signals by reason. `denials` counts denied signals and orders by the code of
    the risk rule.
    """

    mode: Text
    state: DeskState
    waiting_for: Text
    stream_id: Text
    ordinal: Cursor
    processed: Cursor
    signals_buy: Cursor
    signals_sell: Cursor
    orders: Cursor
    orders_open: Cursor
    denied: Cursor
    fills: Cursor
    currency: Text
    balance: Decimal | None
    equity: Decimal | None
    realized_pnl: Decimal
    unrealized_pnl: Decimal | None
    positions: dict[str, PositionLine]
    latency_us: dict[str, LatencyQuantiles]
    duplicates: Cursor
    malformed: Cursor
    warming_up: Cursor = 0
    gaps: Cursor = 0
    in_doubt: Cursor = 0
    blocked: dict[str, int] = {}
    denials: dict[str, int] = {}
    venue_time_ns: int = 0
    heartbeat_age_ms: int | None = None
    feed_stale: bool = False
    quotes: dict[str, QuoteLine] = {}
    signals: dict[str, SignalLine] = {}
    recent_orders: list[OrderLine] = []
    trading_state: TradingState = TradingState.ACTIVE
    trading_reason: Text = ""
    warning: Text = ""
    conditions: Annotated[list[Condition], Meta(max_length=CONDITIONS_MAX)] = []
    drawdown: float | None = None
    """(peak equity - equity) / peak equity, as a fraction; None while the equity is not known."""
    drawdown_headroom: dict[str, float] = {}
    """Distance to each drawdown level (`warn`, `reduce`, `halt`) as a fraction of the peak; negative if exceeded."""
    drawdown_peak: Decimal | None = None
    """The peak equity in account currency; None while `drawdown` is None."""
    drawdown_levels: dict[str, Decimal] = {}
    """Highest equity, in account currency, at which each drawdown level that is set (`warn`, `reduce`, `halt`) is
    reached; empty while `drawdown` is None."""
    cash: dict[str, Decimal] = {}
    """Cash by category; charges are negative, and the sum is the balance."""
    latest_denials: list[DenialLine] = []
    symbols: list[Name] = []
    """The traded symbols."""
    margin: Decimal | None = None
    """Margin of the positions in account currency; None if it is unknown."""
    margin_level_pct: Decimal | None = None
    """Equity / margin in percent; None without margin, and if either is unknown."""


class ReconcileReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="reconcile"):
    """Differences between ledger and venue; `complete` is False if the gateway did not answer all requests."""

    complete: bool
    differences: list[Difference]
    error: Text


class TradingReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="trading"):
    """The new trading state, already stored; `closing` are the symbols that FLATTEN closes."""

    trading_state: TradingState
    trading_reason: Text
    closing: list[Name]


class OrderCommandReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="order"):
    """Outcome of a person's order command, stored before the reply is sent; ORDERS returns the orders' later status.

    `order_ids` are the orders that the command placed, changed or is canceling; a denied command has none. For a denied
    command, `code`, `limit` and `observed` come from the risk rule, `denial_id` is an id for WHY, and `hint` is the
    change that would make the command pass. `past_rules` describes the rules that the person overrode.
    """

    key: Text
    order_ids: list[Name]
    denied: bool
    code: Text = ""
    limit: Text = ""
    observed: Text = ""
    denial_id: Text = ""
    hint: Text = ""
    past_rules: list[Text] = []


class RiskResetReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="risk_reset"):
    """A risk rule's state was cleared and the change stored; `before` and `after` are the values of the state by name.

    `repeated`: an earlier command with the same key has cleared the state, and this command had no effect. The command
    does not change `trading_state`: if the rule restricted it, the desk also needs RESUME.
    """

    key: Text
    rule: Text
    symbol: Text
    reason: Text
    person: Text
    before: dict[str, str]
    after: dict[str, str]
    repeated: bool
    trading_state: TradingState
    trading_reason: Text


def denial_message(*, limit: str, observed: str) -> str:
    """Text of a denial from the rule's limit and the observed value; a limit may be a required trading state."""
    return f"the desk is {observed}, expected {limit}" if limit in tuple(TradingState) else f"{observed}, limit {limit}"


def describe_denial(found: DenialLine) -> str:
    """One line for a denial: symbol, code, time, observed value, limit and, where known, the time at which it ends."""
    until = f", until {utc_text(found.until_ns)[:19]}Z" if found.until_ns else ""
    text = denial_message(limit=found.limit, observed=found.observed)
    return f"{found.symbol} denied by {found.code} at {utc_text(found.time_ns)[11:19]}: {text}{until}"


def describe_values(values: Mapping[str, str]) -> str:
    """One line for the state of a risk rule: its values by name."""
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "no values"


class ControlError(Struct, frozen=True, kw_only=True, tag_field="reply", tag="error"):
    """The request was malformed or could not be carried out; `error` is the reason."""

    error: Annotated[str, Meta(max_length=512)]


ControlReply = (
    StatusReply
    | ReconcileReply
    | TradingReply
    | OrderCommandReply
    | RiskResetReply
    | OrdersReply
    | FillsReply
    | TradesReply
    | PositionsReply
    | AccountView
    | EquityReply
    | RiskReply
    | WhyReply
    | LatencyReply
    | ControlError
)
