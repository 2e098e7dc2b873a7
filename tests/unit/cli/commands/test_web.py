"""Users, tokens and one-time addresses are managed from the command line."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import pytest

from cli.main import run
from orchestration.address_files import WEB_FILE
from services.web.security.auth_store import AuthStore
from services.web.security.identity import ONE_TIME_USER, Role
from services.web.security.users import UsersFile

PASSWORD = "correct horse battery"


def the_users(folder: Path) -> UsersFile:
    return UsersFile(folder / "web_users.toml")


def the_store(folder: Path) -> AuthStore:
    return AuthStore(folder, the_users(folder))


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_user_is_added_listed_changed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_desk = ["--data-dir", str(tmp_path)]
    type_in(monkeypatch, f"{PASSWORD}\n")
    assert run(["web", "user", "add", "alice", "--role", "trade", *of_desk]) == 0
    assert capsys.readouterr().out == f"user alice with role trade added to {tmp_path}/web_users.toml\n"
    first = the_users(tmp_path).users()["alice"]
    assert first.password.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert run(["web", "user", "list", "--json", *of_desk]) == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "alice", "role": "trade"}]

    store = the_store(tmp_path)
    session = store.new_session("alice", Role.TRADE, first.stamp).token
    type_in(monkeypatch, "another long password\r\n")
    assert run(["web", "user", "set-password", "alice", *of_desk]) == 0
    assert store.session(session) is None
    session = store.new_session("alice", Role.TRADE, the_users(tmp_path).users()["alice"].stamp).token
    assert run(["web", "user", "set-role", "alice", "read", *of_desk]) == 0
    assert store.session(session) is None
    assert the_users(tmp_path).users()["alice"].role is Role.READ
    assert run(["web", "user", "remove", "alice", *of_desk]) == 0
    assert dict(the_users(tmp_path).users()) == {}
    assert run(["web", "user", "remove", "alice", *of_desk]) == 2
    assert "NAME: value 'alice', expected a user of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "role", "typed", "problem"),
    [
        ("alice", "trade", "short\n", "the password has 5 characters, expected at least 12"),
        ("alice", "trade", "", "the password has 0 characters, expected at least 12"),
        ("Alice", "trade", f"{PASSWORD}\n", "NAME: value 'Alice', expected 1 to 32 of a-z"),
        ("alice", "admin", f"{PASSWORD}\n", "'admin'"),
    ],
)
def test_a_refused_user_is_not_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    role: str,
    typed: str,
    problem: str,
) -> None:
    type_in(monkeypatch, typed)
    assert run(["web", "user", "add", name, "--role", role, "--data-dir", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert problem in printed.err
    assert PASSWORD not in printed.out + printed.err
    assert not (tmp_path / "web_users.toml").exists()


def test_a_password_is_asked_for_twice_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [PASSWORD, "something different"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: typed.pop(0))
    assert run(["web", "user", "add", "alice", "--role", "read", "--data-dir", str(tmp_path)]) == 2
    assert "the two passwords differ" in capsys.readouterr().err


def test_the_file_of_users_is_that_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB_USERS_FILE", str(tmp_path / "shared.toml"))
    type_in(monkeypatch, f"{PASSWORD}\n")
    assert run(["web", "user", "add", "alice", "--role", "read"]) == 0
    assert f"added to {tmp_path}/shared.toml" in capsys.readouterr().out
    assert run(["web", "user", "list", "--users-file", str(tmp_path / "other.toml")]) == 0
    assert capsys.readouterr().out == f"no users in {tmp_path}/other.toml\n"


def test_sign_out_ends_the_sessions_of_a_user_or_all_and_unused_addresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_desk = ["--data-dir", str(tmp_path)]
    users, store = the_users(tmp_path), the_store(tmp_path)
    for name in ("alice", "bob"):
        users.add(name, Role.READ, "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA")
    stamps = {name: user.stamp for name, user in users.users().items()}
    alice, again, bob = (store.new_session(name, Role.READ, stamps[name]).token for name in ("alice", "alice", "bob"))
    by_address, unused = store.new_session(ONE_TIME_USER, Role.TRADE).token, store.new_once(Role.TRADE)
    assert run(["web", "sign-out", "alice", *of_desk]) == 0
    assert capsys.readouterr().out == "ended sessions of alice: 2\n"
    kept = [token for token in (alice, again, bob, by_address) if store.session(token) is not None]
    assert kept == [bob, by_address]
    assert run(["web", "sign-out", "alice", *of_desk]) == 2
    error = capsys.readouterr().err
    assert error == "paperdesk: NAME: value 'alice', expected a user with a session: bob, one-time address\n"
    assert run(["web", "sign-out", *of_desk]) == 0
    assert capsys.readouterr().out == "ended sessions: 2\n"
    assert (store.session(bob), store.session(by_address), store.take_once(unused)) == (None, None, None)
    assert run(["web", "sign-out", *of_desk]) == 0
    assert capsys.readouterr().out == "ended sessions: 0\n"


def test_a_token_is_printed_once_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_desk = ["--data-dir", str(tmp_path)]
    assert run(["web", "token", "add", "ci", "--role", "read", "--days", "2", *of_desk]) == 0
    printed = capsys.readouterr()
    token = printed.out.strip()
    assert token not in printed.err
    store = the_store(tmp_path)
    identity = store.token(token)
    assert identity is not None
    assert (identity.user, identity.role) == ("token ci", Role.READ)
    assert run(["web", "token", "list", "--json", *of_desk]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["name"], row["role"], row["expires_ns"] - row["created_ns"]) == (
        "ci",
        "read",
        pytest.approx(2 * 864e11, abs=60e9),
    )
    assert token not in str(row)
    assert run(["web", "token", "add", "ci", "--role", "trade", *of_desk]) == 2
    assert run(["web", "token", "revoke", "ci", *of_desk]) == 0
    assert store.token(token) is None
    assert run(["web", "token", "revoke", "ci", *of_desk]) == 2
    assert capsys.readouterr().err.endswith(f"expected a token of {tmp_path}/web_auth.db: none\n")


@pytest.mark.parametrize("days", ["0", "3651", "1_0", "-1"])
def test_a_token_without_a_reasonable_end_is_refused(tmp_path: Path, days: str) -> None:
    assert run(["web", "token", "add", "ci", "--role", "read", "--days", days, "--data-dir", str(tmp_path)]) == 2


def test_an_address_signs_in_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as page:
        url = f"http://127.0.0.1:{page.getsockname()[1]}"
        (tmp_path / WEB_FILE).write_text(f"{url}\n")
        assert run(["web", "address", "--data-dir", str(tmp_path)]) == 0
    printed, _, token = capsys.readouterr().out.strip().partition("/#once=")
    assert printed == url
    store = the_store(tmp_path)
    assert store.take_once(token) is Role.TRADE
    assert store.take_once(token) is None


def test_an_address_of_a_desk_without_a_page_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = {
        None: "is not known, expected a running desk with a web page",
        "http://127.0.0.1:1": "does not answer: Connection refused; expected a running desk",
        "https://desk.example.com": "expected a loopback address",
    }
    for url, problem in problems.items():
        if url is not None:
            (tmp_path / WEB_FILE).write_text(url)
        assert run(["web", "address", "--data-dir", str(tmp_path)]) == 2
        assert problem in capsys.readouterr().err
    assert not (tmp_path / "web_auth.db").exists()
    assert run(["web", "address", "--data-dir", str(tmp_path / "none")]) == 2
