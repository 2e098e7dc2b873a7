"""Signing in with passwords and one-time tokens, the session's cookie, and delays after failures."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher, extract_parameters

from services.web.security.identity import ONE_TIME_USER, Role
from services.web.security.sign_in import one_time_address
from services.web.security.throttle import FREE_FAILURES
from tests.unit.web.security.builders import PASSWORD, URL, Clock, access_of, client_of, run, signed_in

ORIGIN = {"Origin": URL}


async def posted(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post("/api/v1/session", json=body, headers={**ORIGIN, **headers})


def test_the_cookie_is_hidden_from_scripts_and_other_sites(tmp_path: Path) -> None:
    access = access_of(tmp_path)

    async def work() -> None:
        async with client_of(access) as client:
            reply = await signed_in(client)
            [cookie] = SimpleCookie(reply.headers["Set-Cookie"]).values()
            assert cookie.key == f"paperdesk_session_{access.store.name}"
            assert cookie["httponly"]
            assert not cookie["secure"]
            assert not cookie["domain"]
            assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("strict", "/", str(168 * 3_600))
            assert cookie.value not in reply.text
            view = (await client.get("/api/v1/session")).json()
            assert view == reply.json()
            assert (view["user"], view["role"]) == ("alice", "trade")
            assert view["expires_ns"] - view["server_ns"] == 168 * 3_600 * 10**9

    run(work)


def test_signing_out_ends_the_session_also_for_a_copy_of_the_cookie(tmp_path: Path) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            csrf = (await signed_in(client)).json()["csrf_token"]
            copied = dict(client.cookies)
            reply = await client.delete("/api/v1/session", headers={**ORIGIN, "X-CSRF-Token": csrf})
            assert reply.status_code == 204
            assert "Max-Age=0" in reply.headers["Set-Cookie"]
            assert dict(client.cookies) == {}
            client.cookies.update(copied)
            assert (await client.get("/api/v1/session")).status_code == 401

    run(work)


def test_a_sign_in_makes_a_new_token_and_ends_the_session_of_the_cookie(tmp_path: Path) -> None:
    access = access_of(tmp_path)
    planted = access.store.new_session(ONE_TIME_USER, Role.READ).token
    name = f"paperdesk_session_{access.store.name}"

    async def work() -> None:
        async with client_of(access) as client:
            for value in ("chosen-by-an-attacker", planted):
                client.cookies = httpx.Cookies({name: value})
                reply = await signed_in(client)
                [cookie] = SimpleCookie(reply.headers["Set-Cookie"]).values()
                assert cookie.value not in ("chosen-by-an-attacker", planted)
        assert access.store.session(planted) is None
        assert access.store.session("chosen-by-an-attacker") is None

    run(work)


def test_two_cookies_of_the_name_are_no_session(tmp_path: Path) -> None:
    access = access_of(tmp_path)
    token = access.store.new_session(ONE_TIME_USER, Role.READ).token
    name = f"paperdesk_session_{access.store.name}"

    async def work() -> None:
        async with client_of(access) as client:
            for cookie, status in ((f"a=b; {name}={token}", 200), (f"{name}={token}; {name}=other", 401)):
                assert (await client.get("/api/v1/session", headers={"Cookie": cookie})).status_code == status

    run(work)


def test_the_desks_of_one_host_have_different_cookies(tmp_path: Path) -> None:
    names = {access_of(tmp_path / folder).store.name for folder in ("one", "two")}
    assert len(names) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"user": "alice", "password": "wrong password"},
        {"user": "alice", "password": ""},
        {"user": "alice", "password": PASSWORD + "\x00"},
        {"user": "alice", "password": "x" * 8_000},
        {"user": "carol", "password": PASSWORD},
        {"user": "ALICE", "password": PASSWORD},
        {"user": "alice\x00", "password": PASSWORD},
        {"user": "alice\r\nSet-Cookie: a=b", "password": PASSWORD},
        {"user": "аlice", "password": PASSWORD},
        {"user": "token ci", "password": PASSWORD},
        {"user": ONE_TIME_USER, "password": PASSWORD},
        {"user": "", "password": PASSWORD},
    ],
)
def test_a_wrong_name_and_a_wrong_password_have_the_same_reply(tmp_path: Path, body: dict[str, str]) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            reply = await posted(client, body)
            assert reply.status_code == 401
            assert reply.json() == {"error": "the user name or the password is wrong"}
            assert "Set-Cookie" not in reply.headers

    run(work)


@pytest.mark.parametrize(
    "body", [{}, {"user": "alice", "password": PASSWORD, "once": "x"}, {"user": "alice", "once": "x"}]
)
def test_a_body_is_a_password_or_a_one_time_token(tmp_path: Path, body: dict[str, str]) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            reply = await posted(client, body)
            assert (reply.status_code, "expected user and password, or once" in reply.text) == (400, True)

    run(work)


def test_failures_delay_the_source_and_do_not_affect_sessions(tmp_path: Path) -> None:
    clock = Clock()
    access = access_of(tmp_path, clock=clock)
    wrong = {"user": "alice", "password": "wrong password"}

    async def work() -> None:
        async with client_of(access) as client, client_of(access) as attacker:
            csrf = (await signed_in(client)).json()["csrf_token"]
            for _ in range(FREE_FAILURES + 1):
                assert (await posted(attacker, wrong)).status_code == 401
            for seconds in (1, 2, 4):
                for body in (wrong, {"user": "alice", "password": PASSWORD}, {"once": "x"}):
                    reply = await posted(attacker, body)
                    assert (reply.status_code, reply.headers["Retry-After"]) == (429, str(seconds))
                assert (await client.get("/api/v1/session")).status_code == 200
                reply = await client.post("/api/v1/command", headers={**ORIGIN, "X-CSRF-Token": csrf})
                assert reply.status_code == 200
                clock.add_s(seconds)
                assert (await posted(attacker, wrong)).status_code == 401
            clock.add_s(8)
            assert (await signed_in(attacker)).status_code == 200

    run(work)


def test_many_attempts_at_the_same_time_do_not_avoid_the_delay(tmp_path: Path) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            wrong = {"user": "alice", "password": "wrong password"}
            replies = await asyncio.gather(*(posted(client, wrong) for _ in range(20)))
            codes = sorted(reply.status_code for reply in replies)
            assert codes == [401] * (FREE_FAILURES + 1) + [429] * (19 - FREE_FAILURES)

    run(work)


def test_behind_a_proxy_the_sender_waits_and_not_the_proxy(tmp_path: Path) -> None:
    access = access_of(tmp_path, web_trusted_proxy="10.0.0.5")
    wrong = {"user": "carol", "password": "wrong password"}

    async def work() -> None:
        async with client_of(access, peer=("10.0.0.5", 1)) as client:
            for number in range(20):  # a forged first address does not change the source
                last = await posted(client, wrong, **{"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.7"})
            assert last.status_code == 429
            reply = await posted(client, {"user": "alice", "password": PASSWORD}, **{"X-Forwarded-For": "192.0.2.8"})
            assert reply.status_code == 200

    run(work)


def test_a_one_time_address_signs_in_once_on_this_host(tmp_path: Path) -> None:
    access = access_of(tmp_path)
    token = access.store.new_once(Role.TRADE)
    assert one_time_address(f"{URL}/", token) == f"{URL}/#once={token}"

    async def work() -> None:
        async with client_of(access, peer=("192.0.2.7", 1)) as elsewhere:
            assert (await posted(elsewhere, {"once": token})).status_code == 401
        async with client_of(access) as client:
            replies = await asyncio.gather(*(posted(client, {"once": token}) for _ in range(3)))
            assert sorted(reply.status_code for reply in replies) == [200, 401, 401]
            view = (await client.get("/api/v1/session")).json()
            assert (view["user"], view["role"]) == (ONE_TIME_USER, "trade")

    run(work)


def test_a_proxy_on_this_host_does_not_make_its_senders_local(tmp_path: Path) -> None:
    access = access_of(tmp_path, web_trusted_proxy="127.0.0.1")
    token = access.store.new_once(Role.TRADE)

    async def work() -> None:
        async with client_of(access) as client:
            for headers in ({}, {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}):
                assert (await posted(client, {"once": token}, **headers)).status_code == 401

    run(work)


def test_a_one_time_address_expires(tmp_path: Path) -> None:
    clock = Clock()
    access = access_of(tmp_path, clock=clock)
    token = access.store.new_once(Role.TRADE)

    async def work() -> None:
        async with client_of(access) as client:
            clock.add_s(601)
            assert (await posted(client, {"once": token})).status_code == 401

    run(work)


def test_a_sign_in_renews_a_hash_with_earlier_parameters_and_keeps_the_sessions(tmp_path: Path) -> None:
    access_of(tmp_path).close()
    newer = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    access = access_of(tmp_path, hasher=newer)

    async def work() -> None:
        async with client_of(access) as client:
            before = access.users.users()["alice"]
            assert (await signed_in(client)).status_code == 200
            after = access.users.users()["alice"]
            assert extract_parameters(before.password).time_cost == 1
            assert extract_parameters(after.password).time_cost == 2
            assert (await client.get("/api/v1/session")).status_code == 200
            assert (await signed_in(client)).status_code == 200
            assert access.users.users()["alice"] == after

    run(work)


def test_a_file_of_users_that_cannot_be_written_does_not_prevent_a_sign_in(tmp_path: Path) -> None:
    folder = tmp_path / "users"
    folder.mkdir()
    users_file = folder / "users.toml"
    access_of(tmp_path).users.path.rename(users_file)
    (folder / "users.toml.lock").mkdir()  # the lock cannot be taken
    newer = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    access = access_of(tmp_path, hasher=newer, web_users_file=users_file)

    async def work() -> None:
        async with client_of(access) as client:
            assert (await signed_in(client)).status_code == 200
            assert (await client.get("/api/v1/session")).status_code == 200

    run(work)
