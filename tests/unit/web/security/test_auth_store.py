"""The store of sessions, tokens and one-time tokens: expiry, ends, several processes, and no readable secret."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.errors import StartError
from services.web.security.auth_store import FILE_NAME, ONCE_S, AuthStore, csrf_token_of
from services.web.security.identity import ONE_TIME_USER, Role
from services.web.security.users import UsersFile
from tests.unit.web.security.builders import Clock

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA"
HOUR_NS = 3_600_000_000_000


def a_store(tmp_path: Path, clock: Clock | None = None) -> AuthStore:
    users = UsersFile(tmp_path / "web_users.toml")
    if not users.users():
        users.add("alice", Role.TRADE, HASH)
    return AuthStore(tmp_path, users, session_hours=2, now_ns=clock or Clock())


def a_session(store: AuthStore, users: UsersFile) -> str:
    return store.new_session("alice", Role.TRADE, users.users()["alice"].stamp).token


def test_a_restart_keeps_sessions_and_the_name_of_the_cookie(tmp_path: Path) -> None:
    first = a_store(tmp_path)
    token = a_session(first, UsersFile(tmp_path / "web_users.toml"))
    first.close()
    second = a_store(tmp_path)
    found = second.session(token)
    assert found is not None
    assert (found.user, found.role, found.is_cookie, found.csrf_token) == (
        "alice",
        Role.TRADE,
        True,
        csrf_token_of(token),
    )
    assert second.name == first.name


def test_a_session_ends_at_its_time(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path, clock)
    session = store.new_session(ONE_TIME_USER, Role.READ)
    clock.ns = session.expires_ns - 1
    assert store.session(session.token) is not None
    clock.ns = session.expires_ns
    assert store.session(session.token) is None


def test_a_change_of_the_user_by_another_process_ends_the_sessions(tmp_path: Path) -> None:
    store, other = a_store(tmp_path), UsersFile(tmp_path / "web_users.toml")
    token = a_session(store, other)
    other.set_role("alice", Role.READ)
    assert store.session(token) is None
    token = store.new_session("alice", Role.READ, other.users()["alice"].stamp).token
    other.set_password("alice", HASH)
    assert store.session(token) is None
    token = store.new_session("alice", Role.READ, other.users()["alice"].stamp).token
    assert store.session(token) is not None
    other.remove("alice")
    assert store.session(token) is None
    other.add("alice", Role.READ, HASH)
    assert store.session(token) is None


def test_a_role_that_a_person_changed_in_the_file_ends_the_sessions(tmp_path: Path) -> None:
    store, users = a_store(tmp_path), UsersFile(tmp_path / "web_users.toml")
    token = a_session(store, users)
    users.path.write_text(users.path.read_text().replace('"trade"', '"read"'))
    assert store.session(token) is None


def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    secrets = [store.new_session(ONE_TIME_USER, Role.READ).token, store.new_once(Role.READ)]
    secrets.append(store.new_token("ci", Role.READ, Clock().ns + HOUR_NS))
    store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE_NAME}*"))
    for secret in secrets:
        assert secret.encode() not in stored
        assert hashlib.sha256(secret.encode()).digest() in stored
        assert len(secret) == 43
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_token_has_role_and_expiry_and_ends_at_once_when_another_process_revokes_it(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path, clock)
    token = store.new_token("ci", Role.READ, clock.ns + HOUR_NS)
    found = store.token(token)
    assert found is not None
    assert (found.user, found.role, found.is_cookie, found.csrf_token) == ("token ci", Role.READ, False, "")
    assert store.session(token) is None
    script = f"""
from pathlib import Path
from services.web.security.auth_store import AuthStore
from services.web.security.users import UsersFile
store = AuthStore(Path({str(tmp_path)!r}), UsersFile(Path({str(tmp_path / "web_users.toml")!r})))
print(store.revoke_token("ci"), store.revoke_token("ci"))
store.close()
"""
    for expected in ("True False\n", "False False\n"):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == expected
        assert store.token(token) is None
    assert store.token(store.new_token("ci", Role.READ, clock.ns + HOUR_NS)) is not None


def test_an_expired_token_is_listed_but_not_valid(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path, clock)
    token = store.new_token("ci", Role.TRADE, clock.ns + 1)
    clock.ns += 1
    assert store.token(token) is None
    assert [(row.name, row.role, row.expires_ns) for row in store.tokens()] == [("ci", Role.TRADE, clock.ns)]


@pytest.mark.parametrize("name", ["", "a b", "A", "x\n"])
def test_a_malformed_name_of_a_token_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError, match="expected 1 to 32 of a-z"):
        a_store(tmp_path).new_token(name, Role.READ, 1)


def test_a_taken_name_of_a_token_is_refused_and_the_store_remains_usable(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    first = store.new_token("ci", Role.READ, Clock().ns + HOUR_NS)
    with pytest.raises(StartError, match="token 'ci' exists"):
        store.new_token("ci", Role.TRADE, Clock().ns + HOUR_NS)
    assert store.token(first) is not None
    assert store.take_once(store.new_once(Role.READ)) is Role.READ


def test_a_one_time_token_expires(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path, clock)
    early, late = store.new_once(Role.TRADE), store.new_once(Role.TRADE)
    clock.add_s(ONCE_S - 1)
    assert store.take_once(early) is Role.TRADE
    clock.add_s(1)
    assert store.take_once(late) is None


def test_of_many_uses_of_a_one_time_token_at_the_same_time_one_succeeds(tmp_path: Path) -> None:
    stores = [a_store(tmp_path) for _ in range(4)]
    for _ in range(10):
        token = stores[0].new_once(Role.TRADE)
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda number, t=token: stores[number % 4].take_once(t), range(8)))
        assert sorted(map(str, results)) == ["None"] * 7 + ["trade"]


@pytest.mark.parametrize("text", ["", "x", "\x00", "\ud800", "é" * 200, "' OR 1=1 --", "x" * 1_000_000])
def test_other_text_is_no_token(tmp_path: Path, text: str) -> None:
    store = a_store(tmp_path)
    store.new_session(ONE_TIME_USER, Role.TRADE)
    assert (store.session(text), store.token(text), store.take_once(text)) == (None, None, None)


def test_an_expired_session_is_removed_from_the_file(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path, clock)
    old = store.new_session(ONE_TIME_USER, Role.READ).token
    clock.add_s(3 * 3_600)
    store.new_session(ONE_TIME_USER, Role.READ)
    clock.ns -= 3 * HOUR_NS  # even if the clock is set back
    assert store.session(old) is None
