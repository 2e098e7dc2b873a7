"""The composition of the application: the checks also enclose internal errors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.web.app import checked_app
from services.web.security.headers import CONTENT_POLICY
from tests.unit.web.security.builders import LOCAL, URL, access_of


def test_internal_error_is_one_line_of_json_with_the_security_headers(tmp_path: Path) -> None:
    async def fail(_request: Request) -> Response:
        raise ArithmeticError("a fault of a handler")

    app = checked_app([Route("/fails", fail)], access_of(tmp_path), None)

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=LOCAL)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return await client.get("/fails")

    reply = asyncio.run(request())
    assert reply.status_code == 500
    assert reply.json() == {"error": "an error of the web process, see its log"}
    assert reply.headers["Content-Security-Policy"] == CONTENT_POLICY
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
