"""Passwords: their rules, and hashing and verification with Argon2id in threads, so that the event loop is not blocked.

The parameters are those that argon2-cffi recommends. A hash with other parameters is verified, and then replaced.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.web.security.users import User

CHARS_MIN: Final = 12
BYTES_MAX: Final = 1_024
"""Range of a password's length: at least so many characters, at most so many bytes of UTF-8."""

AT_A_TIME: Final = 2
"""Passwords that are verified at the same time; each takes 64 MiB and, for about 0.1 s, up to 4 cores."""

WAITING_MAX: Final = 16
"""Verifications that may wait."""


class BusyError(Exception):
    """Too many verifications wait; the client repeats the request later."""


class PasswordError(ValueError):
    """A password does not conform to the rules; the text is the problem and the expectation."""


class Passwords:
    """Hashes and verifies passwords; `verify` belongs to one event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """Use `hasher`, or one with the recommended parameters."""
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._unknown = self._hasher.hash(secrets.token_urlsafe())
        """Hash that is verified for an unknown user, so that the reply takes the same time."""
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0

    def hash(self, password: str) -> str:
        """Argon2id hash of a new password.

        Raises:
            PasswordError: the password is too short or too long, or has a control character.
        """
        return self._hasher.hash(checked_password(password))

    @property
    def is_busy(self) -> bool:
        """Whether `verify` would raise BusyError."""
        return self._waiting >= AT_A_TIME + WAITING_MAX

    async def verify(self, user: User | None, password: str) -> bool:
        """Whether this is the password of a user; False, after the same work, if `user` is None.

        Raises:
            BusyError: too many verifications wait.
        """
        if self.is_busy:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._verify, user, password)
        finally:
            self._waiting -= 1

    async def renewed_hash(self, user: User, password: str) -> str | None:
        """Hash with the current parameters if the hash of `user` has others, else None; `password` must be correct."""
        if not self._hasher.check_needs_rehash(user.password):
            return None
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, normal_form(password))

    def _verify(self, user: User | None, password: str) -> bool:
        is_possible = True
        try:
            given = normal_form(password)
        except PasswordError:  # no user has such a password; the work is the same
            given, is_possible = "", False
        try:
            self._hasher.verify(self._unknown if user is None else user.password, given)
        except (VerificationError, InvalidHashError):
            return False
        return user is not None and is_possible


def normal_form(password: str) -> str:
    """The password in the Unicode form NFC, because keyboards differ in how they compose a letter and its accent.

    Raises:
        PasswordError: it is too long, or has a control character or an unpaired surrogate.
    """
    if len(password) > BYTES_MAX:  # before the normalization, which takes time proportional to the length
        raise PasswordError(f"the password has {len(password)} characters, expected at most {BYTES_MAX} bytes")
    normal = unicodedata.normalize("NFC", password)
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in normal):
        raise PasswordError("the password has a control character, expected only characters that are displayed")
    if (size := len(normal.encode())) > BYTES_MAX:
        raise PasswordError(f"the password has {size} bytes in UTF-8, expected at most {BYTES_MAX}")
    return normal


def checked_password(password: str) -> str:
    """The normal form of a new password.

    Raises:
        PasswordError: it is too short or too long, or has a control character or an unpaired surrogate.
    """
    normal = normal_form(password)
    if len(normal) < CHARS_MIN:
        raise PasswordError(f"the password has {len(normal)} characters, expected at least {CHARS_MIN}")
    return normal
