"""What people and tools ask portfolio on its control socket. It never says more than portfolio knows."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.control.views import (
    AccountView,
    FillsReply,
    OrdersReply,
    PageRows,
    PositionsReply,
    RiskReply,
    TradesReply,
    WhyReply,
)
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import Cursor, Name, Side, Text, TimeNs, require_exact

REASON_CHARS_MAX: Final = 200
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]
"""Why somebody changed what the desk may do; kept in the ledger."""


class DeskState(StrEnum):
    """Where portfolio stands."""

    CONNECTING = "CONNECTING"
    RECONCILING = "RECONCILING"
    WAITING_FOR_SIGNALS = "WAITING_FOR_SIGNALS"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    HALTED = "HALTED"


class TradingState(StrEnum):
    """What the desk may do: trade, only reduce what it holds, or send nothing but what FLATTEN or a person closes."""

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"


class StatusQuery(Struct, frozen=True, tag_field="command", tag="STATUS", forbid_unknown_fields=True):
    """How is the desk doing."""


class ReconcileCommand(Struct, frozen=True, tag_field="command", tag="RECONCILE", forbid_unknown_fields=True):
    """Compare the ledger with the gateway now; answered when that is done."""


class HaltCommand(Struct, frozen=True, tag_field="command", tag="HALT", forbid_unknown_fields=True):
    """Send no further order until RESUME, but for what a person closes by CLOSE."""

    reason: Reason


class ReduceOnlyCommand(Struct, frozen=True, tag_field="command", tag="REDUCE_ONLY", forbid_unknown_fields=True):
    """Open nothing; what is held may be closed."""

    reason: Reason


class ResumeCommand(Struct, frozen=True, tag_field="command", tag="RESUME", forbid_unknown_fields=True):
    """Trade again; what others did on the account until now has been looked at."""

    reason: Reason


class FlattenCommand(Struct, frozen=True, tag_field="command", tag="FLATTEN", forbid_unknown_fields=True):
    """Halt, and close every position."""

    reason: Reason


class _OrderCommand(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """A person's order. `key` names the command: said again with the same key, it is answered, denials as well, and not done again."""

    key: Name
    reason: Reason

    def __post_init__(self) -> None:
        """Every number that is told is finite and of a sane size."""
        for field in self.__struct_fields__:
            if isinstance(value := getattr(self, field), Decimal):
                require_exact(field, value)


class PlaceCommand(_OrderCommand, frozen=True, kw_only=True, tag="ORDER", forbid_unknown_fields=True):
    """Buy or sell by hand, through the same risk ladder as a signal. Fields as in the gateway's BUY and SELL.

    `trailing_stop_points` > 0: the desk moves the stop loss of what is filled along with the market, 0 does not.
    """

    symbol: Name
    side: Side
    volume: Decimal
    type: OrderType
    price: Decimal | None
    time_in_force: TimeInForce | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop_points: Cursor
    expires_ns: TimeNs


class CloseCommand(_OrderCommand, frozen=True, kw_only=True, tag="CLOSE", forbid_unknown_fields=True):
    """Close a position at the market, `volume` lots of it or all; `position` 0 is all that is held of the symbol.

    It goes out in any trading state.
    """

    symbol: Name
    position: Cursor
    volume: Decimal | None


class CancelCommand(_OrderCommand, frozen=True, kw_only=True, tag="CANCEL", forbid_unknown_fields=True):
    """End an order that rests at the venue."""

    order_id: Name


class ModifyCommand(_OrderCommand, frozen=True, kw_only=True, tag="MODIFY", forbid_unknown_fields=True):
    """Change an order that rests (`order_id`), or the stops of a position (`symbol`, `position` 0 for the one there is).

    The values are those that hold afterwards: None takes a stop away, and leaves `price` as it is.
    """

    symbol: Name
    order_id: Text
    position: Cursor
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: TimeNs


class OrdersQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="ORDERS", forbid_unknown_fields=True):
    """Orders with a number above `after`, at most `limit`; `newest`: the last ones instead of the first ones."""

    after: Cursor
    limit: PageRows
    open_only: bool
    newest: bool


class FillsQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="FILLS", forbid_unknown_fields=True):
    """Deals with a number above `after`, at most `limit`; `newest` as for orders. `trades_only` leaves out what moved cash alone."""

    after: Cursor
    limit: PageRows
    trades_only: bool
    newest: bool


class TradesQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="TRADES", forbid_unknown_fields=True):
    """Round trips with a number above `after`, at most `limit`."""

    after: Cursor
    limit: PageRows


class PositionsQuery(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="POSITIONS", forbid_unknown_fields=True
):
    """What is held, by symbol, but for the first `after` rows."""

    after: Cursor
    limit: PageRows


class AccountQuery(Struct, frozen=True, tag_field="command", tag="ACCOUNT", forbid_unknown_fields=True):
    """The money, and how far the desk has come."""


class RiskQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK", forbid_unknown_fields=True):
    """What the limits stand at, but for the first `after` rows."""

    after: Cursor
    limit: PageRows


class WhyQuery(Struct, frozen=True, tag_field="command", tag="WHY", forbid_unknown_fields=True):
    """Why something happened, or did not: `id` is a symbol, the id of an order or a denial, `deal N`, `ticket N`, or a number."""

    id: Name


ViewQuery = OrdersQuery | FillsQuery | TradesQuery | PositionsQuery | AccountQuery | RiskQuery | WhyQuery
"""What is answered from the account as it is, and changes nothing."""

OrderCommand = PlaceCommand | CloseCommand | CancelCommand | ModifyCommand
TradingCommand = HaltCommand | ReduceOnlyCommand | ResumeCommand | FlattenCommand
ControlRequest = (
    StatusQuery
    | ReconcileCommand
    | HaltCommand
    | ReduceOnlyCommand
    | ResumeCommand
    | FlattenCommand
    | PlaceCommand
    | CloseCommand
    | CancelCommand
    | ModifyCommand
    | OrdersQuery
    | FillsQuery
    | TradesQuery
    | PositionsQuery
    | AccountQuery
    | RiskQuery
    | WhyQuery
)


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

    A denied one has made none: `code`, `limit` and `observed` are the rule's, and `denial_id` is what WHY takes. What the venue makes of it, ORDERS tells.
    """

    key: Text
    order_ids: list[Name]
    denied: bool
    code: Text = ""
    limit: Text = ""
    observed: Text = ""
    denial_id: Text = ""


def denial_words(*, limit: str, observed: str) -> str:
    """What a rule has observed and what it expected, for people."""
    return f"the desk is {observed}, expected {limit}" if limit in tuple(TradingState) else f"{observed}, limit {limit}"


class ControlError(Struct, frozen=True, kw_only=True, tag_field="reply", tag="error"):
    """The request was none."""

    error: Annotated[str, Meta(max_length=512)]


ControlReply = (
    StatusReply
    | ReconcileReply
    | TradingReply
    | OrderCommandReply
    | OrdersReply
    | FillsReply
    | TradesReply
    | PositionsReply
    | AccountView
    | RiskReply
    | WhyReply
    | ControlError
)
