"""`send_order` of ExecutionGateway returns only the reply to its own order. Without a reply it returns IN_DOUBT."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import zmq

from common.clock import mono_ns
from services.execution import ExecutionGateway
from tests.support.waits import receive, wait_for

ORDER = {"action": "BUY", "order_id": "a-1", "symbol": "EURUSD", "volume": 0.01}


class RepServer:
    """A plain REP server that fills each order, in flat JSON and without a request id."""

    def __init__(self, port: int = 0) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        try:
            self.socket.bind(f"tcp://127.0.0.1:{port or '*'}")
        except zmq.ZMQError:
            self.close()
            raise
        endpoint = self.socket.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(endpoint, bytes)
        self.port = int(endpoint.rstrip(b"\0").rpartition(b":")[2])

    def take(self) -> dict[str, Any]:
        (payload,) = receive(self.socket)
        request = json.loads(payload)
        assert isinstance(request, dict)
        return request

    def fill(self, request: dict[str, Any]) -> None:
        reply = {"status": "FILLED", "order_id": request.get("order_id"), "ticket": 1, "filled_price": 1.1}
        self.socket.send(json.dumps(reply).encode())

    def close(self) -> None:
        self.socket.close()
        self._context.term()


@pytest.fixture
def server() -> Iterator[RepServer]:
    made = RepServer()
    yield made
    made.close()


@pytest.fixture
def gateway(server: RepServer) -> Iterator[ExecutionGateway]:
    with ExecutionGateway(port=server.port, timeout_ms=5_000) as made:
        yield made


def reopened(port: int) -> RepServer | None:
    """A server on a port that the previous server may not have released yet."""
    try:
        return RepServer(port)
    except zmq.ZMQError:
        return None


def aside(work: Callable[[], object]) -> tuple[threading.Thread, list[Any]]:
    """Run `work` in a thread. When the thread has ended, the list has the result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def test_an_order_is_sent_as_flat_json_and_its_reply_returned(server: RepServer, gateway: ExecutionGateway) -> None:
    thread, replies = aside(lambda: gateway.send_order({**ORDER, "price": Decimal("1.10000")}))
    request = server.take()
    assert request == {**ORDER, "price": 1.1}
    server.fill(request)
    thread.join()
    assert replies == [{"status": "FILLED", "order_id": "a-1", "ticket": 1, "filled_price": 1.1}]


def test_connect_returns_whether_a_ping_is_answered(server: RepServer, gateway: ExecutionGateway) -> None:
    thread, answers = aside(gateway.connect)
    assert server.take() == {"action": "PING"}
    server.fill({})
    thread.join()
    assert answers == [True]


def test_connect_without_a_server_returns_false_within_two_seconds() -> None:
    started = mono_ns()
    with ExecutionGateway(port=1, timeout_ms=100) as gateway:
        assert gateway.connect() is False
    assert mono_ns() - started < 2_000_000_000


def test_without_an_answer_an_order_is_in_doubt_and_never_rejected(server: RepServer) -> None:
    with ExecutionGateway(port=server.port, timeout_ms=200) as gateway:
        reply = gateway.send_order(ORDER)
    assert reply["status"] == "IN_DOUBT"
    assert reply["order_id"] == "a-1"
    assert reply["error"] == "no answer within 200 ms; the order may have been executed"


def test_without_a_server_an_order_is_in_doubt() -> None:
    with ExecutionGateway(port=1, timeout_ms=100) as gateway:
        assert gateway.send_order(ORDER)["status"] == "IN_DOUBT"


def test_an_answer_after_the_timeout_is_never_used_for_the_next_order(server: RepServer) -> None:
    with ExecutionGateway(port=server.port, timeout_ms=2_000) as gateway:
        thread, replies = aside(lambda: gateway.send_order(ORDER))
        late = server.take()
        thread.join()
        assert replies[0]["status"] == "IN_DOUBT"
        gateway.timeout_ms = 5_000
        thread, replies = aside(lambda: gateway.send_order({**ORDER, "order_id": "a-2"}))
        server.fill(late)
        server.fill(server.take())
        thread.join()
    assert replies[0]["order_id"] == "a-2"


