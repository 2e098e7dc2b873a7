"""The file of users: its names, roles and stamps, its mode, and changes by several writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.errors import InUseError, StartError
from services.web.security.identity import Role
from services.web.security.users import UsersFile

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA"


def a_file(tmp_path: Path) -> UsersFile:
    return UsersFile(tmp_path / "users.toml")


def test_a_written_user_is_read_by_another_process(tmp_path: Path) -> None:
    a_file(tmp_path).add("alice.b-1", Role.TRADE, HASH)
    found = a_file(tmp_path).users()
    assert [(name, user.role, user.password) for name, user in found.items()] == [("alice.b-1", Role.TRADE, HASH)]


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    users = a_file(tmp_path)
    users.add("alice", Role.READ, HASH)
    assert users.path.stat().st_mode & 0o777 == 0o600
    users.path.chmod(0o640)
    with pytest.raises(StartError, match=r"WEB_USERS_FILE: .*users\.toml has mode 640, expected 600"):
        a_file(tmp_path).users()
    with pytest.raises(StartError, match="has mode 640"):
        users.users()


@pytest.mark.parametrize(
    "name", ["", "Alice", "a b", "a\n", "é", "a" * 33, '"', "../x", "-a", "token ci", "a\x00", "аlice"]
)
def test_a_malformed_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError, match="expected 1 to 32 of a-z"):
        a_file(tmp_path).add(name, Role.READ, HASH)


def test_a_taken_name_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    users = a_file(tmp_path)
    users.add("alice", Role.READ, HASH)
    with pytest.raises(StartError, match=r"'alice' exists in .* already"):
        users.add("alice", Role.TRADE, HASH)
    for change in (users.remove, lambda name: users.set_role(name, Role.READ)):
        with pytest.raises(StartError, match=r"value 'carol', expected a user of .*: alice"):
            change("carol")
    assert users.users()["alice"].role is Role.READ


def test_a_new_role_and_a_new_password_change_the_stamp_but_a_renewed_hash_does_not(tmp_path: Path) -> None:
    users = a_file(tmp_path)
    users.add("alice", Role.READ, HASH)
    stamps = [users.users()["alice"].stamp]
    users.set_role("alice", Role.TRADE)
    stamps.append(users.users()["alice"].stamp)
    users.set_password("alice", HASH + "b")
    stamps.append(users.users()["alice"].stamp)
    assert len(set(stamps)) == 3
    users.renew_hash("alice", users.users()["alice"], HASH + "c")
    assert (users.users()["alice"].password, users.users()["alice"].stamp) == (HASH + "c", stamps[-1])


def test_a_renewed_hash_does_not_undo_another_change(tmp_path: Path) -> None:
    users = a_file(tmp_path)
    users.add("alice", Role.READ, HASH)
    earlier = users.users()["alice"]
    users.set_password("alice", HASH + "b")
    users.renew_hash("alice", earlier, HASH + "c")
    assert users.users()["alice"].password == HASH + "b"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("users = 1", "users is 1, expected"),
        (
            '[users.a]\nrole = "admin"\npassword = "x"\nstamp = "y"',
            "users.a.role is 'admin', expected 'read' or 'trade'",
        ),
        (f'[users.a]\nrole = "read"\npassword = "secret"\nstamp = "{"0" * 16}"', "expected an Argon2id hash"),
        (f'[users.A]\nrole = "read"\npassword = "{HASH}"\nstamp = "{"0" * 16}"', "user 'A', expected 1 to 32"),
        ('[users.a]\nrole = "read"', "users.a.password is missing"),
        ("[users", r"users\.toml"),
    ],
)
def test_an_invalid_file_is_refused_with_the_field(tmp_path: Path, text: str, problem: str) -> None:
    users = a_file(tmp_path)
    users.path.write_text(text)
    users.path.chmod(0o600)
    with pytest.raises(StartError, match=f"WEB_USERS_FILE: .*{problem}"):
        users.users()


def test_users_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    def add(number: int) -> None:
        while True:
            try:
                a_file(tmp_path).add(f"user{number}", Role.READ, HASH)
            except InUseError:
                continue
            return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(24)))
    assert len(a_file(tmp_path).users()) == 24
    assert sorted(path.name for path in tmp_path.iterdir()) == ["users.toml", "users.toml.lock"]
