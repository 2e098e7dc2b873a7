"""Replies about the account: orders, fills, round trips, positions, money, limits and causes.

A reply has one page of rows, so that it fits into a frame: `next` is the value of `after` for the following page, 0
when there is none. Volumes are in lots. Money is in account currency, and positive when it raises the balance. Times
are UTC nanoseconds of the venue's clock, 0 for no time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from proto.latency_buckets import LATENCY_BUCKETS
from proto.trading.units import Cursor, Name, Text, TimeNs, decimal_text

PAGE_ROWS_MAX: Final = 100
"""Largest number of rows in a page. A page has fewer rows if they would not fit into a frame."""

LEFT_OUT_WHEN_EMPTY: Final = frozenset({"past_rules", "last_denied"})
"""Fields that are usually empty. `plain_fields` omits an empty one."""

LatencyBucket = Annotated[int, Meta(ge=0, le=LATENCY_BUCKETS - 1)]

PageRows = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]


class OrderRow(Struct, frozen=True, kw_only=True):
    """An order, its decision and its outcome.

    `number` counts the account's orders from 1. `price` is the bid (for a sell) or the ask (for a buy) of the quote of
    the decision, `limit_price` the price of a LIMIT or STOP order, `filled_price` the volume-weighted price of the
    order's deals. Limit price, stops and expiry are the current ones, after any modification. `cause` is the source of
    the order, such as a signal or a person's command, and `reason` the text of the decision. `key` is the key of the
    person's command, empty for any other order. `past_rules` are the rules that the person overrode, as text.
    """

    order_id: Name
    number: Cursor
    ordinal: Cursor
    sequence: Cursor
    symbol: Name
    side: Text
    volume: Decimal
    price: Decimal
    status: Text
    created_ns: int
    ended_ns: int
    ticket: int | None
    filled_volume: Decimal
    filled_price: Decimal | None
    profit: Decimal
    retcode: int | None
    code: Text
    error: Text
    reason: Text
    tag: Text
    cause: Text
    key: Text
    type: Text
    time_in_force: Text
    limit_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: int
    past_rules: Text = ""


class FillRow(Struct, frozen=True, kw_only=True):
    """A deal of the venue.

    `slippage` is the deal's price compared with the quote of the decision, positive when worse for the desk. It is None
    for a deal without an order of the desk.
    """

    deal: Cursor
    order_id: Text
    ticket: Cursor
    position: Cursor
    ordinal: Cursor
    time_ns: int
    symbol: Text
    kind: Text
    entry: Text
    why: Text
    volume: Decimal
    price: Decimal
    slippage: Decimal | None
    profit: Decimal
    commission: Decimal
    swap: Decimal


class TradeRow(Struct, frozen=True, kw_only=True):
    """A round trip: the volume that one closing deal closed of one opening deal, first in, first out within a ticket.

    `trade` numbers the account's round trips in the order of closing. `position` is the ticket, 0 on a netting account.
    `gross` is the profit computed from the two prices, in the symbol's profit currency. `profit` is the share, by
    volume, of the profit that the venue booked. `spread` and `slippage` are the sums over both deals, positive when
    paid, and already part of the profit. `commission` and `swap` are negative when charged. `net` is profit +
    commission + swap. `tag` is the tag of the opening order.
    """

    trade: Cursor
    symbol: Name
    position: Cursor
    direction: Text
    volume: Decimal
    open_deal: Cursor
    open_time_ns: int
    open_price: Decimal
    open_order_id: Text
    close_deal: Cursor
    close_time_ns: int
    close_price: Decimal
    close_order_id: Text
    why: Text
    gross: Decimal
    profit: Decimal
    spread: Decimal
    slippage: Decimal
    commission: Decimal
    swap: Decimal
    net: Decimal
    tag: Text


class LotRow(Struct, frozen=True, kw_only=True):
    """The open part of one opening deal; `side` is BUY or SELL, `position` the ticket, 0 on a netting account."""

    side: Text
    position: Cursor
    volume: Decimal
    price: Decimal
    deal: Cursor
    time_ns: int


class ProtectionRow(Struct, frozen=True, kw_only=True):
    """Protection of a position.

    `position` is its ticket, 0 on a netting account. `exit_ns` is the time of the time exit, 0 for none.
    """

    position: Cursor
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop_points: Cursor
    exit_ns: int


class PositionRow(Struct, frozen=True, kw_only=True):
    """An open position; `net_volume` is positive when long, `close_price` the mark's bid when long, its ask when short.

    `lots` are the oldest open lots, at most one page; `lots_count` is the number of all open lots. `guards` are the
    protections of the position's legs.
    """

    symbol: Name
    direction: Text
    net_volume: Decimal
    avg_entry_price: Decimal
    close_price: Decimal | None
    unrealized_pnl: Decimal | None
    lots_count: Cursor
    lots: list[LotRow]
    guards: list[ProtectionRow]


class EquityPointRow(Struct, frozen=True, kw_only=True):
    """The account's money at the first decided tick of a minute of venue time; margin is None if it is unknown."""

    time_ns: int
    ordinal: Cursor
    balance: Decimal
    equity: Decimal
    margin: Decimal | None


class EquityReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="equity"):
    """A page of equity points by time; `next` is the time of the last, 0 if no point follows."""

    next: TimeNs
    rows: list[EquityPointRow]


class RiskRow(Struct, frozen=True, kw_only=True):
    """Utilization of a risk limit, as text; `subject` is a symbol, currency or tag, for example, or empty.

    `used_fraction` is the current value divided by the limit: 1 at the limit, negative for a gain, None where the two
    are not numbers. `consequence` is what the rule does when the limit is reached. `ends_ns` is the venue time at which
    a pause in force ends, 0 for none.
    """

    code: Name
    subject: Text
    limit: Text
    now: Text
    headroom: Text
    used_fraction: float | None = None
    consequence: Text = ""
    ends_ns: int = 0


class WhyLine(Struct, frozen=True, kw_only=True):
    """One event of an explanation, as text, with its venue time."""

    time_ns: int
    words: Text


class WhyStep(Struct, frozen=True, kw_only=True):
    """One step in a chain of causes: name, time, facts by name, and events in order."""

    name: Name
    time_ns: int
    facts: dict[str, str]
    lines: list[WhyLine]


class OrdersReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="orders"):
    """A page of orders in the order of their numbers; `total` counts all orders that match the query."""

    total: Cursor
    next: Cursor
    rows: list[OrderRow]


class FillsReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="fills"):
    """A page of deals in the order of their numbers; `total` counts all deals that match the query."""

    total: Cursor
    next: Cursor
    rows: list[FillRow]


class TradesReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="trades"):
    """A page of round trips in the order of their numbers; `total` counts all round trips of the account."""

    total: Cursor
    next: Cursor
    rows: list[TradeRow]


class PositionsReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="positions"):
    """A page of open positions in the order of their symbols; `total` counts all of them."""

    total: Cursor
    next: Cursor
    rows: list[PositionRow]


class AccountView(Struct, frozen=True, kw_only=True, tag_field="reply", tag="account"):
    """The account's money, valued at the marks of the last decided tick, and its counts of signals, orders and deals.

    `margin` is computed by the desk over its positions, by the venue's formula and with the account's `leverage`; 0
    without leverage. `margin_level_pct` is equity / margin in percent. An amount that lacks a conversion rate is None.
    `cash` is cash by category; charges are negative, and the sum is the balance. `pnl_by_tag` is profit after
    commission and swap by the tag of the opening order. It is None until portfolio has processed all deals, which can
    take several queries after a start. `last_denied` is the text of the latest denial of a signal, by symbol, until a
    signal in the symbol makes an order.
    """

    account: str | None
    mode: str | None
    account_mode: str | None
    fills: str | None
    currency: str | None
    leverage: Cursor | None
    stream_id: Text
    ordinal: Cursor
    time_ns: int
    processed: Cursor
    trading_state: Text
    trading_reason: Text
    balance: Decimal
    equity: Decimal | None
    realized_pnl: Decimal
    unrealized_pnl: Decimal | None
    margin: Decimal | None
    free_margin: Decimal | None
    margin_level_pct: Decimal | None
    commission: Decimal
    swap: Decimal
    cash: dict[str, Decimal]
    pnl_by_tag: dict[str, Decimal] | None
    signals: dict[str, int]
    blocked: dict[str, int]
    last_blocked: dict[str, str]
    denied: dict[str, int]
    orders: Cursor
    orders_open: Cursor
    deals: Cursor
    ended: bool
    reconciled: bool
    last_denied: dict[str, str] = {}


class RiskReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="risk"):
    """A page of the risk limits in force; `limits` is the name of the set of limits."""

    limits: Text
    trading_state: Text
    trading_reason: Text
    warning: Text
    total: Cursor
    next: Cursor
    rows: list[RiskRow]


class LatencyReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="latency"):
    """Counts of latencies since portfolio started, by name of the latency, as in `StatusReply.latency_us`.

    Each list has pairs of bucket and count, in ascending order of buckets and without empty buckets.
    `proto.latency_buckets` has their bounds, the quantiles of counts, and the difference of the counts of two replies.
    Such a difference is the observations between two replies with the same `since_mono_ns`, the monotonic time at which
    portfolio began to count.
    """

    since_mono_ns: TimeNs
    hops: dict[Name, list[tuple[LatencyBucket, Cursor]]]


class WhyReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="why"):
    """An explanation: `summary` is one sentence, `steps` the chain of causes in order.

    `kind` is the kind of the subject: order, deal, denial, rule or symbol.
    """

    kind: Name
    subject: Text
    summary: Text
    steps: list[WhyStep]


ViewReply = (
    OrdersReply
    | FillsReply
    | TradesReply
    | PositionsReply
    | AccountView
    | EquityReply
    | RiskReply
    | WhyReply
    | LatencyReply
)


def plain_fields(row: Struct) -> dict[str, Any]:
    """The fields of a row by name, as values for JSON: decimals as exact text without an exponent.

    Empty fields of `LEFT_OUT_WHEN_EMPTY` are omitted.
    """
    values = ((name, getattr(row, name)) for name in row.__struct_fields__)
    return {name: _plain(value) for name, value in values if value or name not in LEFT_OUT_WHEN_EMPTY}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return decimal_text(value)
        case Struct():
            return plain_fields(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value
