"""Sessions, tokens of scripts, and one-time tokens, in `web_auth.db` of the data directory.

The file has the SHA-256 of each secret, not the secret, which is 32 random bytes in base64. The web process and
commands may write to the file at the same time. A read sees each committed change of another process, so a revoked
token is refused at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from common.clock import wall_ns
from common.errors import StartError
from common.migration import FileKind
from common.storage import open_reader, open_shared_writer, transaction
from services.web.security.identity import ONE_TIME_USER, TOKEN_PREFIX, Identity, Role
from services.web.security.users import USER_NAME, USER_NAME_EXPECTED, UsersFile

FILE_NAME: Final = "web_auth.db"
APPLICATION_ID: Final = 0x50445741  # "PDWA"
SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL) STRICT;
INSERT INTO store VALUES (1, lower(hex(randomblob(4))));
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,  -- SHA-256 of the token
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    stamp TEXT NOT NULL,  -- of the user at the sign-in; empty for a one-time address
    expires_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    digest BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE once (digest BLOB PRIMARY KEY, role TEXT NOT NULL, expires_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

AUTH_FILE: Final = FileKind("web sessions", APPLICATION_ID, SCHEMA_VERSION, {}, check=lambda _db: "")

ONCE_S: Final = 600
"""Seconds for which a one-time token is valid."""

TOKEN_CHARS_MAX: Final = 128
"""Longest text that is looked up as a token."""

_SECRET_BYTES: Final = 32
_NS: Final = 1_000_000_000
_HOUR_NS: Final = 3_600 * _NS


class NewSession(NamedTuple):
    """A new session: the token for the cookie, the CSRF token, and the UTC nanoseconds at which the session ends."""

    token: str
    csrf_token: str
    expires_ns: int


class TokenRow(NamedTuple):
    """A token of a script, without its secret; times are UTC nanoseconds."""

    name: str
    role: Role
    created_ns: int
    expires_ns: int


class AuthStore:
    """The store of one desk; safe for several threads and processes."""

    def __init__(
        self, data_dir: Path, users: UsersFile, *, session_hours: int = 168, now_ns: Callable[[], int] = wall_ns
    ) -> None:
        """Open the store, or create it.

        Args:
            data_dir: the data directory of the desk.
            users: the file of users, whose changes end sessions.
            session_hours: hours after which a session ends.
            now_ns: clock of UTC nanoseconds.

        Raises:
            StartError: the file cannot be written, or is damaged or of another kind or version.
        """
        self.path = data_dir / FILE_NAME
        self._users = users
        self._session_ns = session_hours * _HOUR_NS
        self._now_ns = now_ns
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._writer = open_shared_writer(
            self.path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION
        )
        self._reader = open_reader(self.path, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)
        [(name,)] = self._rows("SELECT name FROM store")
        self.name: str = name
        """Random name of the store, by which the cookies of several desks on one host differ."""

    def close(self) -> None:
        """Close the file."""
        with self._read_lock:
            self._reader.close()
        with self._write_lock:
            self._writer.close()

    def new_session(self, user: str, role: Role, stamp: str = "") -> NewSession:
        """Open a session for `user`; `stamp` is that of the user in the file of users, empty for a one-time address.

        Raises:
            StartError: the file cannot be written.
        """
        now_ns, token = self._now_ns(), _new_secret()
        expires_ns = now_ns + self._session_ns
        with self._writing() as db:
            db.execute("DELETE FROM sessions WHERE expires_ns <= ?", (now_ns,))
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (_digest(token), user, role, stamp, expires_ns))
        return NewSession(token, csrf_token_of(token), expires_ns)

    def session(self, token: str) -> Identity | None:
        """The identity of a session; None if it has ended or expired, or if its user was changed or removed.

        Raises:
            StartError: the file of users is invalid or cannot be read.
        """
        rows = self._rows("SELECT user, role, stamp, expires_ns FROM sessions WHERE digest = ?", _digest(token))
        for user, role, stamp, expires_ns in rows:
            if expires_ns > self._now_ns() and self._is_current(user, role, stamp):
                return Identity(user, Role(role), csrf_token_of(token), True, expires_ns)
        return None

    def _is_current(self, user: str, role: str, stamp: str) -> bool:
        if user == ONE_TIME_USER:
            return True
        found = self._users.users().get(user)
        return found is not None and found.stamp == stamp and found.role == role

    def end_session(self, token: str) -> None:
        """End the session with this token, if it exists.

        Raises:
            StartError: the file cannot be written.
        """
        with self._writing() as db:
            db.execute("DELETE FROM sessions WHERE digest = ?", (_digest(token),))

    def end_sessions(self, user: str | None = None) -> int:
        """End the sessions of a user, or all sessions; returns how many.

        With the sessions of one-time addresses, the addresses that have not been used yet end too.

        Args:
            user: name of a user or `ONE_TIME_USER`; None for all sessions.

        Raises:
            StartError: the user has no session, or the file cannot be written.
        """
        now_ns = self._now_ns()
        with self._writing() as db:
            users = [str(name) for (name,) in db.execute("SELECT user FROM sessions WHERE expires_ns > ?", (now_ns,))]
            if user is not None and user not in users:
                known = ", ".join(sorted(set(users))) or "none"
                raise StartError(f"NAME: value {user[:64]!r}, expected a user with a session: {known}")
            db.execute("DELETE FROM sessions WHERE user = ?1 OR ?1 IS NULL", (user,))
            if user in (None, ONE_TIME_USER):
                db.execute("DELETE FROM once")
        return len(users) if user is None else users.count(user)

    def new_token(self, name: str, role: Role, expires_ns: int) -> str:
        """Create a token for a script and return it; it cannot be read later.

        Raises:
            StartError: the name is malformed or taken, or the file cannot be written.
        """
        if not USER_NAME.fullmatch(name):
            raise StartError(f"NAME: value {name[:64]!r}, expected {USER_NAME_EXPECTED}")
        token = _new_secret()
        try:
            with self._writing() as db:
                db.execute(
                    "INSERT INTO tokens VALUES (?, ?, ?, ?, ?)",
                    (_digest(token), name, role, self._now_ns(), expires_ns),
                )
        except apsw.ConstraintError:
            raise StartError(
                f"NAME: token {name!r} exists, expected a new name; `paperdesk web token revoke {name}` removes it"
            ) from None
        return token

    def token(self, token: str) -> Identity | None:
        """The identity of a script's token; None if it does not exist, or is revoked or expired."""
        rows = self._rows("SELECT name, role, expires_ns FROM tokens WHERE digest = ?", _digest(token))
        for name, role, expires_ns in rows:
            if expires_ns > self._now_ns():
                return Identity(f"{TOKEN_PREFIX}{name}", Role(role), "", False, expires_ns)
        return None

    def tokens(self) -> list[TokenRow]:
        """All tokens of scripts, also expired ones, by name."""
        rows = self._rows("SELECT name, role, created_ns, expires_ns FROM tokens ORDER BY name")
        return [TokenRow(name, Role(role), created_ns, expires_ns) for name, role, created_ns, expires_ns in rows]

    def revoke_token(self, name: str) -> bool:
        """Remove a token; returns whether it existed.

        Raises:
            StartError: the file cannot be written.
        """
        with self._writing() as db:
            return bool(db.execute("DELETE FROM tokens WHERE name = ? RETURNING 1", (name,)).fetchall())

    def new_once(self, role: Role) -> str:
        """Create a token that signs in once, within `ONCE_S`, and return it.

        Raises:
            StartError: the file cannot be written.
        """
        now_ns, token = self._now_ns(), _new_secret()
        with self._writing() as db:
            db.execute("DELETE FROM once WHERE expires_ns <= ?", (now_ns,))
            db.execute("INSERT INTO once VALUES (?, ?, ?)", (_digest(token), role, now_ns + ONCE_S * _NS))
        return token

    def take_once(self, token: str) -> Role | None:
        """Use up a one-time token and return its role; None if it is unknown, used or expired.

        Raises:
            StartError: the file cannot be written.
        """
        with self._writing() as db:
            rows = db.execute(
                "DELETE FROM once WHERE digest = ? RETURNING role, expires_ns", (_digest(token),)
            ).fetchall()
        return next((Role(str(role)) for role, expires_ns in rows if int(str(expires_ns)) > self._now_ns()), None)

    def _rows(self, statement: str, *values: bytes) -> list[Any]:
        with self._read_lock:
            return self._reader.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        with self._write_lock, transaction(self._writer):
            yield self._writer


def csrf_token_of(token: str) -> str:
    """The CSRF token of a session: a keyed digest of its token, from which the token cannot be computed."""
    return hmac.new(_bytes(token), b"csrf", hashlib.sha256).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def _digest(token: str) -> bytes:
    return hashlib.sha256(_bytes(token[: TOKEN_CHARS_MAX + 1])).digest()


def _bytes(token: str) -> bytes:
    return token.encode("utf-8", "surrogatepass")
