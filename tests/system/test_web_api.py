"""The HTTP API of a trading desk: every read, every command, refusals, documented examples and generated requests."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import monotonic
from typing import Any, Final

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    status_code_conformance,
)
from websockets.sync.client import connect
from websockets.typing import Origin

from cli.command_options import login_name
from common.project_root import PROJECT_ROOT
from services.web.api.operation import API, KEY_HEADER, Operation
from services.web.api.operations import OPERATIONS
from services.web.security.identity import Role
from tests.integration.web.live_server import close_of, draw, next_message
from tests.support.api_commands import carried_out, command, halt_with_alert, total, trade
from tests.support.command_line import TIMEOUT_S, paperdesk
from tests.support.message_servers import Webhook
from tests.support.notify_processes import runtime_of, settings_of, wait_for_notify
from tests.support.waits import wait_for
from tests.support.web_desks import WebDesk, a_web_desk

SEED: Final = 14
SYMBOL: Final = "EURUSD"
EXAMPLES: Final = 8
"""Generated requests of each operation, of right and of wrong values each."""

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    allow_header_conformance,
    negative_data_rejection,
]

SIGNED_OUT_S: Final = 10.0
"""Longest time in seconds until the WebSocket of an ended session closes; it is 5.5 s on an idle machine."""

READS: Final = [one for one in OPERATIONS if one.method == "GET"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDesk]:
    """A desk with a closed trade and an open position, all by hand, whose watchdog kills no stopped process.

    notify tells a webhook of each change of the trading state, of which there has been one.
    """
    folder = tmp_path_factory.mktemp("api")
    with (
        closing(Webhook()) as webhook,
        a_web_desk(folder / "desk", WATCHDOG_HANG_MS="600000", **settings_of(folder, webhook)) as running,
    ):
        wait_for_notify(runtime_of(running.data_dir))
        with running.client() as api:
            halt_with_alert(api)
            carried_out(api, "resume")
            trade(api)
            carried_out(api, "order", symbol=SYMBOL, side="BUY", volume="0.02", stop_loss="0.5")
            wait_for(lambda: api.get("/positions").json().get(SYMBOL), "a position", seconds=TIMEOUT_S)
        yield running


@pytest.fixture
def api(desk: WebDesk) -> Iterator[httpx.Client]:
    """A client with the role trade."""
    with desk.client() as client:
        yield client


@pytest.fixture(scope="module")
def document(desk: WebDesk) -> dict[str, Any]:
    """The OpenAPI document as the server returns it."""
    with desk.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
        return found


def checked(document: dict[str, Any], operation: Operation, reply: httpx.Response | schemathesis.Response) -> None:
    """Check the body of a reply against its schema in the document."""
    described = document["paths"][API + operation.path][operation.method.lower()]["responses"][str(reply.status_code)]
    if "content" in described:
        schema = {**described["content"]["application/json"]["schema"], "components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(reply.json())
    else:
        assert reply.content == b""


def example_path(api: httpx.Client, operation: Operation) -> str:
    """The path of an operation for something that exists."""
    path = operation.path.replace("{symbol}", SYMBOL)
    if path.startswith("/alerts/"):
        return f"/alerts/{api.get('/alerts?limit=1').json()['rows'][0]['number']}"
    if "{id}" in path:
        path = path.replace("{id}", api.get("/orders?limit=1").json()["rows"][0]["order_id"])
    return path + ("?hop=tick_to_order" if operation.path == "/latency/history" else "")


@pytest.mark.parametrize("operation", READS, ids=lambda one: one.name)
def test_each_read_returns_a_value_of_its_schema(
    api: httpx.Client, document: dict[str, Any], operation: Operation
) -> None:
    path = example_path(api, operation)
    reply = wait_for(lambda: found if (found := api.get(path)).status_code == 200 else None, f"an answer to {path}")
    checked(document, operation, reply)
    assert reply.headers["Cache-Control"] == "no-store"
    head = api.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_tables_have_rows_and_pages(api: httpx.Client) -> None:
    first = api.get("/orders?limit=2&sort=number").json()
    assert [row["number"] for row in first["rows"]] == [1, 2]
    following = api.get("/orders", params={"limit": 1, "sort": "number", "cursor": first["next"]}).json()
    assert [row["number"] for row in following["rows"]] == [3]
    [order] = api.get("/orders?limit=1&sort=number").json()["rows"]
    assert api.get(f"/orders/{order['order_id']}").json() == order
    assert api.get("/fills?limit=1").json()["rows"]
    assert api.get("/events?limit=1").json()["rows"]
    assert api.get("/trades/summary").json()["trades"] == total(api, "/trades")
    points = wait_for(lambda: api.get("/equity").json()["points"], "a point of the equity", seconds=TIMEOUT_S)
    assert float(points[0][2]) > 0


def test_a_command_is_carried_out_once(api: httpx.Client) -> None:
    halted = command(api, "halt", key="halt-once", reason="<script>alert(1)</script>")
    assert (halted.status_code, halted.json()["trading_state"]) == (200, "HALTED")
    state = api.get("/state").json()
    assert state["trading_state"] == "HALTED"
    assert "<script>alert(1)</script>" in str(state["causes"])
    assert command(api, "resume").json()["trading_state"] == "ACTIVE"
    repeated = command(api, "halt", key="halt-once", reason="<script>alert(1)</script>")
    assert repeated.json() == halted.json()
    assert api.get("/state").json()["trading_state"] == "ACTIVE"
    conflict = command(api, "flatten", key="halt-once")
    assert (conflict.status_code, "was used for another command" in conflict.json()["error"]) == (409, True)


def test_an_order_is_placed_changed_and_canceled(api: httpx.Client) -> None:
    placed = carried_out(api, "order", symbol=SYMBOL, side="BUY", type="LIMIT", price="0.5", volume="0.01")
    [order_id] = placed["order_ids"]
    assert api.get(f"/orders/{order_id}").json()["limit_price"] == "0.5"
    assert order_id in [row["order_id"] for row in api.get("/orders?status=open").json()["rows"]]
    wait_for(lambda: api.get(f"/orders/{order_id}").json()["ticket"], "the order to rest at the venue")
    carried_out(api, "modify", symbol=SYMBOL, order_id=order_id, price="0.51", stop_loss="0.4")
    wait_for(lambda: api.get(f"/orders/{order_id}").json()["limit_price"] == "0.51", "the new price")
    carried_out(api, "cancel", order_id=order_id)
    wait_for(lambda: api.get(f"/orders/{order_id}").json()["status"] == "CANCELED", "the order to be canceled")
    refused = command(api, "cancel", order_id="no-such-order")
    assert (refused.status_code, refused.json()["code"]) == (422, "")
    journal = [row["text"] for row in api.get("/events?limit=50").json()["rows"] if row["order_id"] == order_id]
    user = api.get("/session").json()["user"]
    assert len([text for text in journal if text.endswith(f", by {user}")]) == 3, journal
    [cause] = [step for step in api.get(f"/why/{order_id}").json()["steps"] if step["name"] == "cause"]
    assert cause["facts"]["person"] == user


def test_a_denied_order_has_the_numbers_of_the_rule(api: httpx.Client) -> None:
    carried_out(api, "reduce-only")
    before = total(api, "/denials")
    denied = command(api, "order", symbol=SYMBOL, side="BUY", volume="0.01")
    assert (denied.status_code, denied.json()["code"]) == (422, "REDUCE_ONLY")
    assert denied.json()["observed"] == "0.01 lots"
    assert total(api, "/denials") == before + 1
    assert api.get(f"/why/{denied.json()['denial_id']}").json()["kind"] == "denial"
    carried_out(api, "resume")


def test_an_alert_is_acknowledged_once(api: httpx.Client) -> None:
    alert = halt_with_alert(api)
    number = alert["number"]
    assert (alert["severity"], alert["is_open"], alert["acknowledged_by"]) == ("CRITICAL", True, "")
    assert "a test" in alert["text"]
    sent = wait_for(
        lambda: [one for one in api.get(f"/alerts/{number}").json()["deliveries"] if one["state"] == "SENT"],
        "the message to be sent",
        seconds=TIMEOUT_S,
    )
    assert (sent[0]["target"], sent[0]["rule"], sent[0]["tries"]) == ("phone", "every", 1)
    user = api.get("/session").json()["user"]
    [first] = api.post("/alerts/ack", json={"numbers": [number]}).json()["acknowledged"]
    assert (first["number"], first["acknowledged_by"], first["is_new"]) == (number, user, True)
    [again] = api.post("/alerts/ack", json={"numbers": [number]}).json()["acknowledged"]
    assert again == {**first, "is_new": False}
    stored = api.get(f"/alerts/{number}").json()
    assert (stored["is_open"], stored["acknowledged_by"]) == (False, user)
    assert number not in [row["number"] for row in api.get("/alerts?status=open").json()["rows"]]
    assert api.get("/alerts?status=acknowledged&text=A%20TEST").json()["rows"][0] == stored
    carried_out(api, "resume")
    ended = wait_for(
        lambda: found if (found := api.get(f"/alerts/{number}").json())["ended_ns"] else None, "the end of the halt"
    )
    assert ended["acknowledged_by"] == user


def test_every_open_alert_is_acknowledged(api: httpx.Client) -> None:
    number = halt_with_alert(api)["number"]
    reply = api.post("/alerts/ack", json={"all_open": True}).json()
    carried_out(api, "resume")
    assert reply["count"] == len(reply["acknowledged"])
    assert number in [one["number"] for one in reply["acknowledged"]]
    assert total(api, "/alerts?status=open") == 0


def test_the_command_acknowledges_an_alert_of_the_desk(desk: WebDesk, api: httpx.Client) -> None:
    number = str(halt_with_alert(api)["number"])
    done = paperdesk("alerts", "ack", number, "--data-dir", desk.data_dir)
    assert (done.returncode, done.stdout) == (0, f"alert {number} is acknowledged\n"), done.stderr
    again = paperdesk("alerts", "ack", number, "--data-dir", desk.data_dir)
    assert again.stdout.startswith(f"alert {number} was acknowledged by {login_name()} at ")
    [listed] = json.loads(paperdesk("alerts", "--last", 1, "--json", "--data-dir", desk.data_dir).stdout)
    assert (listed["number"], listed["acknowledged_by"]) == (int(number), login_name())
    unknown = paperdesk("alerts", "ack", 10**9, "--data-dir", desk.data_dir)
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
    assert str(10**9) in unknown.stderr
    carried_out(api, "resume")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"numbers": [10**9]}, 422, "1000000000"),
        ({"numbers": [0]}, 400, "numbers is [0], expected a list"),
        ({"numbers": [1], "all_open": True}, 400, "numbers has 1 numbers and all_open is true, expected"),
        ({}, 400, "numbers has none and all_open is false, expected numbers or all_open"),
    ],
)
def test_a_wrong_acknowledgement_is_one_line(api: httpx.Client, body: dict[str, Any], status: int, text: str) -> None:
    reply = api.post("/alerts/ack", json=body)
    assert reply.status_code == status
    assert text in reply.json()["error"]


EXAMPLES_OF_THE_PAGE: Final = [
    block.replace("\\\n", " ").strip().splitlines()
    for block in re.findall(r"```sh\n(.*?)```", (PROJECT_ROOT / "docs" / "web.md").read_text("utf-8"), re.DOTALL)
]


@pytest.mark.parametrize("line", [line for block in EXAMPLES_OF_THE_PAGE for line in block])
def test_each_example_of_the_page_runs(desk: WebDesk, line: str) -> None:
    def run() -> subprocess.CompletedProcess[str] | None:
        done = subprocess.run(
            ["bash", "-c", line],
            env={**os.environ, "API": f"{desk.url}{API}", "TOKEN": desk.tokens[Role.TRADE]},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return None if done.returncode and "ORDER_RATE" in done.stdout else done

    done = wait_for(run, "an order within the rate", seconds=TIMEOUT_S)
    assert done.returncode == 0, done
    assert done.stdout.startswith("{")


def test_a_position_is_closed_in_part_and_whole(api: httpx.Client) -> None:
    position = api.get("/positions").json()[SYMBOL]
    volume = float(position["net_volume"])
    assert position["legs"][0]["stop_loss"] == "0.5"
    carried_out(api, "close", symbol=SYMBOL, volume="0.01")
    wait_for(lambda: float(api.get("/positions").json()[SYMBOL]["net_volume"]) < volume, "the closed part")
    carried_out(api, "flatten")
    wait_for(lambda: api.get("/positions").json() == {}, "every position to be closed", seconds=TIMEOUT_S)
    carried_out(api, "resume")


def test_a_browser_signs_in_and_sends_commands_with_its_csrf_token(desk: WebDesk) -> None:
    with httpx.Client(base_url=f"{desk.url}{API}", headers={"Origin": desk.url}, timeout=TIMEOUT_S) as browser:
        signed_in = browser.post("/session", json={"once": desk.once()})
        assert (signed_in.status_code, signed_in.json()["role"]) == (200, "trade")
        session = browser.get("/session").json()
        assert {**session, "server_ns": 0} == {**signed_in.json(), "server_ns": 0}
        assert command(browser, "resume").status_code == 403
        browser.headers["X-CSRF-Token"] = session["csrf_token"]
        assert command(browser, "resume").json()["trading_state"] == "ACTIVE"
        assert browser.delete("/session").status_code == 204
        assert browser.get("/session").status_code == 401


def test_the_command_sign_out_ends_the_sessions_of_a_running_page(desk: WebDesk) -> None:
    with httpx.Client(base_url=f"{desk.url}{API}", headers={"Origin": desk.url}, timeout=TIMEOUT_S) as browser:
        assert browser.post("/session", json={"once": desk.once()}).status_code == 200
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        live = f"{desk.url.replace('http', 'ws')}{API}/live"
        with connect(live, origin=Origin(desk.url), additional_headers=cookie, max_size=None) as socket:
            first = next_message(socket)
            done = paperdesk("web", "sign-out", "--data-dir", desk.data_dir)
            ended_s = monotonic()
            draw(socket, first)
            assert (done.returncode, done.stderr) == (0, "")
            assert browser.get("/session").status_code == 401
            assert close_of(socket) == (4001, "the session has ended; sign in again")
        assert monotonic() - ended_s < SIGNED_OUT_S


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nothing", 404, "there is no such path"),
        ("POST", "/nothing", 404, "there is no such path"),
        ("GET", "/state/", 404, "there is no such path"),
        ("GET", "/quotes/NOSUCH", 404, "symbol is 'NOSUCH', expected one of"),
        ("GET", "/orders/no-such-order", 404, "id is 'no-such-order', expected the id of an order"),
        ("GET", "/why/no-such-thing", 404, "no-such-thing"),
        ("GET", f"/why/{'x' * 65}", 400, "id is"),
        ("GET", "/alerts/x", 404, "id is 'x', expected the number of an alert"),
        ("GET", "/alerts/999999999", 404, "expected the number of an alert"),
        ("GET", "/alerts?cursor=x", 400, "cursor is 'x'"),
        ("GET", "/alerts?limit=101", 400, "limit is '101', expected an integer from 1 to 100"),
        ("GET", "/orders?limit=1_0", 400, "limit is '1_0', expected an integer from 1 to 500"),
        ("GET", "/orders?cursor=x", 400, "cursor is 'x'"),
        ("GET", "/state?x=1", 400, "x is unknown"),
        ("DELETE", "/state", 405, "method is DELETE, expected one of GET, HEAD, OPTIONS"),
        ("POST", "/commands/halt", 400, "Idempotency-Key is missing"),
    ],
)
def test_a_wrong_request_gets_one_line(api: httpx.Client, method: str, path: str, status: int, text: str) -> None:
    reply = api.request(method, path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "application/json")
    assert text in reply.json()["error"]
    assert "\n" not in reply.json()["error"]


def test_methods_of_a_path_are_listed(api: httpx.Client) -> None:
    assert api.delete("/state").headers["Allow"] == "GET, HEAD, OPTIONS"
    options = api.options("/session")
    assert (options.status_code, options.headers["Allow"]) == (204, "GET, POST, DELETE, HEAD, OPTIONS")


def test_a_body_has_a_type_and_a_limit(api: httpx.Client) -> None:
    headers = {KEY_HEADER: "body", "Content-Type": "text/plain"}
    assert api.post("/commands/halt", content=b'{"reason": "x"}', headers=headers).status_code == 415
    headers["Content-Type"] = "application/json"
    assert api.post("/commands/halt", content=b" " * 200_000, headers=headers).status_code == 413
    assert api.post("/commands/halt", content=iter([b" " * 200_000]), headers=headers).status_code == 413
    assert api.post("/commands/halt", content=b'{"reason": "x", "y": 1}', headers=headers).status_code == 400


@pytest.mark.parametrize("character", ["\x1b", "\n", "\x00", "\u202e", "\u2028"])
def test_a_reason_with_a_control_character_is_refused(api: httpx.Client, character: str) -> None:
    for name, body in (("halt", {}), ("close", {"symbol": "EURUSD"}), ("cancel", {"order_id": "none"})):
        refused = command(api, name, reason=f"red{character}text", **body)
        assert refused.status_code == 400
        assert f"reason has the character U+{ord(character):04X}, expected text" in refused.json()["error"]


def test_a_role_is_needed(desk: WebDesk) -> None:
    with desk.client(Role.READ) as reader:
        assert reader.get("/state").status_code == 200
        refused = command(reader, "halt")
        assert (refused.status_code, refused.json()["error"]) == (403, "role is read, expected trade")
        assert reader.get("/alerts").status_code == 200
        assert reader.post("/alerts/ack", json={"all_open": True}).status_code == 403
    with httpx.Client(base_url=f"{desk.url}{API}") as nobody:
        assert nobody.get("/state").status_code == 401
        assert nobody.get("/openapi.json").status_code == 401
        assert command(nobody, "halt").status_code in (401, 403)


GENERATED: Final = [
    pytest.param(one, mode, id=f"{one.name}-{mode.value}")
    for one in OPERATIONS
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or one.query or one.body or one.parameters
]


@pytest.mark.parametrize(("operation", "mode"), GENERATED)
def test_generated_requests_get_replies_of_the_document(
    desk: WebDesk, document: dict[str, Any], operation: Operation, mode: GenerationMode
) -> None:
    web = desk.process("services.web")
    described = schemathesis.openapi.from_dict(document)[API + operation.path][operation.method]

    @seed(SEED)
    @hypothesis_settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described.as_strategy(generation_mode=mode))
    def call(case: schemathesis.Case[Any]) -> None:
        reply = case.call(base_url=desk.url, headers=desk.headers())
        case.validate_response(reply, checks=CHECKS)
        checked(document, operation, reply)

    call()
    assert desk.process("services.web").pid == web.pid
    assert desk.desk.poll() is None


def test_a_notify_that_does_not_answer_is_one_line(desk: WebDesk, api: httpx.Client) -> None:
    notify = desk.process("services.notify")
    number = halt_with_alert(api)["number"]
    notify.suspend()
    try:
        reply = api.post("/alerts/ack", json={"numbers": [number]})
    finally:
        notify.resume()
    assert reply.status_code == 503
    assert "notify did not answer within 3 s" in reply.json()["error"]
    assert api.post("/alerts/ack", json={"numbers": [number]}).status_code == 200
    carried_out(api, "resume")


def test_the_outcome_of_an_unanswered_command_is_unknown(desk: WebDesk, api: httpx.Client) -> None:
    portfolio = desk.process("services.portfolio")
    carried_out(api, "resume")
    with ThreadPoolExecutor() as threads, desk.client() as reader:
        portfolio.suspend()
        try:
            sent = threads.submit(command, api, "halt", key="unanswered")
            assert reader.get("/quotes").status_code == 200
            assert reader.get("/state").status_code == 503
            reply = sent.result(TIMEOUT_S)
            assert (reply.status_code, reply.json()["outcome"]) == (503, "unknown")
            assert "repeat it with Idempotency-Key unanswered" in reply.json()["error"]
        finally:
            portfolio.resume()
    repeated = wait_for(
        lambda: found if (found := command(api, "halt", key="unanswered")).status_code == 200 else None,
        "the stored reply",
        seconds=TIMEOUT_S,
    )
    assert repeated.json()["trading_state"] == "HALTED"
