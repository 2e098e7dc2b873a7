"""Routes of the HTTP API: each path checks the request by its operation, calls the handler and encodes the reply."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.web.api.errors import RequestError
from services.web.api.operation import API, KEY_HEADER, Call, Operation
from services.web.api.values import body_values, path_value, query_values
from services.web.backend import Backend
from services.web.security.identity import Identity, may

_KEY: Final = re.compile(r"[!-~]{1,64}")
_JSON: Final = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with a value as JSON, which no cache stores; `status` is the HTTP status."""
    return Response(_encode(value), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def error_response(error: RequestError) -> Response:
    """The response for an error."""
    return json_response(error.view, error.status, error.headers)


class PathEndpoint:
    """All operations of one path, as an ASGI application."""

    def __init__(self, backend: Backend, operations: Sequence[Operation]) -> None:
        """Serve the operations, which have different methods."""
        self._backend = backend
        self._operations = {operation.method: operation for operation in operations}
        names = [*self._operations, *(["HEAD"] if "GET" in self._operations else []), "OPTIONS"]
        self._allow = ", ".join(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RequestError as error:
            response = error_response(error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": self._allow})
        operation = self._operations.get("GET" if request.method == "HEAD" else request.method)
        if operation is None:
            raise RequestError(
                405, f"method is {request.method}, expected one of {self._allow}", {"Allow": self._allow}
            )
        reply = await operation.handler(await _checked(self._backend, operation, request))
        return reply if isinstance(reply, Response) else json_response(reply, operation.success)


async def _checked(backend: Backend, operation: Operation, request: Request) -> Call:
    """The call of an operation, after every check."""
    identity = _identity(operation, request)
    path = {name: path_value(name, request.path_params[name], kind) for name, kind in operation.parameters.items()}
    query = query_values(request.scope["query_string"], operation.query)
    key = _key(request) if operation.is_command else ""
    body = await _body(request, operation.body) if operation.body is not None else None
    return Call(backend=backend, request=request, identity=identity, path=path, query=query, body=body, key=key)


def _identity(operation: Operation, request: Request) -> Identity | None:
    identity: Identity | None = request.scope.get("identity")
    if operation.role is None:
        return identity
    if identity is None:
        raise RequestError(401, "not signed in, expected a session cookie or a token")
    if not may(identity, operation.role):
        raise RequestError(403, f"role is {identity.role}, expected {operation.role}")
    return identity


def _key(request: Request) -> str:
    keys = request.headers.getlist(KEY_HEADER)
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        shown = "missing" if not keys else " and ".join(map(repr, keys))[:80]
        raise RequestError(400, f"{KEY_HEADER} is {shown}, expected 1 to 64 printable ASCII characters")
    return keys[0]


async def _body(request: Request, shape: type[Struct]) -> Struct:
    kind = request.headers.get("Content-Type", "")
    if not _JSON.fullmatch(kind.strip()):
        raise RequestError(415, f"Content-Type is {kind[:80]!r}, expected application/json")
    try:
        payload = await request.body()
    except ClientDisconnect:
        raise RequestError(400, "body ended before its length, expected a whole JSON object") from None
    return body_values(payload, shape)


def api_routes(backend: Backend, operations: Sequence[Operation]) -> list[Route]:
    """A route for each path; a parameter may contain slashes."""
    paths: dict[str, list[Operation]] = {}
    for operation in operations:
        paths.setdefault(operation.path, []).append(operation)
    return [
        Route(API + re.sub(r"\{(\w+)\}", r"{\1:path}", path), PathEndpoint(backend, group))
        for path, group in paths.items()
    ]
