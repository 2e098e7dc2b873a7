"""An application with the checks of requests, its session routes and one command, on a real store and real clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from services.web.security.access import Access
from services.web.security.identity import Role, may
from services.web.security.passwords import Passwords
from services.web.security.request_checks import RequestChecks
from services.web.security.sign_in import SignIn, read_session, refusal, sign_in, sign_out
from services.web.security.throttle import Throttle
from services.web.settings import WebSettings

PORT = 8642
URL = f"http://127.0.0.1:{PORT}"
PASSWORD = "correct horse battery"
LOCAL = ("127.0.0.1", 50_000)
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2id with the smallest parameters, so that tests are quick."""

START_NS = 1_700_000_000_000_000_000


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns

    def add_s(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


def settings_of(folder: Path, **given: Any) -> WebSettings:
    return WebSettings(**{"paperdesk_data_dir": folder, "web_port": PORT, **given})


def access_of(folder: Path, *, clock: Clock | None = None, hasher: PasswordHasher = HASHER, **given: Any) -> Access:
    """Access with the user alice (trade) and the user bob (read), unless the folder has users."""
    time = Clock() if clock is None else clock
    settings = settings_of(folder, **given)
    if not settings.web_users_file.exists():
        users = Access(settings_of(folder), passwords=Passwords(HASHER)).users
        users.add("alice", Role.TRADE, HASHER.hash(PASSWORD))
        users.add("bob", Role.READ, HASHER.hash(PASSWORD))
    return Access(settings, passwords=Passwords(hasher), throttle=Throttle(time), now_ns=time)


def app_of(access: Access) -> RequestChecks:
    async def show(request: Request) -> Response:
        view = read_session(access, request.scope["identity"])
        return Response(msgspec.json.encode(view), media_type="application/json")

    async def open_session(request: Request) -> Response:
        return await sign_in(access, request, msgspec.json.decode(await request.body(), type=SignIn))

    async def close_session(request: Request) -> Response:
        return await sign_out(access, request)

    async def command(request: Request) -> Response:
        if not may(request.scope["identity"], Role.TRADE):
            return refusal(403, "expected the role trade")
        return JSONResponse({"done": len(await request.body())})

    async def page(request: Request) -> Response:
        return Response("page", headers={"Content-Security-Policy": "default-src *", "Cache-Control": "no-cache"})

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        found = websocket.scope["identity"]
        await websocket.send_text("" if found is None else found.user)
        await websocket.close()

    return RequestChecks(
        Starlette(
            routes=[
                Route("/api/v1/session", show, methods=["GET"]),
                Route("/api/v1/session", open_session, methods=["POST"]),
                Route("/api/v1/session", close_session, methods=["DELETE"]),
                Route("/api/v1/command", command, methods=["POST"]),
                Route("/", page),
                WebSocketRoute("/api/v1/live", live),
            ]
        ),
        access,
    )


def client_of(access: Access, *, url: str = URL, peer: tuple[str, int] = LOCAL) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app_of(access), client=peer), base_url=url)


async def signed_in(client: httpx.AsyncClient, user: str = "alice", password: str = PASSWORD) -> httpx.Response:
    origin = f"{client.base_url.scheme}://{client.base_url.netloc.decode()}"
    return await client.post("/api/v1/session", json={"user": user, "password": password}, headers={"Origin": origin})


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def worked() -> None:
        await work()

    asyncio.run(worked())
