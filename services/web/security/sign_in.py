"""The session routes: sign in with a password or a one-time token, read the session, and sign out."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from common.errors import StartError
from common.logs import get_logger
from common.storage import DISK_FAULTS
from services.web.api.schemas import SessionView
from services.web.security.access import Access
from services.web.security.auth_store import NewSession
from services.web.security.identity import ONE_TIME_USER, Identity, Role
from services.web.security.requester import Requester
from services.web.security.users import USER_NAME, User

BUSY_S: Final = 1
"""Seconds to wait when too many sign-ins are in progress."""

FAILED: Final = "the user name or the password is wrong"
FAILED_ONCE: Final = (
    "the one-time address is unknown, used, older than 10 minutes or opened on another host; "
    "`paperdesk web address` prints a new one"
)
UNUSABLE: Final = "the file of users or of sessions cannot be used, see the log of the process web"
EXPECTED_BODY: Final = "expected user and password, or once"


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /session: either user and password, or a one-time token."""

    user: Annotated[str, Meta(max_length=256)] = ""
    password: Annotated[str, Meta(max_length=8_192)] = ""
    once: Annotated[str, Meta(max_length=256)] = ""


def one_time_address(base_url: str, token: str) -> str:
    """The address that signs in once; the token is in the fragment, which browsers do not send to any server."""
    return f"{base_url.rstrip('/')}/#once={quote(token, safe='')}"


def read_session(access: Access, identity: Identity) -> SessionView:
    """The session or token of a request: GET /session."""
    return _view(identity.user, identity.role, identity.csrf_token, identity.expires_ns, access.now_ns())


async def sign_in(access: Access, request: Request, body: SignIn) -> Response:
    """Open a session and set its cookie: POST /session. The session of the request's own cookie ends.

    The status is 200; 400 for another combination of fields; 401 for a wrong password or token; 429 with Retry-After
    after failures, or when too many sign-ins are in progress; 503 if a file cannot be used.
    """
    try:
        return await _sign_in(access, request, body)
    except (StartError, *DISK_FAULTS) as error:
        get_logger().error("a sign-in was not possible", problem=str(error))
        return refusal(503, UNUSABLE)


async def _sign_in(access: Access, request: Request, body: SignIn) -> Response:
    has_password = bool(body.user or body.password)
    if has_password == bool(body.once):
        return refusal(400, f"the body has {'both' if has_password else 'neither'}, {EXPECTED_BODY}")
    requester: Requester = request.scope["requester"]
    # No user has a malformed name, so no delay is kept for it.
    user = body.user if USER_NAME.fullmatch(body.user) else ""
    if wait_s := access.throttle.wait_s(requester.address, user):
        return throttled(wait_s)
    if has_password and access.passwords.is_busy:
        return throttled(BUSY_S)
    access.throttle.count(requester.address, user)
    opened = await (_by_password(access, user, body.password) if has_password else _by_once(access, requester, body))
    if opened is None:
        get_logger().warning("a sign-in failed", user=user or "-", address=requester.address)
        return refusal(401, FAILED if has_password else FAILED_ONCE)
    access.throttle.succeed(requester.address, user)
    session, name, role = opened
    if (earlier := access.session_token(request.scope)) is not None:
        await asyncio.to_thread(access.store.end_session, earlier)
    get_logger().info("signed in", user=name, role=str(role), address=requester.address)
    now_ns = access.now_ns()
    view = _view(name, role, session.csrf_token, session.expires_ns, now_ns)
    response = Response(msgspec.json.encode(view), media_type="application/json")
    _set_cookie(access, requester, response, session.token, max_age_s=(session.expires_ns - now_ns) // 1_000_000_000)
    return response


async def sign_out(access: Access, request: Request) -> Response:
    """End the session of the request's cookie and remove the cookie: DELETE /session, status 204.

    The status is 503 if the file of sessions cannot be written; the session then remains valid.
    """
    token = access.session_token(request.scope)
    try:
        if token is not None:
            await asyncio.to_thread(access.store.end_session, token)
    except (StartError, *DISK_FAULTS) as error:
        get_logger().error("a session was not ended", problem=str(error))
        return refusal(503, UNUSABLE)
    response = Response(status_code=204)
    _set_cookie(access, request.scope["requester"], response, "", max_age_s=0)
    return response


def refusal(status_number: int, error: str) -> Response:
    """A response with one line of text as JSON."""
    return Response(msgspec.json.encode({"error": error}), status_number, media_type="application/json")


def throttled(wait_s: int) -> Response:
    """The response 429, with the seconds to wait."""
    response = refusal(429, f"too many failed sign-ins, expected the next one in {wait_s} s; open sessions go on")
    response.headers["Retry-After"] = str(wait_s)
    return response


def _view(user: str, role: Role, csrf_token: str, expires_ns: int, server_ns: int) -> SessionView:
    return SessionView(user=user, role=role, csrf_token=csrf_token, expires_ns=expires_ns, server_ns=server_ns)


async def _by_password(access: Access, name: str, password: str) -> tuple[NewSession, str, Role] | None:
    user = access.users.users().get(name) if name else None
    if not await access.passwords.verify(user, password) or user is None:
        return None
    session = await asyncio.to_thread(access.store.new_session, name, user.role, user.stamp)
    await _renew_hash(access, name, user, password)
    return session, name, user.role


async def _renew_hash(access: Access, name: str, user: User, password: str) -> None:
    renewed = await access.passwords.renewed_hash(user, password)
    if renewed is not None:
        try:
            await asyncio.to_thread(access.users.renew_hash, name, user, renewed)
        except StartError as error:  # such as a file system that is mounted read-only; the old hash remains valid
            get_logger().warning("the hash of a password was not renewed", user=name, problem=str(error))


async def _by_once(access: Access, requester: Requester, body: SignIn) -> tuple[NewSession, str, Role] | None:
    if not requester.is_loopback:
        return None
    role = await asyncio.to_thread(access.store.take_once, body.once)
    if role is None:
        return None
    session = await asyncio.to_thread(access.store.new_session, ONE_TIME_USER, role)
    return session, ONE_TIME_USER, role


def _set_cookie(access: Access, requester: Requester, response: Response, token: str, *, max_age_s: int) -> None:
    response.set_cookie(
        access.cookie_name(requester),
        token,
        max_age=max_age_s,
        path="/",
        secure=requester.scheme == "https",
        httponly=True,
        samesite="strict",
    )
