"""Query parameters of the HTTP API; `services/web/api/values.py` reads them strictly.

`from_ns` and `to_ns` are UTC nanoseconds, both included. `cursor` is the value of `next` in the preceding page. A
parameter that is absent does not restrict the result.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from proto.control import Severity
from proto.notify import ALERTS_MAX
from proto.trading.enums import Side
from proto.trading.units import Name, TimeNs
from services.web.api.tables import PAGE_ROWS_MAX

PageLimit = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]
PageCursor = Annotated[str, Meta(max_length=128)]
"""Value of `next` in the preceding page; empty for the first page."""

PlotWidth = Annotated[int, Meta(ge=10, le=10_000)]
"""Width of a chart in pixels: at most this many intervals, each with its extremes."""


class Interval(Struct, frozen=True, kw_only=True):
    """An interval of time."""

    from_ns: TimeNs | None = None
    to_ns: TimeNs | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it begins.

        Raises:
            ValueError: `from_ns` is later than `to_ns`.
        """
        if self.from_ns is not None and self.to_ns is not None and self.from_ns > self.to_ns:
            raise ValueError(f"from_ns is {self.from_ns}, expected at most to_ns {self.to_ns}")


class OrdersParameters(Interval, frozen=True, kw_only=True):
    """Filter, order and page of orders, by the time of their decision."""

    status: Literal["all", "open"] = "all"
    symbol: Name | None = None
    side: Side | None = None
    tag: Name | None = None
    cause: Name | None = None
    sort: Literal["number", "-number", "created_ns", "-created_ns", "profit", "-profit"] = "-number"
    limit: PageLimit = 100
    cursor: PageCursor = ""


class FillsParameters(Interval, frozen=True, kw_only=True):
    """Filter, order and page of deals, by their time; `tag` and `cause` are those of the deal's order."""

    symbol: Name | None = None
    side: Side | None = None
    tag: Name | None = None
    cause: Name | None = None
    sort: Literal["number", "-number", "time_ns", "-time_ns", "profit", "-profit"] = "-number"
    limit: PageLimit = 100
    cursor: PageCursor = ""


class TradesParameters(Interval, frozen=True, kw_only=True):
    """Filter, order and page of closed trades, by the time of the closing deal.

    `side`, `tag` and `cause` are those of the opening order.
    """

    symbol: Name | None = None
    side: Side | None = None
    tag: Name | None = None
    cause: Name | None = None
    sort: Literal[
        "number",
        "-number",
        "close_time_ns",
        "-close_time_ns",
        "profit",
        "-profit",
        "net",
        "-net",
        "duration",
        "-duration",
        "mae",
        "-mae",
        "mfe",
        "-mfe",
    ] = "-number"
    limit: PageLimit = 100
    cursor: PageCursor = ""


class TradesSummaryParameters(Interval, frozen=True, kw_only=True):
    """Filter of closed trades as for their pages, and the width in pixels of the chart of their sum."""

    symbol: Name | None = None
    side: Side | None = None
    tag: Name | None = None
    cause: Name | None = None
    width: PlotWidth = 1_000


class DenialsParameters(Interval, frozen=True, kw_only=True):
    """Filter and page of denials, by their time."""

    symbol: Name | None = None
    tag: Name | None = None
    code: Name | None = None
    cause: Name | None = None
    sort: Literal["number", "-number", "time_ns", "-time_ns"] = "-number"
    limit: PageLimit = 100
    cursor: PageCursor = ""


class EventsParameters(Struct, frozen=True, kw_only=True):
    """Filter and page of the journal, newest first."""

    symbol: Name | None = None
    tag: Name | None = None
    code: Name | None = None
    type: Name | None = None
    limit: PageLimit = 100
    cursor: PageCursor = ""


class AlertsParameters(Struct, frozen=True, kw_only=True):
    """Filter and page of the alerts, newest first.

    An open alert needs a person. `subject` is a symbol, a process or a file. `text` is a part of an alert's text, upper
    or lower case.
    """

    status: Literal["all", "open", "acknowledged"] = "all"
    severity: Severity | None = None
    code: Name | None = None
    subject: Name | None = None
    text: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=ALERTS_MAX)] = ALERTS_MAX
    cursor: PageCursor = ""


class EquityParameters(Interval, frozen=True, kw_only=True):
    """Interval of the equity curve, and the width of its chart in pixels."""

    width: PlotWidth = 1_000


class BarsParameters(Interval, frozen=True, kw_only=True):
    """Period and interval of bars, of which the last `limit` are returned."""

    period_s: Literal[1, 5, 15, 60, 300, 900, 3600] = 60
    limit: Annotated[int, Meta(ge=1, le=5_000)] = 500


class TicksParameters(Struct, frozen=True, kw_only=True):
    """Number of ticks."""

    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100


class LatencyParameters(Struct, frozen=True, kw_only=True):
    """Hop and start of the history in ns of the wall clock, and the width of its chart in pixels."""

    hop: Name
    from_ns: TimeNs | None = None
    width: PlotWidth = 1_000
