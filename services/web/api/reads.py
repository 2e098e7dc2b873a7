"""Handlers that return the newest values, each the same as the cell of the WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from proto.control import WhyQuery
from proto.control.views import WhyReply
from services.web.api.errors import RequestError
from services.web.api.operation import Call, Handler
from services.web.api.schemas import ErrorView, SourcesView
from services.web.desk.portfolio_client import DeskRefusedError, DeskSilentError

DESK_ERRORS: Final[Mapping[int, type[Struct]]] = {503: ErrorView}
"""Errors of every read of portfolio's values."""

FRESH_S: Final = 0.5
"""Age in seconds up to which portfolio's values are returned without another query."""


async def refreshed(call: Call) -> None:
    """Query portfolio if its last values are older than `FRESH_S`.

    Raises:
        RequestError: 503, portfolio does not answer, so that its last values may be outdated.
    """
    live = call.backend.live
    await live.watch.refresh(FRESH_S)
    if problem := live.sources.view().portfolio.problem:
        raise RequestError(503, f"portfolio does not answer: {problem}")


def desk_value(key: str) -> Handler:
    """Handler that returns one value of portfolio."""

    async def handler(call: Call) -> object:
        await refreshed(call)
        return known(call, key)

    return handler


async def sources(call: Call) -> SourcesView:
    """Time of the last message from each source, and its problem."""
    await call.backend.live.watch.refresh(FRESH_S)
    return call.backend.live.sources.view()


async def processes(call: Call) -> object:
    """The processes of the desk."""
    await call.backend.live.processes.refresh()
    return known(call, "processes")


async def system(call: Call) -> object:
    """Versions, ledger, disk and reconciliation."""
    await call.backend.live.watch.refresh(FRESH_S)
    await call.backend.live.system.refresh()
    return known(call, "system")


def by_symbol(prefix: str, *, needs_desk: bool = True) -> Handler:
    """Handler that returns the values of all symbols, by symbol."""

    async def handler(call: Call) -> object:
        if needs_desk:
            await refreshed(call)
        cells = call.backend.live.cells
        return {key.removeprefix(prefix): cells.get(key) for key in sorted(cells.keys(prefix))}

    return handler


def of_symbol(prefix: str) -> Handler:
    """Handler that returns the value of the symbol in the path."""

    async def handler(call: Call) -> object:
        return call.backend.live.cells.get(prefix + require_symbol(call, prefix))

    return handler


def require_symbol(call: Call, prefix: str = "quote:") -> str:
    """The symbol in the path, which has a cell with the key `prefix` + symbol.

    Raises:
        RequestError: 404, there is no value of the symbol.
    """
    symbol, cells = call.path["symbol"], call.backend.live.cells
    if cells.get(prefix + symbol) is None:
        names = ", ".join(sorted(key.removeprefix(prefix) for key in cells.keys(prefix))[:20])
        expected = f"one of {names}" if names else "a symbol that has been quoted"
        raise RequestError(404, f"symbol is {symbol!r}, expected {expected}")
    return symbol


def known(call: Call, key: str) -> object:
    """The value of the cell `key`.

    Raises:
        RequestError: 503, the cell has no value yet.
    """
    if (value := call.backend.live.cells.get(key)) is None:
        raise RequestError(503, f"{key} is not known yet; try again later")
    return value


async def why(call: Call) -> WhyReply:
    """The causes of an order, a deal, a denial or a rule's state, or why a symbol does not trade.

    Raises:
        RequestError: 404, portfolio does not know the id; 503, portfolio does not answer.
    """
    try:
        return await call.backend.live.portfolio.ask(WhyQuery(call.path["id"]), WhyReply)
    except DeskSilentError as error:
        raise RequestError(503, str(error)) from None
    except DeskRefusedError as error:
        raise RequestError(404, str(error)) from None
