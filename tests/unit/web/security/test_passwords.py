"""Hashing and verification of passwords with Argon2id."""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from services.web.security.identity import Role
from services.web.security.passwords import (
    AT_A_TIME,
    BYTES_MAX,
    WAITING_MAX,
    BusyError,
    PasswordError,
    Passwords,
    checked_password,
)
from services.web.security.users import User
from tests.unit.web.security.builders import HASHER, PASSWORD


def a_user(password_hash: str) -> User:
    return User(Role.READ, password_hash, "0" * 16)


def is_correct(passwords: Passwords, user: User | None, password: str) -> bool:
    return asyncio.run(passwords.verify(user, password))


def test_a_new_hash_has_the_recommended_parameters() -> None:
    found = extract_parameters(Passwords().hash(PASSWORD))
    assert found == RFC_9106_LOW_MEMORY


def test_only_the_password_of_the_user_is_correct() -> None:
    passwords = Passwords(HASHER)
    user = a_user(passwords.hash(PASSWORD))
    assert is_correct(passwords, user, PASSWORD)
    for other in (
        PASSWORD + " ",
        PASSWORD.upper(),
        "",
        PASSWORD + "\x00",
        "\x00" + PASSWORD,
        "x" * 1_000_000,
        "\ud800",
    ):
        assert not is_correct(passwords, user, other)
    assert not is_correct(passwords, None, PASSWORD)
    assert not is_correct(passwords, a_user(HASHER.hash("")), "x" * 1_000_000)
    assert not is_correct(passwords, a_user("$argon2id$broken"), PASSWORD)


def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    passwords = Passwords(HASHER)
    composed, decomposed = (unicodedata.normalize(form, "déjà-vu déjà-vu") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert is_correct(passwords, a_user(passwords.hash(decomposed)), composed)
    assert is_correct(passwords, a_user(passwords.hash(composed)), decomposed)


class CountingHasher(PasswordHasher):
    """Counts the hashes against which it verifies, and the passwords' lengths."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.parameters: list[Any] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the name in the base class
        self.parameters.append(extract_parameters(str(hash)))
        return super().verify(hash, password)


def test_an_unknown_user_and_an_impossible_password_cost_one_verification_with_the_same_parameters() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    user = a_user(passwords.hash(PASSWORD))
    for who, password in ((user, PASSWORD), (None, PASSWORD), (user, "x" * 5_000), (None, "a\x00")):
        is_correct(passwords, who, password)
    assert len(hasher.parameters) == 4
    assert len(set(map(str, hasher.parameters))) == 1


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("elevenchars", "11 characters, expected at least 12"),
        ("x" * (BYTES_MAX + 1), f"expected at most {BYTES_MAX} bytes"),
        ("é" * BYTES_MAX, f"{2 * BYTES_MAX} bytes in UTF-8"),
        ("twelve chars\x00", "control character"),
        ("twelve chars\n", "control character"),
        ("twelve chars\ud800", "control character"),
    ],
)
def test_a_new_password_conforms_to_the_rules(password: str, problem: str) -> None:
    with pytest.raises(PasswordError, match=problem):
        checked_password(password)


def test_a_hash_with_earlier_parameters_is_renewed() -> None:
    old, new = Passwords(HASHER), Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    user = a_user(old.hash(PASSWORD))
    renewed = asyncio.run(new.renewed_hash(user, PASSWORD))
    assert renewed is not None
    assert is_correct(new, a_user(renewed), PASSWORD)
    assert asyncio.run(new.renewed_hash(a_user(renewed), PASSWORD)) is None


class HeldHasher(PasswordHasher):
    """Verifies only after `go`, and counts how many verifications are in progress."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.most = self.now = 0
        self.lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the name in the base class
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.go.wait(20)
        try:
            return super().verify(hash, password)
        finally:
            with self.lock:
                self.now -= 1


def test_the_event_loop_runs_during_a_verification_and_few_run_at_a_time() -> None:
    hasher = HeldHasher()
    passwords = Passwords(hasher)
    user = a_user(HASHER.hash(PASSWORD))

    async def work() -> list[bool]:
        many = [asyncio.create_task(passwords.verify(user, PASSWORD)) for _ in range(AT_A_TIME + WAITING_MAX)]
        await asyncio.wait(many, timeout=0.05)
        assert passwords.is_busy
        with pytest.raises(BusyError):
            await passwords.verify(user, PASSWORD)
        hasher.go.set()  # the event loop reaches this line although verifications wait
        return await asyncio.gather(*many)

    assert all(asyncio.run(work()))
    assert hasher.most == AT_A_TIME
