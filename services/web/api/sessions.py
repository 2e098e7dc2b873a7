"""Handlers of the session: sign in, read the session, sign out."""

from __future__ import annotations

from starlette.responses import Response

from services.web.api.operation import Call
from services.web.api.schemas import SessionView
from services.web.security import sign_in
from services.web.security.sign_in import SignIn


async def create_session(call: Call) -> Response:
    """Sign in."""
    return await sign_in.sign_in(call.backend.access, call.request, call.content(SignIn))


async def read_session(call: Call) -> SessionView:
    """The signed-in user."""
    assert call.identity is not None
    return sign_in.read_session(call.backend.access, call.identity)


async def delete_session(call: Call) -> Response:
    """Sign out."""
    return await sign_in.sign_out(call.backend.access, call.request)
