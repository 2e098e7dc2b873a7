"""Composition of the web application: routes, middleware and the files of the page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan, Receive, Scope, Send

from services.web.api.endpoints import api_routes, json_response
from services.web.api.operation import API
from services.web.api.operations import OPERATIONS
from services.web.api.schemas import ErrorView
from services.web.backend import Backend
from services.web.security.access import Access
from services.web.security.request_checks import Application, RequestChecks

PAGE: Final = Path(__file__).parent / "page"
"""Folder with the files of the page."""

LIVE_PATH: Final = f"{API}/live"


def create_app(backend: Backend) -> Application:
    """Return the application; its parts run from its start to its end."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with backend.live.running():
            yield

    routes = [
        *api_routes(backend, OPERATIONS),
        WebSocketRoute(LIVE_PATH, backend.live.sockets.serve),
        Route("/api/{path:path}", NothingHere()),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    return checked_app(routes, backend.access, lifespan)


def checked_app(routes: Sequence[BaseRoute], access: Access, lifespan: Lifespan[Starlette] | None) -> Application:
    """Return an application of `routes` whose requests are checked first.

    The checks enclose the whole of Starlette, so that an internal error has the security headers, too.
    """
    handlers = {HTTPException: _http_error, 500: _internal_error}
    return RequestChecks(Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan), access)


class NothingHere:
    """ASGI application for every other path of the API: status 404, for each method."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = json_response(ErrorView(error="there is no such path, expected one of openapi.json"), 404)
        await response(scope, receive, send)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return json_response(ErrorView(error=error.detail), error.status_code, dict(error.headers or {}))


async def _internal_error(_request: Request, _error: Exception) -> Response:
    return json_response(ErrorView(error="an error of the web process, see its log"), 500)
