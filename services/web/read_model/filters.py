"""Parameters of a page of a table: filter, order and position. A value of None does not restrict the page."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

LIMIT_DEFAULT = 100


class PageFilter(Struct, frozen=True, kw_only=True):
    """Interval, order and position of a page.

    `from_ns` and `to_ns` are UTC nanoseconds, both included. `sort` is the name of a column, after a minus sign for
    the highest value first. `limit` is the number of rows, `cursor` the value of `next` in the preceding page.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    sort: str = "-number"
    limit: int = LIMIT_DEFAULT
    cursor: str = ""


class OrderFilter(PageFilter, frozen=True, kw_only=True):
    """Filter of orders; `from_ns` and `to_ns` are times of the decision. Sorts: number, created_ns, profit."""

    status: Literal["all", "open"] = "all"
    symbol: str | None = None
    side: str | None = None
    tag: str | None = None
    cause: str | None = None


class FillFilter(PageFilter, frozen=True, kw_only=True):
    """Filter of deals; `side` is the kind of the deal, `tag` and `cause` are those of its order.

    Sorts: number, time_ns, profit.
    """

    symbol: str | None = None
    side: str | None = None
    tag: str | None = None
    cause: str | None = None


class TradeFilter(PageFilter, frozen=True, kw_only=True):
    """Filter of closed trades; `from_ns` and `to_ns` are times of the closing deal.

    `side` is the side of the opening deal, `tag` and `cause` are those of the opening order. Sorts: number,
    close_time_ns, profit, net, duration, mae, mfe. Trades without `mae` and `mfe` count as the lowest.
    """

    symbol: str | None = None
    side: str | None = None
    tag: str | None = None
    cause: str | None = None


class DenialFilter(PageFilter, frozen=True, kw_only=True):
    """Filter of denials. Sorts: number, time_ns."""

    symbol: str | None = None
    tag: str | None = None
    code: str | None = None
    cause: str | None = None


class EventFilter(Struct, frozen=True, kw_only=True):
    """Filter of the journal, whose pages have the newest event first."""

    symbol: str | None = None
    tag: str | None = None
    code: str | None = None
    type: str | None = None
    limit: int = LIMIT_DEFAULT
    cursor: str = ""
