"""What the page and its server refuse: foreign hosts and pages, requests without the token, and ended sessions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from common.clock import wall_ns
from proto.time import SECOND_NS
from services.web.security.identity import ONE_TIME_USER, Role
from tests.browser.conftest import Visiting
from tests.browser.desks import ServedDesk
from tests.browser.visits import Visit

SESSION_S: Final = 6

SEND: Final = """
async ([address, options]) => {
  try {
    const response = await fetch(address, options);
    return [response.status, response.type];
  } catch (error) {
    return [0, error.name];
  }
}
"""

CONNECT: Final = """
(address) => new Promise((resolve) => {
  const socket = new WebSocket(address);
  socket.onmessage = () => resolve("message");
  socket.onclose = (event) => resolve(`closed ${event.code}`);
})
"""


FRAME: Final = """
(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.onload = resolve;
  frame.src = url;
  document.body.append(frame);
})
"""


def trading_state(desk: ServedDesk) -> str:
    return str(desk.read("/state")["trading_state"])


def halting(**headers: str) -> dict[str, Any]:
    """Options of a request that would halt the desk."""
    sent = {"Content-Type": "application/json", "Idempotency-Key": "browser-refused", **headers}
    return {"method": "POST", "body": '{"reason": "not wanted"}', "headers": sent, "credentials": "include"}


def cookie_of(context: BrowserContext) -> str:
    [cookie] = context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    return str(cookie["value"])


def expect_sign_in(page: Page) -> None:
    expect(page.get_by_role("form", name="Sign in")).to_be_visible()
    expect(page.locator(".frame")).to_have_count(0)


class ForeignServer(BaseHTTPRequestHandler):
    """Answers each request with an empty page."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>foreign</title><link rel=icon href=data:,>")

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def foreign_url() -> Iterator[str]:
    """Address of another server on this host, to whose requests the browser adds the desk's cookies."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ForeignServer) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def foreign_page(visit: Visit, url: str) -> Page:
    """A page of another server in the browser that is signed in to the desk."""
    page = visit.context.new_page()
    page.goto(url)
    return page


def test_a_foreign_host_name_gets_nothing(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 421", "Cross-Origin-Opener-Policy header has been ignored")
    port = busy_desk.url.rpartition(":")[2]
    response = visit.page.goto(f"http://desk.example:{port}/")
    assert response is not None
    assert response.status == 421
    assert "Host is not an address of this server" in response.json()["error"]
    expect(visit.page.locator("#app")).to_have_count(0)


def test_a_foreign_page_can_neither_read_nor_halt(busy_desk: ServedDesk, visiting: Visiting, foreign_url: str) -> None:
    visit = visiting(busy_desk)
    visit.permit(
        "blocked by CORS policy", "ERR_FAILED", "ERR_BLOCKED_BY_RESPONSE", "status of 403", "WebSocket connection"
    )
    visit.open()
    page = foreign_page(visit, foreign_url)
    [cookie] = visit.context.cookies(busy_desk.url)
    halt = f"{busy_desk.url}/api/v1/commands/halt"
    plain = {"method": "POST", "mode": "no-cors", "body": '{"reason": "x"}', "credentials": "include"}
    assert page.evaluate(SEND, [halt, plain]) == [0, "TypeError"]
    assert page.evaluate(SEND, [halt, halting()]) == [0, "TypeError"]
    assert page.evaluate(SEND, [f"{busy_desk.url}/api/v1/state", {"credentials": "include"}]) == [0, "TypeError"]
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}", "Origin": foreign_url.rstrip("/")}
    assert httpx.post(halt, headers=headers).status_code == 403
    assert httpx.get(f"{busy_desk.url}/api/v1/state", headers=headers).status_code == 403
    socket = f"{busy_desk.url.replace('http', 'ws')}/api/v1/live"
    assert page.evaluate(CONNECT, socket) == "closed 1006"
    assert trading_state(busy_desk) == "ACTIVE"


def test_a_foreign_page_cannot_frame_the_desk(busy_desk: ServedDesk, visiting: Visiting, foreign_url: str) -> None:
    visit = visiting(busy_desk)
    visit.permit("frame-ancestors", "X-Frame-Options")
    visit.open()
    page = foreign_page(visit, foreign_url)
    page.evaluate(FRAME, busy_desk.url)
    assert [frame.locator("#app").count() for frame in page.frames] == [0, 0]


def test_a_command_needs_the_csrf_token(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 403")
    page = visit.open()
    halt = "/api/v1/commands/halt"
    assert page.evaluate(SEND, [halt, halting()]) == [403, "basic"]
    assert page.evaluate(SEND, [halt, halting(**{"X-CSRF-Token": "0" * 43})]) == [403, "basic"]
    assert trading_state(busy_desk) == "ACTIVE"


def test_a_reader_has_no_usable_command(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 403")
    page = visit.open(role=Role.READ)
    for name in ("■ Halt", "▼ Reduce only", "▶ Resume", "⇥ Flatten", "Orders need the role trade"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    row = page.locator("desk-positions tbody tr").first
    for name in ("Stops", "Part", "Close"):
        expect(row.get_by_role("button", name=name, exact=True)).to_be_disabled()
    token = page.evaluate("async () => (await (await fetch('/api/v1/session')).json()).csrf_token")
    assert page.evaluate(SEND, ["/api/v1/commands/halt", halting(**{"X-CSRF-Token": token})]) == [403, "basic"]
    assert trading_state(busy_desk) == "ACTIVE"


def test_an_ended_session_leads_to_the_sign_in(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 401")
    page = visit.open()
    with closing(busy_desk.auth()) as store:
        store.end_session(cookie_of(visit.context))
    expect_sign_in(page)
    expect(page.get_by_role("alert")).to_have_text("The session has ended. Sign in again.")
    expect(page).to_have_title("Paperdesk")


def test_an_expired_session_leads_to_the_sign_in(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 401")
    page = visit.open()
    [cookie] = visit.context.cookies()
    began_ns = wall_ns() - 3_600 * SECOND_NS + SESSION_S * SECOND_NS
    with closing(busy_desk.auth(session_hours=1, now_ns=lambda: began_ns)) as store:
        session = store.new_session(ONE_TIME_USER, Role.TRADE)
    visit.context.add_cookies([{"name": cookie["name"], "value": session.token, "url": busy_desk.url}])
    page.reload()
    expect(page.locator(".head .age")).to_contain_text("age ")
    expect_sign_in(page)
    assert wall_ns() >= session.expires_ns


def test_signing_out_ends_the_session(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 401")
    page = visit.open()
    token = cookie_of(visit.context)
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    expect_sign_in(page)
    with closing(busy_desk.auth()) as store:
        assert store.session(token) is None
    page.reload()
    expect_sign_in(page)


def test_a_one_time_address_signs_in_in_the_tab_that_shows_the_page(busy_desk: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(busy_desk)
    visit.permit("status of 401")
    visit.page.goto(busy_desk.url)
    expect_sign_in(visit.page)
    visit.page.goto(busy_desk.one_time_address(Role.TRADE))  # only the part after # differs, so nothing is loaded
    expect(visit.page.locator(".head .age")).to_contain_text("age ")
    assert "once=" not in visit.page.url


def test_a_one_time_address_signs_in_once(busy_desk: ServedDesk, visiting: Visiting) -> None:
    address = busy_desk.one_time_address(Role.TRADE)
    visit, other = visiting(busy_desk), visiting(busy_desk)
    visit.page.goto(address)
    expect(visit.page.locator(".head .age")).to_contain_text("age ")
    assert "once=" not in visit.page.url
    other.permit("status of 401")
    other.page.goto(address)
    expect_sign_in(other.page)
    expect(other.page.get_by_role("alert")).to_contain_text("one-time address is unknown, used")
    other.page.get_by_label("User").fill("nobody")
    other.page.get_by_label("Password").fill("wrong")
    other.page.get_by_role("button", name="Sign in").click()
    expect(other.page.get_by_role("alert")).to_contain_text("the user name or the password is wrong")
    expect(other.page.get_by_label("Password")).to_have_value("")
