"""What portfolio answers about the account: rows of its orders, fills and positions, its money, its limits, a chain of causes.

Rows come in pages, so that a reply fits into a frame: `next` is what to ask after for the following page, 0 when there is none.
Volumes are in lots, money is in account currency, times are the venue's, in nanoseconds UTC; 0 is no time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from proto.trading.units import Cursor, Name, Text, decimal_text

PAGE_ROWS_MAX: Final = 100
"""Rows of one page at most; there are fewer where they would not fit into a frame."""

LEFT_OUT_WHEN_EMPTY: Final = frozenset({"past_rules", "last_denied"})
"""Fields of rows that most rows have nothing in."""

PageRows = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]


class OrderRow(Struct, frozen=True, kw_only=True):
    """An order, what it was decided on, and what became of it.

    `number` counts the account's orders from 1; `price` is the side of the decision's quote that it would trade at,
    `limit_price` that of a LIMIT or STOP order, `filled_price` the volume-weighted price of its deals. Prices and
    expiry are those by now, after any change. `cause` is what made the desk make it, `reason` the words of the
    judgement, `key` the command of a person that it came from, `past_rules` the rules that they let it past, in words.
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
    """A deal of the venue. `slippage` is in price against the decision's quote, > 0 worse for us, None without an order of ours."""

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
    """A round trip: what one closing deal has closed of one opening deal, first in first out within its ticket.

    `trade` counts the account's round trips in the order of closing, `position` is the ticket, 0 on a netting account. `gross` is what
    the two prices come to in the symbol's profit currency, `profit` the share by volume of what the venue has booked. `spread` and
    `slippage` of both deals are positive when paid and in the profit already, `commission` and `swap` negative when paid; `net` is
    profit + commission + swap. `tag` is that of the order that opened it.
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
    """What is left of one opening deal; `side` BUY or SELL, `position` the ticket that it is of, 0 on a netting account."""

    side: Text
    position: Cursor
    volume: Decimal
    price: Decimal
    deal: Cursor
    time_ns: int


class GuardRow(Struct, frozen=True, kw_only=True):
    """What guards a position; `position` is its ticket, 0 on a netting account, `exit_ns` when it is closed at the latest."""

    position: Cursor
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop_points: Cursor
    exit_ns: int


class PositionRow(Struct, frozen=True, kw_only=True):
    """An open position: `net_volume` signed, `close_price` the side of the mark that it would be closed at.

    `lots` are its oldest, at most a page of them; `lots_count` says how many it has. `guards` are its stops.
    """

    symbol: Name
    direction: Text
    net_volume: Decimal
    avg_entry_price: Decimal
    close_price: Decimal | None
    unrealized_pnl: Decimal | None
    lots_count: Cursor
    lots: list[LotRow]
    guards: list[GuardRow]


class RiskRow(Struct, frozen=True, kw_only=True):
    """A limit, what it is about (a symbol, a currency, or nothing), what it stands at, and what is left of it, in words."""

    code: Name
    subject: Text
    limit: Text
    now: Text
    headroom: Text


class WhyLine(Struct, frozen=True, kw_only=True):
    """One thing that happened, in words."""

    time_ns: int
    words: Text


class WhyStep(Struct, frozen=True, kw_only=True):
    """One link of a chain of causes: what it is about, when it was, its numbers by name, and what happened, in their order."""

    name: Name
    time_ns: int
    facts: dict[str, str]
    lines: list[WhyLine]


class OrdersReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="orders"):
    """A page of orders by number; `total` is how many there are of those asked for."""

    total: Cursor
    next: Cursor
    rows: list[OrderRow]


class FillsReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="fills"):
    """A page of deals by their number; `total` is how many there are of those asked for."""

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

    `margin` is the desk's own sum over what is held, by the venue's formula and the account's `leverage`, 0 where that
    asks for none; `margin_level_pct` is equity by margin. What cannot be valued for want of a rate is None. `cash` are
    the entries that make the balance, by kind; `pnl_by_tag` what of it each strategy has made, after commission and
    swap, by its tag: None while a desk of many deals is still counting them, as after its start. `last_denied` is the
    latest denial of each symbol in words, until an order of it passes.
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
    """A page of the limits in force, under the set's name."""

    limits: Text
    trading_state: Text
    trading_reason: Text
    warning: Text
    total: Cursor
    next: Cursor
    rows: list[RiskRow]


class WhyReply(Struct, frozen=True, kw_only=True, tag_field="reply", tag="why"):
    """Why something is as it is: the answer in a sentence, and the chain that leads to it.

    `kind`: order, deal, denial, rule or symbol.
    """

    kind: Name
    subject: Text
    summary: Text
    steps: list[WhyStep]


ViewReply = OrdersReply | FillsReply | TradesReply | PositionsReply | AccountView | RiskReply | WhyReply


def plain_fields(row: Struct) -> dict[str, Any]:
    """A row's fields by name as plain values: decimals are exact text without an exponent, times stay nanoseconds."""
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
