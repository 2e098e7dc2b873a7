"""Pages of the account's tables and history over time, as the HTTP API returns them.

`next` of a page is the cursor of the following page, empty when there is none. Decimals are exact text, and money is in
account currency. Times are UTC nanoseconds of the venue's clock unless documented otherwise, 0 for no time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import Struct

from proto.control.views import FillRow, OrderRow, TradeRow
from proto.trading.units import Cursor, Name, Text

Bar = tuple[int, float, float, float, float, int]
"""Open time in ns, open, high, low and close of the bid, and the number of ticks."""

EquityPoint = tuple[int, Decimal, Decimal | None]
"""Time in ns, balance, and equity, which is None while it is not known."""

LatencyPoint = tuple[int, int, float, float]
"""End of the interval in ns of the wall clock, number of observations, and their p50 and p99 in microseconds."""

PAGE_ROWS_MAX: Final = 500
"""Largest number of rows in a page of the HTTP API."""


class DenialRow(Struct, frozen=True, kw_only=True):
    """A denied signal or command; `limit` and `observed` are texts of the risk rule."""

    number: Cursor
    time_ns: int
    symbol: Text
    direction: Text
    code: Text
    limit: Text
    observed: Text
    denial_id: Text
    cause: Text
    tag: Text
    confidence: float | None


class TradeView(TradeRow, frozen=True, kw_only=True):
    """A closed trade; `mae` and `mfe` are its largest loss and profit while open, None where the bars do not cover it.

    `entry_slippage` is that of the opening deal in the unit of the price, positive when worse for the desk, None for a
    deal without an order of the desk.
    """

    duration_s: float
    mae: Decimal | None
    mfe: Decimal | None
    entry_slippage: Decimal | None


class EventRow(Struct, frozen=True, kw_only=True):
    """An event of the ledger; `why_id` is the id for WHY, empty where there is none."""

    number: Cursor
    time_ns: int
    type: Text
    symbol: Text
    tag: Text
    code: Text
    order_id: Text
    text: Text
    why_id: Text


class OrdersPage(Struct, frozen=True, kw_only=True):
    """A page of orders; `next` is the cursor of the following page, empty when there is none."""

    total: Cursor
    next: Text
    rows: list[OrderRow]


class FillsPage(Struct, frozen=True, kw_only=True):
    """A page of deals; `next` is the cursor of the following page, empty when there is none."""

    total: Cursor
    next: Text
    rows: list[FillRow]


class TradesPage(Struct, frozen=True, kw_only=True):
    """A page of closed trades; `next` is the cursor of the following page, empty when there is none."""

    total: Cursor
    next: Text
    rows: list[TradeView]


class TradesSummary(Struct, frozen=True, kw_only=True):
    """Sums of the closed trades that match a filter; losses and charges are negative.

    `net` = gross profit + gross loss + commission + swap. `wins` is the number of trades with a net above 0. `points`
    are closing times in ns with the sum of the nets up to then, thinned to the extremes of intervals.
    """

    trades: Cursor
    wins: Cursor
    net: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    commission: Decimal
    swap: Decimal
    points: list[tuple[int, Decimal]]


class DenialsPage(Struct, frozen=True, kw_only=True):
    """A page of denials; `next` is the cursor of the following page, empty when there is none."""

    total: Cursor
    next: Text
    rows: list[DenialRow]


class EventsPage(Struct, frozen=True, kw_only=True):
    """A page of events, newest first; `next` is the cursor of the following page, empty when there is none."""

    total: Cursor
    next: Text
    rows: list[EventRow]


class EquityCurve(Struct, frozen=True, kw_only=True):
    """Points of balance and equity; `thinned` when they are the extremes of intervals of `of` stored points."""

    points: list[EquityPoint]
    thinned: bool
    of: Cursor


class BarsView(Struct, frozen=True, kw_only=True):
    """Bars of the bid in the order of time; those from `complete_from_ns` on are complete, 0 when all are."""

    symbol: Name
    period_s: int
    bars: list[Bar]
    complete_from_ns: int


class LatencyHistory(Struct, frozen=True, kw_only=True):
    """Latency of one hop over time: a point for each interval with observations."""

    hop: Name
    points: list[LatencyPoint]
