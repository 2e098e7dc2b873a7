"""Requests that are refused: foreign Host or Origin, no CSRF token, expired session; and the headers of replies."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from services.web.security.headers import CONTENT_POLICY
from services.web.security.identity import ONE_TIME_USER, Role
from services.web.security.request_checks import BODY_BYTES_MAX
from tests.support.ports import free_port
from tests.support.waits import wait_for
from tests.unit.web.security.builders import (
    PORT,
    START_NS,
    URL,
    Clock,
    access_of,
    app_of,
    client_of,
    run,
    signed_in,
)

ORIGIN = {"Origin": URL}
YEAR_NS = 365 * 86_400 * 10**9


async def csrf_of(client: httpx.AsyncClient) -> dict[str, str]:
    reply = await signed_in(client)
    assert reply.status_code == 200, reply.text
    return {**ORIGIN, "X-CSRF-Token": reply.json()["csrf_token"]}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (f"127.0.0.1:{PORT}", 200),
        (f"localhost:{PORT}", 200),
        (f"LOCALHOST:{PORT}", 200),
        (f"[::1]:{PORT}", 200),
        (f"desk.example.com:{PORT}", 200),
        ("desk.example.com", 421),
        ("127.0.0.1", 421),
        ("127.0.0.1:9999", 421),
        (f"evil.example:{PORT}", 421),  # a name of the attacker that resolves to 127.0.0.1
        (f"localhost.evil.example:{PORT}", 421),
        (f"127.0.0.1.nip.io:{PORT}", 421),
        (f"localhost.:{PORT}", 421),
        (f"0.0.0.0:{PORT}", 421),
        (f"user@127.0.0.1:{PORT}", 421),
        ("", 421),
    ],
)
def test_only_the_names_of_the_server_are_served(tmp_path: Path, host: str, status: int) -> None:
    access = access_of(tmp_path, web_hosts=("desk.example.com",))
    token = access.store.new_token("ci", Role.READ, START_NS + YEAR_NS)

    async def work() -> None:
        async with client_of(access) as client:
            for path in ("/", "/api/v1/session"):
                reply = await client.get(path, headers={"Host": host, "Authorization": f"Bearer {token}"})
                assert reply.status_code == status
                if status == 421:
                    assert f"expected a loopback name with the port {PORT}" in reply.json()["error"]
                    assert reply.headers["Content-Security-Policy"] == CONTENT_POLICY

    run(work)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (ORIGIN, 200),
        ({**ORIGIN, "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": f"http://evil.example:{PORT}"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),  # another server of this host
        ({"Origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"Origin": f"http://localhost:{PORT}"}, 403),  # not the host of this request
        ({"Origin": f"{URL}.evil.example"}, 403),
        ({"Origin": f"{URL}/"}, 403),
        ({"Origin": ""}, 403),
        ({**ORIGIN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**ORIGIN, "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_change_with_a_cookie_comes_from_the_page_of_the_server(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            csrf = (await csrf_of(client))["X-CSRF-Token"]
            reply = await client.post("/api/v1/command", headers={**headers, "X-CSRF-Token": csrf})
            assert reply.status_code == status
            reply = await client.post("/api/v1/session", json={"user": "alice", "password": "x" * 12}, headers=headers)
            assert reply.status_code == (401 if status == 200 else status)

    run(work)


def test_a_read_of_the_api_from_another_site_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            await csrf_of(client)
            assert (await client.get("/api/v1/session")).status_code == 200
            for headers in ({"Sec-Fetch-Site": "same-site"}, {"Origin": "http://127.0.0.1:3000"}):
                assert (await client.get("/api/v1/session", headers=headers)).status_code == 403
            assert (await client.get("/", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200  # a link

    run(work)


@pytest.mark.parametrize("given", [None, "", "wrong", "é", "0" * 64])
def test_a_change_with_a_cookie_needs_the_csrf_token(tmp_path: Path, given: str | None) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            headers = await csrf_of(client)
            assert (await client.post("/api/v1/command", headers=headers)).status_code == 200
            sent: list[tuple[bytes, bytes]] = [(b"origin", URL.encode())]
            if given is not None:
                sent.append((b"x-csrf-token", given.encode("utf-8")))
            for method, path in (("POST", "/api/v1/command"), ("DELETE", "/api/v1/session"), ("PUT", "/")):
                reply = await client.request(method, path, headers=sent)
                assert (reply.status_code, "X-CSRF-Token" in reply.json()["error"]) == (403, True)
            assert (await client.get("/api/v1/session")).status_code == 200

    run(work)


def test_the_csrf_token_of_another_session_is_wrong(tmp_path: Path) -> None:
    access = access_of(tmp_path)

    async def work() -> None:
        async with client_of(access) as one, client_of(access) as two:
            await csrf_of(one)
            assert (await one.post("/api/v1/command", headers=await csrf_of(two))).status_code == 403

    run(work)


def test_a_script_with_a_token_needs_no_origin_and_no_csrf_token(tmp_path: Path) -> None:
    access = access_of(tmp_path)
    token = access.store.new_token("ci", Role.TRADE, START_NS + YEAR_NS)

    async def work() -> None:
        async with client_of(access) as client:
            for value in (f"Bearer {token}", f"bearer  {token} ", f"BEARER\t{token}"):
                reply = await client.post("/api/v1/command", headers={"Authorization": value})
                assert reply.status_code == 200
            for value in (token, f"Basic {token}", "Bearer", "Bearer ", f"Bearer {token}x", f"Bearer {token} {token}"):
                reply = await client.get("/api/v1/session", headers={"Authorization": value})
                assert reply.status_code == 401
            foreign = {"Authorization": f"Bearer {token}", "Origin": "https://evil.example"}
            assert (await client.post("/api/v1/command", headers=foreign)).status_code == 403
            assert access.store.revoke_token("ci")
            reply = await client.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"})
            assert reply.status_code == 401

    run(work)


def test_a_wrong_token_is_not_replaced_by_the_cookie(tmp_path: Path) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            headers = await csrf_of(client)
            reply = await client.post("/api/v1/command", headers={**headers, "Authorization": "Bearer wrong"})
            assert reply.status_code == 401
            reply = await client.post("/api/v1/command", headers={"Authorization": "Bearer revoked"})
            assert (reply.status_code, reply.json()["error"]) == (401, "the token is unknown, revoked or expired")
            for value in ("Bearer x", "Basic x", "Bearer", ""):
                assert (await client.get("/api/v1/session", headers={"Authorization": value})).status_code == 401
            assert (await client.get("/api/v1/session")).status_code == 200

    run(work)


def test_the_api_needs_a_session_that_has_not_expired(tmp_path: Path) -> None:
    clock = Clock()
    access = access_of(tmp_path, clock=clock, web_session_hours=1)

    async def work() -> None:
        async with client_of(access) as client:
            for method in ("GET", "POST", "DELETE"):
                assert (await client.request(method, "/api/v1/command", headers=ORIGIN)).status_code == 401
            headers = await csrf_of(client)
            clock.add_s(3_599)
            assert (await client.post("/api/v1/command", headers=headers)).status_code == 200
            clock.add_s(1)
            assert (await client.post("/api/v1/command", headers=headers)).status_code == 401
            assert (await client.get("/")).status_code == 200

    run(work)


def test_a_wrong_role_is_refused_and_a_new_role_ends_the_session(tmp_path: Path) -> None:
    access = access_of(tmp_path)

    async def work() -> None:
        async with client_of(access) as client:
            csrf = (await signed_in(client, "bob")).json()["csrf_token"]
            headers = {**ORIGIN, "X-CSRF-Token": csrf}
            assert (await client.post("/api/v1/command", headers=headers)).status_code == 403
            access.users.set_role("bob", Role.TRADE)
            assert (await client.post("/api/v1/command", headers=headers)).status_code == 401

    run(work)


def test_no_session_of_a_user_is_valid_while_the_file_of_users_is_invalid(tmp_path: Path) -> None:
    access = access_of(tmp_path)

    async def work() -> None:
        async with client_of(access) as client:
            await csrf_of(client)
            valid = access.users.path.read_text()
            access.users.path.write_text("[users")
            assert (await client.get("/api/v1/session")).status_code == 401
            assert (await signed_in(client)).status_code == 503
            access.users.path.write_text(valid)
            assert (await client.get("/api/v1/session")).status_code == 200

    run(work)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_long_body_is_refused(tmp_path: Path, is_chunked: bool) -> None:
    async def chunks(size: int) -> Any:
        for _ in range(size // 1_024):
            yield b"x" * 1_024

    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            headers = await csrf_of(client)
            for size, status in ((BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1_024, 413)):
                content = chunks(size) if is_chunked else b"x" * size
                reply = await client.post("/api/v1/command", headers=headers, content=content)
                assert reply.status_code == status

    run(work)


def test_each_reply_has_the_security_headers(tmp_path: Path) -> None:
    async def work() -> None:
        async with client_of(access_of(tmp_path)) as client:
            page, missing, api = [await client.get(path) for path in ("/", "/missing", "/api/v1/session")]
            for reply in (page, missing, api):
                assert reply.headers.get_list("Content-Security-Policy") == [CONTENT_POLICY]
                assert reply.headers["X-Content-Type-Options"] == "nosniff"
                assert reply.headers["Referrer-Policy"] == "no-referrer"
                assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
                assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert "camera=()" in reply.headers["Permissions-Policy"]
                assert "Strict-Transport-Security" not in reply.headers
            assert (page.headers["Cache-Control"], api.headers["Cache-Control"]) == ("no-cache", "no-store")

    run(work)


def test_tls_is_required_in_the_future_for_a_name_of_the_desk_but_not_for_localhost(tmp_path: Path) -> None:
    access = access_of(tmp_path, web_hosts=("desk.example.com",))

    async def work() -> None:
        for name, is_strict in (("desk.example.com", True), ("localhost", False)):
            async with client_of(access, url=f"https://{name}:{PORT}") as client:
                reply = await signed_in(client)
                assert ("Strict-Transport-Security" in reply.headers) == is_strict
                cookie = reply.headers["Set-Cookie"]
                assert cookie.startswith("__Host-paperdesk_session_")
                assert "; Secure" in cookie

    run(work)


def test_a_proxy_reports_the_scheme_and_the_host(tmp_path: Path) -> None:
    access = access_of(tmp_path, web_trusted_proxy="10.0.0.5", web_hosts=("desk.example.com",))
    forwarded = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "desk.example.com",
        "Origin": "https://desk.example.com",
    }
    body = {"user": "alice", "password": "correct horse battery"}

    async def work() -> None:
        async with client_of(access, peer=("10.0.0.5", 1)) as client:
            reply = await client.post("/api/v1/session", json=body, headers=forwarded)
            assert reply.status_code == 200
            assert "; Secure" in reply.headers["Set-Cookie"]
            foreign = {**forwarded, "X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
            assert (await client.post("/api/v1/session", json=body, headers=foreign)).status_code == 421
            other = {**forwarded, "Origin": "http://desk.example.com"}
            assert (await client.post("/api/v1/session", json=body, headers=other)).status_code == 403
        async with client_of(access, peer=("10.0.0.6", 1)) as client:
            assert (await client.post("/api/v1/session", json=body, headers=forwarded)).status_code == 403

    run(work)


def test_websockets_of_a_real_server(tmp_path: Path) -> None:
    port = free_port()
    access = access_of(tmp_path, web_port=port)
    session = access.store.new_session(ONE_TIME_USER, Role.READ)
    cookie = {"Cookie": f"paperdesk_session_{access.store.name}={session.token}"}
    token = access.store.new_token("ci", Role.READ, START_NS + YEAR_NS)
    config = uvicorn.Config(
        app_of(access), port=port, log_config=None, ws="websockets-sansio", proxy_headers=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()

    def first_message(origin: str | None, headers: dict[str, str]) -> str:
        url = f"ws://127.0.0.1:{port}/api/v1/live"
        with connect(url, origin=origin, additional_headers=headers, proxy=None) as live:  # type: ignore[arg-type]
            return str(live.recv(10))

    try:
        wait_for(lambda: server.started or None, "the server listens")
        own = f"http://127.0.0.1:{port}"
        assert first_message(own, cookie) == ONE_TIME_USER
        assert first_message(own, {}) == ""
        assert first_message(None, {"Authorization": f"Bearer {token}"}) == "token ci"
        assert first_message(None, {"Authorization": "Bearer revoked"}) == "", "closed by a code, not for its origin"
        for origin in (None, "null", "https://evil.example", f"http://localhost:{port}"):
            with pytest.raises(InvalidStatus) as refused:
                first_message(origin, cookie)
            assert refused.value.response.status_code == 403
            assert refused.value.response.headers["Content-Security-Policy"] == CONTENT_POLICY
        with httpx.Client(trust_env=False) as client:
            reply = client.get(f"{own}/", headers={"Host": f"evil.example:{port}"})
            assert reply.status_code == 421
            assert client.get(f"{own}/").headers["Content-Security-Policy"] == CONTENT_POLICY
    finally:
        server.should_exit = True
        thread.join(20)
        access.close()
