"""One operation of the HTTP API, and one call of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from msgspec import Struct
from starlette.requests import Request

from proto.trading.units import Name
from services.web.backend import Backend
from services.web.security.identity import Identity, Role

API: Final = "/api/v1"
"""Path of the current version of the HTTP API."""

KEY_HEADER: Final = "Idempotency-Key"

S = TypeVar("S", bound=Struct)

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Call:
    """A validated call of an operation.

    `identity` is None for a sign-in without a session. `key` is the Idempotency-Key of a command, empty for any other
    operation. `path` has the parameters of the path by name.
    """

    backend: Backend
    request: Request
    identity: Identity | None
    path: Mapping[str, str]
    query: Struct | None
    body: Struct | None
    key: str

    @property
    def user(self) -> str:
        """The signed-in user, empty without one."""
        return "" if self.identity is None else self.identity.user

    def parameters(self, shape: type[S]) -> S:
        """The query parameters."""
        assert isinstance(self.query, shape), shape
        return self.query

    def content(self, shape: type[S]) -> S:
        """The body."""
        assert isinstance(self.body, shape), shape
        return self.body


Handler = Callable[[Call], Awaitable[object]]
"""Returns the value of the reply, or a whole `Response`; raises `RequestError`."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A row of the table of operations: routes, checks and the OpenAPI document are made from it.

    `path` is below `API`; its parameters are names. `role` is None for an operation that needs no identity. `reply` is
    the type of the value of the status `success`, None for no value. `errors` are the statuses of errors beyond those
    that follow from the other fields, each with its type. `example` is a body, and `values` are examples of parameters
    by name.
    """

    method: str
    path: str
    name: str
    summary: str
    role: Role | None
    reply: Any
    handler: Handler
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    success: int = 200
    is_command: bool = False
    errors: Mapping[int, type[Struct]] = field(default_factory=dict)
    example: Struct | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Types of the parameters of the path by name."""
        return dict.fromkeys(_PARAMETER.findall(self.path), Name)
