"""The file of users: names, roles and password hashes, in TOML.

Each change of a password or role gives the user a new stamp. A session has the stamp of its user, and ends when the
user gets another stamp or is removed. Processes read the file again when it changes, so a change needs no restart.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from common.errors import StartError
from common.storage import writers_lock
from common.struct_files import FieldError, read_struct
from common.toml_files import read_toml
from common.whole_files import whole_file
from services.web.security.identity import Role

SETTING: Final = "WEB_USERS_FILE"
USER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
USER_NAME_EXPECTED: Final = "1 to 32 of a-z, 0-9, '.', '_' and '-', of which the first is a letter or a digit"
EXAMPLE: Final = "expected a table such as [users.alice] with role, password and stamp, as `paperdesk web user` writes"
_STAMP_BYTES: Final = 8

Hash = Annotated[str, Meta(pattern=r"^\$argon2id\$[A-Za-z0-9$=,+/]{1,250}$", description="an Argon2id hash")]
Stamp = Annotated[str, Meta(pattern="^[0-9a-f]{16}$", description="16 hexadecimal digits")]


class User(Struct, frozen=True):
    """A user of the file; `password` is an Argon2id hash."""

    role: Role
    password: Hash
    stamp: Stamp


class _File(Struct, frozen=True):
    users: dict[str, User] = {}


class UsersFile:
    """Reads and changes a file of users; safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Use the file at `path`, which need not exist: it then has no users."""
        self.path = path
        self._lock = threading.Lock()
        self._state: tuple[int, ...] | None = None
        self._users: Mapping[str, User] = {}

    def users(self) -> Mapping[str, User]:
        """Users by name, read again if the file has changed.

        Raises:
            StartError: the file is invalid, cannot be read, or other users of the host may read it.
        """
        with self._lock:
            state = self._file_state()
            if state != self._state or state is None:
                self._users = {} if state is None else self._read()
                self._state = state
            return self._users

    def require_user(self, name: str) -> User:
        """The user with this name.

        Raises:
            StartError: there is no such user, or the file is invalid.
        """
        users = self.users()
        if name not in users:
            known = ", ".join(sorted(users)) or "none"
            raise StartError(f"NAME: value {name[:64]!r}, expected a user of {self.path}: {known}")
        return users[name]

    def require_free(self, name: str) -> None:
        """Check the name of a new user.

        Raises:
            StartError: the name is malformed or taken, or the file is invalid.
        """
        if not USER_NAME.fullmatch(name):
            raise StartError(f"NAME: value {name[:64]!r}, expected {USER_NAME_EXPECTED}")
        if name in self.users():
            raise StartError(f"NAME: user {name!r} exists in {self.path} already, expected a new name")

    def add(self, name: str, role: Role, password_hash: str) -> None:
        """Add a user.

        Raises:
            StartError: the name is malformed or taken, or the file is invalid or cannot be written.
        """
        with self._changing() as users:
            self.require_free(name)
            users[name] = User(role, password_hash, _new_stamp())

    def remove(self, name: str) -> None:
        """Remove a user, which ends the user's sessions.

        Raises:
            StartError: there is no such user, or the file is invalid or cannot be written.
        """
        with self._changing() as users:
            self.require_user(name)
            del users[name]

    def set_role(self, name: str, role: Role) -> None:
        """Change a user's role, which ends the user's sessions.

        Raises:
            StartError: there is no such user, or the file is invalid or cannot be written.
        """
        with self._changing() as users:
            users[name] = structs.replace(self.require_user(name), role=role, stamp=_new_stamp())

    def set_password(self, name: str, password_hash: str) -> None:
        """Change a user's password, which ends the user's sessions.

        Raises:
            StartError: there is no such user, or the file is invalid or cannot be written.
        """
        with self._changing() as users:
            users[name] = structs.replace(self.require_user(name), password=password_hash, stamp=_new_stamp())

    def renew_hash(self, name: str, user: User, password_hash: str) -> None:
        """Replace the hash of an unchanged password, which ends no session; without effect if the user has changed.

        Raises:
            StartError: the file is invalid or cannot be written.
        """
        with self._changing() as users:
            if users.get(name) == user:
                users[name] = structs.replace(user, password=password_hash)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        """The users, written to the file at the end of the block."""
        with writers_lock(self.path):
            users = dict(self.users())
            yield users
            try:
                with whole_file(self.path, replaces=True, is_private=True) as part:
                    part.write_text(_text(users), encoding="utf-8")
            except OSError as error:
                raise StartError(
                    f"{self.path} cannot be written: {error.strerror}; expected a writable file and folder"
                ) from None

    def _file_state(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StartError(f"{SETTING}: {self.path}: {error.strerror}; expected a readable file") from None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode

    def _read(self) -> Mapping[str, User]:
        if os.name == "posix" and self.path.stat().st_mode & 0o077:
            raise StartError(
                f"{SETTING}: {self.path} has mode {self.path.stat().st_mode & 0o777:o}, expected 600, because other "
                "users of the host must not read it; `chmod 600` sets it"
            )
        values = read_toml(
            self.path, setting=SETTING, value=str(self.path), expected="a readable file of users", example=EXAMPLE
        )
        try:
            users = read_struct(values, _File, example=EXAMPLE.removeprefix("expected ")).users
        except FieldError as error:
            raise StartError(f"{SETTING}: {self.path}: {error}") from None
        for name in users:
            if not USER_NAME.fullmatch(name):
                raise StartError(f"{SETTING}: {self.path}: user {name[:64]!r}, expected {USER_NAME_EXPECTED}")
        return users


def _new_stamp() -> str:
    return secrets.token_hex(_STAMP_BYTES)


def _text(users: Mapping[str, User]) -> str:
    """The file's text. No value needs an escape, because names, hashes and stamps consist of ASCII without quotes."""
    parts = ["# Users of the web page, written by `paperdesk web user`.\n"]
    for name, user in sorted(users.items()):
        parts.append(
            f'\n[users."{name}"]\nrole = "{user.role}"\npassword = "{user.password}"\nstamp = "{user.stamp}"\n'
        )
    return "".join(parts)
