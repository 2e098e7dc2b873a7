"""Identities and roles: who sends a request, and what that person or script may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Role(StrEnum):
    """What a user or a token may do."""

    READ = "read"
    TRADE = "trade"


ONE_TIME_USER: Final = "one-time address"
"""User of a session that a one-time address opened. The space distinguishes it from the name of a user."""

TOKEN_PREFIX: Final = "token "  # noqa: S105 - a word, not a secret
"""First characters of the user of a request with a token; the name of the token follows."""


class Identity(Struct, frozen=True):
    """A signed-in person or a script.

    Attributes:
        user: name of the user, `ONE_TIME_USER`, or `TOKEN_PREFIX` and the name of a token.
        role: what the identity may do.
        csrf_token: token that unsafe requests with the session's cookie repeat in a header; empty for a script's token.
        is_cookie: whether the request has a session cookie; otherwise it has a script's token.
        expires_ns: UTC nanoseconds at which the session or the token ends.
    """

    user: str
    role: Role
    csrf_token: str
    is_cookie: bool
    expires_ns: int


def may(identity: Identity | None, role: Role | str) -> bool:
    """Whether an identity has a role; `trade` includes `read`, and no identity has none."""
    return identity is not None and (identity.role is Role.TRADE or Role(role) is Role.READ)
