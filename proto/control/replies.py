"""What portfolio answers on its control socket: status, reconciliation, trading state, and the outcome of commands."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from proto.control.conditions import CONDITIONS_MAX, Condition, TradingState
from proto.control.views import AccountView, FillsReply, OrdersReply, PositionsReply, RiskReply, TradesReply, WhyReply
from proto.time import utc_text
from proto.trading.units import Cursor, Name, Text


class DeskState(StrEnum):
    """Where portfolio stands."""

    CONNECTING = "CONNECTING"
    RECONCILING = "RECONCILING"
    WAITING_FOR_SIGNALS = "WAITING_FOR_SIGNALS"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    """It cannot go on with this account before it is started again."""


class Difference(Struct, frozen=True, kw_only=True):
    """One thing on which ledger and venue disagree.

    `kind`: missing_deal, unknown_deal, missing_order, unknown_order, volume, price, status, stops, position, cash. `remedy` says
    what would be done about it, or that a person has to look.
    """

    kind: Name
    subject: Text
    ledger: Text
    venue: Text
    remedy: Text


class LatencyQuantiles(Struct, frozen=True, kw_only=True):
    """Microseconds; `count` observations since the process started."""

    count: int
    p50: float
    p99: float
    p999: float


class PositionLine(Struct, frozen=True, kw_only=True):
    """One open position, signed volume in lots."""

    net_volume: Decimal
    avg_entry_price: Decimal
    unrealized_pnl: Decimal | None


class QuoteLine(Struct, frozen=True, kw_only=True):
    """A symbol's latest quote; `age_ms` since it reached portfolio, None where that was not live."""

    bid: float
    ask: float
    spread_points: float | None
    time_ns: int
    age_ms: int | None


class SignalLine(Struct, frozen=True, kw_only=True):
    """A symbol's latest signal: +1 buy, 0 hold, -1 sell."""

    direction: int
    confidence: float
    reason: Text
    time_ns: int


class OrderLine(Struct, frozen=True, kw_only=True):
    """An order as a row: volumes in lots, profit realised by it in account currency, times of the venue."""

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
    """A symbol's latest denied signal, until an order of it passes; `until_ns` 0 where time alone does not end it."""

    symbol: Name
    code: Text
    limit: Text
    observed: Text
    time_ns: int
    until_ns: int


class StatusReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="status"):
    """A picture of the desk; money in account currency. `waiting_for` says in words what it waits for, or is empty.

    `recent_orders` are the latest of the account, the newest first; `blocked` and `denials` count by reason and code.
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
    """Fall of the equity from its peak, as a share of the peak; None while it is not known."""
    drawdown_headroom: dict[str, float] = {}
    """What is left of each drawdown level (`warn`, `reduce`, `halt`), as a share of the peak; negative beyond it."""
    cash: dict[str, Decimal] = {}
    """What makes the balance, by what it was for: charges are negative, and all of them add up to it."""
    latest_denials: list[DenialLine] = []
    symbols: list[Name] = []
    """What is traded."""
    """By symbol."""


class ReconcileReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="reconcile"):
    """`complete` is False when the gateway could not be asked; then nothing is known, which is not agreement."""

    complete: bool
    differences: list[Difference]
    error: Text


class TradingReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="trading"):
    """The command is durable. `closing`: symbols whose positions are being closed; empty but for FLATTEN."""

    trading_state: TradingState
    trading_reason: Text
    closing: list[Name]


class OrderCommandReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="order"):
    """What a person's order has come to so far; it is durable. `order_ids` are those made, changed or to be canceled.

    A denied one has made none: `code`, `limit` and `observed` are the rule's, `denial_id` is what WHY takes, and `hint`
    says what would have to change. `past_rules` are those that it was let past, in words. What the venue makes of it,
    ORDERS tells.
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
    """What a rule remembered is cleared, durably; `before` and `after` are its values by name.

    `repeated`: it was done before, under this key. `trading_state` is unchanged: a desk that the rule stopped needs
    RESUME as well.
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
    """What a rule has observed and what it expected, for people."""
    return f"the desk is {observed}, expected {limit}" if limit in tuple(TradingState) else f"{observed}, limit {limit}"


def describe_denial(found: DenialLine) -> str:
    """A denial in one line: what, why, when, and until when."""
    until = f", until {utc_text(found.until_ns)[:19]}Z" if found.until_ns else ""
    words = denial_message(limit=found.limit, observed=found.observed)
    return f"{found.symbol} denied by {found.code} at {utc_text(found.time_ns)[11:19]}: {words}{until}"


def describe_values(values: Mapping[str, str]) -> str:
    """What a risk rule remembers, in one line."""
    return ", ".join(f"{name} {words}" for name, words in values.items()) or "nothing remembered"


class ControlError(Struct, frozen=True, kw_only=True, tag_field="reply", tag="error"):
    """The request was malformed or could not be carried out; `error` says why."""

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
    | RiskReply
    | WhyReply
    | ControlError
)
