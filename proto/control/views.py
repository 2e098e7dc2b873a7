"""Replies about the account: orders, fills, round trips, positions, money, limits and causes.

Rows come in pages, so that a reply fits into a frame: `next` is the `after` of the following page, 0 when there is
none. Volumes are in lots, money in account currency with the sign of its effect on the balance, times in UTC
nanoseconds of the venue, 0 for no time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from proto.trading.units import Cursor, Name, Text, decimal_text

PAGE_ROWS_MAX: Final = 100
"""Most rows of a page; fewer where they would not fit into a frame."""

LEFT_OUT_WHEN_EMPTY: Final = frozenset({"past_rules", "last_denied"})
"""Fields that are left out of rows where they are empty, as they mostly are."""

PageRows = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]


class OrderRow(Struct, frozen=True, kw_only=True):
    """An order, its decision and its outcome.

    `number` counts the account's orders from 1; `price` is the side of the decision's quote that it would trade at,
    `limit_price` that of a LIMIT or STOP order, `filled_price` the volume-weighted price of its deals. Prices and
    expiry are the current ones, after any change. `cause` is what made the desk make it, `reason` the text of the
    decision, `key` the person's command that it came from, `past_rules` the rules that the person let it pass, as text.
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
    """A deal of the venue, with its money in the sign of its effect on the balance.

    `slippage` is in price against the decision's quote, positive when worse for us, None without an order of ours.
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
    """A round trip: what one closing deal closed of one opening deal, first in, first out within a ticket.

    `trade` numbers the account's round trips in the order of closing, `position` is the ticket, 0 on a netting account.
    `gross` is the profit by the two prices in the symbol's profit currency, `profit` the share by volume of the profit
    that the venue booked. `spread` and `slippage`, of both deals, are positive when paid and already part of the
    profit; `commission` and `swap` are negative when charged; `net` is profit + commission + swap. `tag` is that of the
    order that opened it.
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
    """What is left of one opening deal; `side` BUY or SELL, `position` its ticket, 0 on a netting account."""

    side: Text
    position: Cursor
    volume: Decimal
    price: Decimal
    deal: Cursor
    time_ns: int


class ProtectionRow(Struct, frozen=True, kw_only=True):
    """Protection of a position; `position` is its ticket or 0, `exit_ns` the time to close it at the latest."""

    position: Cursor
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop_points: Cursor
    exit_ns: int


class PositionRow(Struct, frozen=True, kw_only=True):
    """An open position: `net_volume` signed, `close_price` the side of the mark that it would be closed at.

    `lots` are the oldest ones, at most a page; `lots_count` is the number of all. `guards` are its protections.
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


class RiskRow(Struct, frozen=True, kw_only=True):
    """Utilization of a limit, as text; `subject` is a symbol, a currency, or empty."""

    code: Name
    subject: Text
    limit: Text
    now: Text
    headroom: Text


class WhyLine(Struct, frozen=True, kw_only=True):
    """One event of an explanation, as text."""

    time_ns: int
    words: Text


class WhyStep(Struct, frozen=True, kw_only=True):
    """One link in a chain of causes: its subject, its time, numbers by name, and its events in order."""

    name: Name
    time_ns: int
    facts: dict[str, str]
    lines: list[WhyLine]


class OrdersReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="orders"):
    """A page of orders by number; `total` is the number of all that match."""

    total: Cursor
    next: Cursor
    rows: list[OrderRow]


class FillsReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="fills"):
    """A page of deals by number; `total` is the number of all that match."""

    total: Cursor
    next: Cursor
    rows: list[FillRow]


class TradesReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="trades"):
    """A page of round trips by number."""

    total: Cursor
    next: Cursor
    rows: list[TradeRow]


class PositionsReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="positions"):
    """A page of open positions by symbol."""

    total: Cursor
    next: Cursor
    rows: list[PositionRow]


class AccountView(Struct, frozen=True, kw_only=True, tag_field="reply", tag="account"):
    """Money and progress of the account, at the marks of the last tick decided.

    `margin` is the desk's own sum over its positions, by the venue's formula and the account's `leverage`, 0 without
    leverage; `margin_level_pct` is equity / margin in percent. Amounts that lack a conversion rate are None. `cash` is
    cash by category; charges are negative, and the sum is the balance. `pnl_by_tag` is profit after commission and swap
    by the tag of the opening order: None while a desk with many deals is still computing it after its start.
    `last_denied` is the latest denial of each symbol as text, until an order of it passes.
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
    """A page of the limits in force; `limits` is the name of the set."""

    limits: Text
    trading_state: Text
    trading_reason: Text
    warning: Text
    total: Cursor
    next: Cursor
    rows: list[RiskRow]


class WhyReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="why"):
    """The cause of something: the answer in a sentence, and the chain that leads to it.

    `kind`: order, deal, denial, rule or symbol.
    """

    kind: Name
    subject: Text
    summary: Text
    steps: list[WhyStep]


ViewReply = OrdersReply | FillsReply | TradesReply | PositionsReply | AccountView | RiskReply | WhyReply


def plain_fields(row: Struct) -> dict[str, Any]:
    """The fields of a row by name as plain values: decimals as exact text without an exponent, times in nanoseconds."""
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