def test_an_order_after_several_timeouts_is_filled(server: RepServer) -> None:
    with ExecutionGateway(port=server.port, timeout_ms=50) as gateway:
        for number in range(3):
            assert gateway.send_order({**ORDER, "order_id": f"lost-{number}"})["status"] == "IN_DOUBT"
        gateway.timeout_ms = 5_000
        thread, replies = aside(lambda: gateway.send_order(ORDER))
        while (request := server.take())["order_id"] != "a-1":
            server.fill(request)
        server.fill(request)
        thread.join()
    assert replies[0]["status"] == "FILLED"


def test_an_order_after_a_restart_of_the_server_is_filled(server: RepServer, gateway: ExecutionGateway) -> None:
    thread, _ = aside(gateway.connect)
    server.fill(server.take())
    thread.join()
    port = server.port
    server.socket.close()
    again = wait_for(lambda: reopened(port), "the port to be free")

    def until_filled() -> dict[str, Any]:
        # An order on a connection that is being closed is in doubt. Then the test sends the order again.
        while (reply := gateway.send_order(ORDER))["status"] != "FILLED":
            assert reply["status"] == "IN_DOUBT", reply
        return reply

    thread, replies = aside(until_filled)
    again.fill(again.take())
    thread.join()
    again.close()
    assert replies[0]["order_id"] == ORDER["order_id"]


def test_an_order_after_disconnect_is_filled(server: RepServer, gateway: ExecutionGateway) -> None:
    gateway.disconnect()
    gateway.disconnect()
    thread, replies = aside(lambda: gateway.send_order(ORDER))
    server.fill(server.take())
    thread.join()
    assert replies[0]["status"] == "FILLED"


@pytest.mark.parametrize("answer", [b"not json", b"[1, 2]", b"\xff\xfe", b"[" * 5_000])
def test_an_answer_that_is_no_json_object_leaves_the_order_in_doubt(
    server: RepServer, gateway: ExecutionGateway, answer: bytes
) -> None:
    thread, replies = aside(lambda: gateway.send_order(ORDER))
    server.take()
    server.socket.send(answer)
    thread.join()
    assert replies[0]["status"] == "IN_DOUBT"
    assert replies[0]["error"] == "the answer is no JSON object; the order may have been executed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_id": None}, "order_id is None, expected an id of your own"),
        ({"order_id": ""}, "order_id is '', expected an id of your own"),
        ({"order_id": "x" * 65}, "expected an id of your own, of 1 to 64 characters"),
        ({"symbol": 5}, "symbol is 5, expected a symbol such as EURUSD"),
        ({"action": "HOLD"}, "action is 'HOLD', expected BUY or SELL"),
        ({"volume": 0}, "volume is 0, expected lots above 0"),
        ({"volume": "0.1"}, r"volume is '0\.1', expected lots above 0"),
        ({"volume": float("nan")}, "volume is nan, expected lots above 0"),
        ({"volume": Decimal("sNaN")}, r"volume is Decimal\('sNaN'\), expected lots above 0"),
        ({"volume": True}, "volume is True, expected lots above 0"),
        ({"price": -1.0}, r"price is -1\.0, expected a price above 0, or none"),
        ({"note": object()}, "order cannot be written as JSON"),
        ({"note": "x" * 70_000}, "order is 70[0-9]{3} bytes as JSON, expected at most 65536"),
    ],
)
def test_an_invalid_order_is_refused_with_the_reason(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExecutionGateway().send_order({**ORDER, **change})


@pytest.mark.parametrize("field", ["action", "order_id", "symbol", "volume"])
def test_a_missing_field_is_named(field: str) -> None:
    order = {name: value for name, value in ORDER.items() if name != field}
    with pytest.raises(ValueError, match=f"{field} is missing, expected"):
        ExecutionGateway().send_order(order)


@pytest.mark.parametrize(
    "arguments", [{"host": ""}, {"port": 0}, {"port": 70_000}, {"timeout_ms": 0}, {"timeout_ms": 10**9}]
)
def test_an_invalid_argument_of_a_gateway_is_refused_with_its_name(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{name} is"):
        ExecutionGateway(**arguments)
