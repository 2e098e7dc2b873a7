"""Handlers of the reads of tables and of history: the read model, bars, quotes and latencies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec import Struct, structs

from common.errors import StartError
from proto.control.views import OrderRow
from services.web.api.errors import RequestError
from services.web.api.operation import Call
from services.web.api.queries import (
    BarsParameters,
    DenialsParameters,
    EquityParameters,
    EventsParameters,
    FillsParameters,
    LatencyParameters,
    OrdersParameters,
    TicksParameters,
    TradesParameters,
    TradesSummaryParameters,
)
from services.web.api.reads import refreshed
from services.web.api.schemas import ErrorView, PnlView, TicksView
from services.web.api.tables import (
    BarsView,
    DenialsPage,
    EquityCurve,
    EventsPage,
    FillsPage,
    LatencyHistory,
    OrdersPage,
    TradesPage,
    TradesSummary,
)
from services.web.market.bar_store import shown_bar
from services.web.read_model.filters import DenialFilter, EventFilter, FillFilter, OrderFilter, TradeFilter
from services.web.read_model.index_file import IndexUnavailableError
from services.web.read_model.paging import FilterError

INDEX_ERRORS: Final[Mapping[int, type[Struct]]] = {503: ErrorView}
"""Errors of every read of the index of the ledger, which may be under construction."""

T = TypeVar("T")
F = TypeVar("F", bound=Struct)


async def orders(call: Call) -> OrdersPage:
    """A page of orders."""
    wanted = _filter(call.parameters(OrdersParameters), OrderFilter)
    return await _read(call, lambda: call.backend.ledger.orders(wanted))


async def order_of_id(call: Call) -> OrderRow:
    """One order.

    Raises:
        RequestError: 404, there is no such order.
    """
    order_id = call.path["id"]
    if (row := await _read(call, lambda: call.backend.ledger.order(order_id))) is None:
        raise RequestError(404, f"id is {order_id!r}, expected the id of an order")
    return row


async def fills(call: Call) -> FillsPage:
    """A page of deals."""
    wanted = _filter(call.parameters(FillsParameters), FillFilter)
    return await _read(call, lambda: call.backend.ledger.fills(wanted))


async def trades(call: Call) -> TradesPage:
    """A page of closed trades."""
    wanted = _filter(call.parameters(TradesParameters), TradeFilter)
    return await _read(call, lambda: call.backend.ledger.trades(wanted))


async def trades_summary(call: Call) -> TradesSummary:
    """Sums of the closed trades that match a filter."""
    asked = structs.asdict(call.parameters(TradesSummaryParameters))
    width = asked.pop("width")
    return await _read(call, lambda: call.backend.ledger.trade_summary(TradeFilter(**asked), width=width))


async def pnl(call: Call) -> PnlView:
    """The profit of the server's day, week and month at this moment.

    Raises:
        RequestError: 503, portfolio does not answer, or the venue's time is not known yet.
    """
    await refreshed(call)
    if (found := await _read(call, call.backend.live.pnl)) is None:
        raise RequestError(503, "the venue's time is not known yet; try again later")
    return found


async def denials(call: Call) -> DenialsPage:
    """A page of denials."""
    wanted = _filter(call.parameters(DenialsParameters), DenialFilter)
    return await _read(call, lambda: call.backend.ledger.denials(wanted))


async def events(call: Call) -> EventsPage:
    """A page of the journal."""
    wanted = _filter(call.parameters(EventsParameters), EventFilter)
    return await _read(call, lambda: call.backend.ledger.events(wanted))


async def equity(call: Call) -> EquityCurve:
    """The equity curve.

    Raises:
        RequestError: 503, the ledger cannot be read.
    """
    asked, ledger = call.parameters(EquityParameters), call.backend.ledger
    try:
        return await asyncio.to_thread(ledger.equity, from_ns=asked.from_ns, to_ns=asked.to_ns, width=asked.width)
    except StartError as error:
        raise RequestError(503, str(error)) from None


async def bars(call: Call) -> BarsView:
    """Bars of a symbol."""
    asked, symbol = call.parameters(BarsParameters), quoted_symbol(call)
    end_ns = 0 if asked.to_ns is None else asked.to_ns + 1  # the store's bound is not included
    store, period_s = call.backend.live.bars, asked.period_s
    found = await asyncio.to_thread(store.bars, symbol, period_s, asked.from_ns or 0, end_ns, asked.limit)
    shown = [shown_bar(bar) for bar in found.bars]
    return BarsView(symbol=symbol, period_s=period_s, bars=shown, complete_from_ns=found.complete_from_ns)


async def ticks(call: Call) -> TicksView:
    """The last ticks of a symbol."""
    symbol = quoted_symbol(call)
    return TicksView(
        symbol=symbol, ticks=call.backend.live.quotes.ticks(symbol, call.parameters(TicksParameters).limit)
    )


async def latency_history(call: Call) -> LatencyHistory:
    """Latency of one hop over time, thinned to the extremes of p99.

    Raises:
        RequestError: 404, the desk has no such hop.
    """
    asked, live = call.parameters(LatencyParameters), call.backend.live
    await live.watch.refresh()
    points = await asyncio.to_thread(live.latencies.points, asked.hop, asked.from_ns or 0, width=asked.width)
    if not points:
        shown: Any = live.cells.get("latency") or ()
        known = sorted({*shown, *await asyncio.to_thread(live.latencies.hops)})
        if asked.hop not in known:
            expected = f"one of {', '.join(known)}" if known else "one that has been measured"
            raise RequestError(404, f"hop is {asked.hop!r}, expected {expected}")
    return LatencyHistory(hop=asked.hop, points=points)


def quoted_symbol(call: Call) -> str:
    """The symbol in the path, which is one of the desk.

    Raises:
        RequestError: 404, the desk has no such symbol.
    """
    symbol, known = call.path["symbol"], call.backend.settings.quoted_symbols
    if symbol not in known:
        raise RequestError(404, f"symbol is {symbol!r}, expected one of {', '.join(known[:20])}")
    return symbol


def _filter(asked: Struct, shape: type[F]) -> F:
    """The filter of the read model with the values of the query parameters, whose names are the same."""
    return shape(**structs.asdict(asked))


async def _read(call: Call, read: Callable[[], T]) -> T:
    """Read from the index after it has followed the ledger, so that a command's effect is in the next read."""
    ledger = call.backend.ledger

    def work() -> T:
        ledger.follow()
        if problem := ledger.source.problem:
            raise RequestError(503, problem)
        return read()

    try:
        return await asyncio.to_thread(work)
    except FilterError as error:
        raise RequestError(400, str(error)) from None
    except (IndexUnavailableError, StartError) as error:
        raise RequestError(503, f"the index of the ledger: {error}") from None
