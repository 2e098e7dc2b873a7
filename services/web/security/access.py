"""Access of one desk's page and API: its users, sessions and tokens, and the identity of each request."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from common.clock import wall_ns
from common.errors import StartError
from common.logs import get_logger
from common.storage import DISK_FAULTS
from services.web.security.auth_store import TOKEN_CHARS_MAX, AuthStore
from services.web.security.exposure import exposure_problem
from services.web.security.identity import Identity
from services.web.security.passwords import Passwords
from services.web.security.requester import (
    Host,
    Requester,
    Scope,
    header_values,
    is_loopback_name,
    parsed_host,
    proxy_network,
    requester_of,
)
from services.web.security.throttle import Throttle
from services.web.security.users import UsersFile
from services.web.settings import WebSettings

COOKIE: Final = "paperdesk_session"
_BEARER: Final = re.compile(rf"bearer[ \t]+([A-Za-z0-9_-]{{1,{TOKEN_CHARS_MAX}}})", re.IGNORECASE)
_TOKEN: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{TOKEN_CHARS_MAX}}}")
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")


class Access:
    """Users, sessions, tokens and throttle of one web process; no method hashes a password."""

    def __init__(
        self,
        settings: WebSettings,
        *,
        passwords: Passwords | None = None,
        throttle: Throttle | None = None,
        now_ns: Callable[[], int] = wall_ns,
    ) -> None:
        """Read the users, and open the store in the data directory.

        Args:
            settings: the settings of the web process.
            passwords: hashing of passwords; by default with the recommended parameters.
            throttle: delays of failed sign-ins; by default with the monotonic clock.
            now_ns: clock of UTC nanoseconds.

        Raises:
            StartError: the server must not listen on the address of the settings, the file of users is invalid, or the
                store cannot be written.
        """
        self.users = UsersFile(settings.web_users_file)
        if problem := exposure_problem(settings, self.users.users().keys()):
            raise StartError(problem)
        self.passwords = Passwords() if passwords is None else passwords
        self.throttle = Throttle() if throttle is None else throttle
        self.now_ns = now_ns
        self.store = AuthStore(
            Path(settings.paperdesk_data_dir), self.users, session_hours=settings.web_session_hours, now_ns=now_ns
        )
        self._proxy = proxy_network(settings.web_trusted_proxy)
        self.port = settings.web_port
        self._problem = ""
        self._names = {*settings.web_hosts}
        own = settings.web_host.lower()
        self._own_names = {*_LOOPBACK_HOSTS, *self._names}
        if own not in _EVERY_ADDRESS:
            self._own_names.add(f"[{own}]" if ":" in own else own)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def requester(self, scope: Scope) -> Requester:
        """The sender of a request, and the address of the server that it used."""
        return requester_of(scope, self._proxy)

    def accepts_host(self, requester: Requester) -> bool:
        """Whether the request names this server, with its port, or through the proxy a name of WEB_HOSTS."""
        host = requester.host
        if host is None or not requester.scheme:
            return False
        return (host.port == self.port and host.name in self._own_names) or (
            requester.is_proxied and host.name in self._names
        )

    def is_own_name(self, host: Host | None) -> bool:
        """Whether the host is a name of WEB_HOSTS, not one of loopback, which other servers share."""
        return host is not None and host.name in self._names and not is_loopback_name(host.name)

    def cookie_name(self, requester: Requester) -> str:
        """Name of the session cookie, which differs between desks, because browsers do not separate cookies by port."""
        prefix = "__Host-" if requester.scheme == "https" else ""
        return f"{prefix}{COOKIE}_{self.store.name}"

    def session_token(self, scope: Scope) -> str | None:
        """The token in the session cookie; None if there is none, or more than one."""
        name = self.cookie_name(self.requester(scope))
        pairs = [pair.partition("=") for text in header_values(scope, b"cookie") for pair in text.split(";")]
        found = [value.strip() for key, _, value in pairs if key.strip() == name]
        return found[0] if len(found) == 1 and _TOKEN.fullmatch(found[0]) else None

    def identity(self, scope: Scope) -> Identity | None:
        """The current identity of the cookie or token of a request or open WebSocket.

        A request with a header Authorization has no other identity than that of its token.
        """
        try:
            found = self._identity(scope)
        except (StartError, *DISK_FAULTS) as error:  # no request has an identity while a file cannot be used
            if str(error) != self._problem:
                self._problem = str(error)
                get_logger().warning("the file of users or of sessions cannot be used", problem=self._problem)
            return None
        if found is not None:
            self._problem = ""
        return found

    def _identity(self, scope: Scope) -> Identity | None:
        authorization = header_values(scope, b"authorization")
        if authorization:
            found = _BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
            return None if found is None else self.store.token(found[1])
        token = self.session_token(scope)
        return None if token is None else self.store.session(token)


def origin_host(origin: str, scheme: str) -> Host | None:
    """The host of an origin with this scheme; None if the origin is malformed or has another scheme."""
    start = f"{scheme}://"
    return parsed_host(origin[len(start) :], scheme) if origin.lower().startswith(start) else None
