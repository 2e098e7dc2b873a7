"""Checks of each HTTP request and WebSocket before it reaches a handler, as ASGI middleware.

A request must name this server in Host, so that a page of a foreign name that resolves to this address (DNS rebinding)
reads nothing. A request that changes something, and each WebSocket, must come from a page of this server: its Origin
equals the Host. With a session cookie, a change also needs the CSRF token. A script with a token sends no Origin.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec

from services.web.security.access import Access, origin_host
from services.web.security.headers import with_security_headers
from services.web.security.identity import Identity
from services.web.security.requester import Requester, Scope, header_values

Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

API_PATH: Final = "/api/"
SESSION_PATH: Final = "/api/v1/session"
CSRF_HEADER: Final = "X-CSRF-Token"
BODY_BYTES_MAX: Final = 65_536
"""Longest body of a request."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_SITE: Final = frozenset({"same-origin", "none"})


class Refusal(NamedTuple):
    """Status and one line of text of a refused request."""

    status: int
    error: str


class RequestChecks:
    """Refuses requests, sets `scope["identity"]` and `scope["requester"]`, and adds security headers to responses."""

    def __init__(self, app: Application, access: Access) -> None:
        """Check the requests of `app`."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        requester = self._access.requester(scope)
        is_known_host = self._access.accepts_host(requester)
        identity = self._access.identity(scope) if is_known_host else None
        scope["identity"], scope["requester"] = identity, requester
        guarded = self._with_headers(scope, requester, send)
        refusal = self._host_refusal(is_known_host) or _refusal(scope, requester, identity)
        if refusal is not None:
            await _refuse(scope, guarded, refusal)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, guarded)
        else:
            await self._serve(scope, receive, guarded)

    def _host_refusal(self, is_known_host: bool) -> Refusal | None:
        if is_known_host:
            return None
        return Refusal(
            421,
            f"Host is not an address of this server, expected a loopback name with the port {self._access.port}, "
            "or a name of WEB_HOSTS",
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first, so that no handler gets a body that is too long."""
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has disconnected
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                await _refuse(scope, send, _LONG_BODY)
                return
            if not message.get("more_body", False):
                break
        await self._app(scope, _replayed(body, receive), send)

    def _with_headers(self, scope: Scope, requester: Requester, send: Send) -> Send:
        is_api = str(scope["path"]).startswith(API_PATH)
        is_strict = requester.scheme == "https" and self._access.is_own_name(requester.host)

        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = with_security_headers(
                    message.get("headers", ()), is_api=is_api, is_strict_transport=is_strict
                )
                message = {**message, "headers": headers}
            await send(message)

        return guarded


_LONG_BODY: Final = Refusal(
    413, f"the body of the request is longer than {BODY_BYTES_MAX} bytes, expected a shorter one"
)


def _refusal(scope: Scope, requester: Requester, identity: Identity | None) -> Refusal | None:
    is_socket = scope["type"] == "websocket"
    method = "" if is_socket else str(scope["method"])
    is_api = str(scope["path"]).startswith(API_PATH)
    is_change = is_socket or method not in _SAFE
    is_sign_in = method == "POST" and scope["path"] == SESSION_PATH
    if identity is None and header_values(scope, b"authorization") and not is_sign_in:
        # A script with a wrong, expired or revoked token learns that, not that it sends no Origin.
        return None if is_socket else Refusal(401, "the token is unknown, revoked or expired")
    if is_change or is_api:
        refusal = _origin_refusal(scope, requester, identity, is_change=is_change)
        if refusal is not None:
            return refusal
    if is_socket:
        return None  # the handler accepts and closes with a code, which a page cannot read of a refused WebSocket
    if is_api and identity is None and not is_sign_in:
        return Refusal(401, "not signed in, expected a session cookie or a token")
    if is_change and not is_sign_in and identity is not None and identity.is_cookie:
        given = header_values(scope, CSRF_HEADER.lower().encode())
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), identity.csrf_token.encode()):
            return Refusal(403, f"{CSRF_HEADER} is missing or wrong, expected the csrf_token of the session")
    lengths = header_values(scope, b"content-length")
    if any(not text.isdecimal() or int(text[:20]) > BODY_BYTES_MAX for text in lengths):
        return _LONG_BODY
    return None


def _origin_refusal(
    scope: Scope, requester: Requester, identity: Identity | None, *, is_change: bool
) -> Refusal | None:
    """Refusal of a request from a page of another server; a read may have no Origin."""
    # A WebSocket always has an Origin, which is exact, and its scheme differs from that of the page.
    sites = header_values(scope, b"sec-fetch-site") if scope["type"] == "http" else []
    if any(site not in _SAME_SITE for site in sites):
        return Refusal(403, "Sec-Fetch-Site is not same-origin, expected a request of this server's page")
    origins = header_values(scope, b"origin")
    if not origins:
        is_script = identity is not None and not identity.is_cookie
        if is_script or not is_change:
            return None
        return Refusal(403, "Origin is missing, expected the address of this server; scripts send a token")
    if len(origins) != 1 or origin_host(origins[0], requester.scheme) != requester.host:
        return Refusal(403, "Origin is not the address of this server, expected a request of its own page")
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_read = False

    async def replayed() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    body = msgspec.json.encode({"error": refusal.error})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if scope["type"] == "http":
        start, end = "http.response.start", "http.response.body"
    elif "websocket.http.response" in scope.get("extensions", {}):
        start, end = "websocket.http.response.start", "websocket.http.response.body"
    else:
        await send({"type": "websocket.close", "code": 4003})
        return
    await send({"type": start, "status": refusal.status, "headers": headers})
    await send({"type": end, "body": body})
