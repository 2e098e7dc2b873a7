"""The WebSocket over a real uvicorn server: snapshot, deltas, flow control, sessions, clients that do not read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import pytest
from websockets.exceptions import ConnectionClosed

from services.web.live.flow import IN_FLIGHT_MAX
from tests.integration.web.live_server import (
    LiveServer,
    Visitor,
    a_live_server,
    close_of,
    draw,
    next_delta_with,
    next_message,
)
from tests.support.waits import wait_for

LARGE_CHARS = 8_000_000
"""More than the kernel buffers of a connection."""

CHANGES = IN_FLIGHT_MAX + 4


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with a_live_server() as server:
        yield server


def test_a_snapshot_comes_first_then_deltas(server: LiveServer) -> None:
    server.set("state", "RUNNING")
    with server.connect() as client:
        snapshot = next_message(client)
        assert (snapshot["type"], snapshot["boot"], snapshot["cells"]) == ("snapshot", "boot-1", {"state": "RUNNING"})
        server.set("state", "FAILED")
        delta = next_delta_with(client, "state")
        assert (delta["type"], delta["set"], delta["gone"]) == ("delta", {"state": "FAILED"}, [])
        assert delta["number"] > snapshot["number"]
        server.call(server.cells.remove, "state")
        assert any(next_message(client)["gone"] == ["state"] for _ in range(3))


def test_changes_are_merged_to_five_messages_a_second(server: LiveServer) -> None:
    with server.connect() as client:
        draw(client, next_message(client))
        begin, numbers = monotonic(), list[int]()
        value = 0
        while len(numbers) < 6:
            value += 1
            server.set("quote:EURUSD", value)
            try:
                message = client.recv(0)
            except TimeoutError:
                continue
            numbers.append(len(message))
        assert monotonic() - begin > 0.95, "6 messages span at least 5 turns of 200 ms"
        assert value > 50


def test_a_quiet_state_sends_a_message_each_second(server: LiveServer) -> None:
    with server.connect() as client:
        first = next_message(client)
        begin = monotonic()
        second = next_message(client)
        assert (second["type"], second["set"], second["gone"]) == ("delta", {}, [])
        assert second["number"] == first["number"] + 1
        assert monotonic() - begin < 2


def test_ten_messages_are_in_flight_then_the_server_merges(server: LiveServer) -> None:
    with server.connect() as client:
        messages = [next_message(client)]
        for value in range(CHANGES):
            server.set(f"cell:{value}", value)
            wait_for_turn(server)
        while len(messages) < IN_FLIGHT_MAX:
            messages.append(next_message(client))
        with pytest.raises(TimeoutError):
            client.recv(0.3)
        draw(client, messages[0])
        merged = next_message(client)
        assert len(merged["set"]) > 1
        got = {key for message in [*messages[1:], merged] for key in message["set"]}
        assert got | set(messages[0]["cells"]) == {f"cell:{value}" for value in range(CHANGES)}


def wait_for_turn(server: LiveServer) -> None:
    before = server.cells.number
    wait_for(lambda: server.cells.number > before, "the next turn")


def test_a_client_without_an_answer_is_closed_with_4008(server: LiveServer) -> None:
    with server.connect() as client:
        message = next_message(client)
        server.advance(6)
        draw(client, message)
        next_message(client)
        next_message(client)  # a turn later, so the answer has been read
        server.advance(6)
        next_message(client)
        server.advance(4)
        assert close_of(client) == (4008, "no answer for 10 s; connect again")


def test_a_client_resumes_from_its_number(server: LiveServer) -> None:
    server.set("a", 1)
    wait_for_turn(server)
    with server.connect() as client:
        number = next_message(client)["number"]
    server.set("b", 2)
    wait_for_turn(server)
    with server.connect(f"?since={number}&boot=boot-1") as client:
        message = next_message(client)
        assert (message["type"], message["set"]) == ("delta", {"b": 2})


@pytest.mark.parametrize("query", ["?since=0&boot=other", "?since=999999&boot=boot-1", "?boot=boot-1"])
def test_a_number_of_another_start_gets_a_snapshot(server: LiveServer, query: str) -> None:
    with server.connect(query) as client:
        assert next_message(client)["type"] == "snapshot"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("hello", "JSON is malformed"),
        ('{"drawn":-1}', "Expected `int` >= 0"),
        ('{"drawn":1,"more":2}', "unknown field `more`"),
        ('{"drawn":99999}', "drawn is 99999, expected at most"),
        (b"\x00", "a binary message, expected text"),
    ],
)
def test_a_malformed_message_is_closed_with_one_line(server: LiveServer, sent: str | bytes, expected: str) -> None:
    with server.connect() as client:
        next_message(client)
        client.send(sent)
        code, reason = close_of(client)
        assert code == 1008
        assert expected in reason
        assert "\n" not in reason


@pytest.mark.parametrize("query", ["?since=x&boot=boot-1", "?since=x", "?since=x&boot=other", "?after=1"])
def test_a_bad_query_is_closed_with_one_line(server: LiveServer, query: str) -> None:
    with server.connect(query) as client:
        code, reason = close_of(client)
        assert code == 1008
        assert "expected" in reason


def test_a_long_message_is_refused(server: LiveServer) -> None:
    with server.connect() as client:
        next_message(client)
        client.send('{"drawn":0' + " " * 2_000 + "}")
        assert close_of(client)[0] == 1009


def test_a_client_without_a_session_gets_no_state(server: LiveServer) -> None:
    server.visitor[0] = None
    with server.connect() as client:
        with pytest.raises(ConnectionClosed):
            client.recv(5)
        assert close_of(client)[0] == 4001


def test_the_end_of_the_session_closes_with_4001(server: LiveServer) -> None:
    with server.connect() as client:
        message = next_message(client)
        server.visitor[0] = None
        server.advance(5)
        draw(client, message)
        assert close_of(client) == (4001, "the session has ended; sign in again")


def test_an_expired_session_closes_with_4001(server: LiveServer) -> None:
    server.visitor[0] = Visitor(expires_ns=1)
    with server.connect() as client:
        assert close_of(client)[0] == 4001


def test_a_client_that_does_not_read_blocks_no_other_and_is_dropped(server: LiveServer) -> None:
    server.set("large", "x" * LARGE_CHARS)
    wait_for_turn(server)
    with socket.socket() as deaf, server.connect() as reader:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(
            b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        wait_for(lambda: server.sockets.count == 2, "both connections")
        draw(reader, next_message(reader))
        begin = monotonic()
        for value in range(3):
            server.set("small", value)
            draw(reader, next_delta_with(reader, "small"))
        assert monotonic() - begin < 2, "the other client has got three deltas meanwhile"
        server.advance(6)
        draw(reader, next_message(reader))
        draw(reader, next_message(reader))  # a turn later, so the first answer has been read
        server.advance(6)
        wait_for(lambda: server.sockets.count == 1, "the deaf connection to be given up")
        assert received_bytes(deaf) < LARGE_CHARS, "only what the kernel had buffered"


def received_bytes(deaf: socket.socket) -> int:
    """Read until the connection ends; the number of bytes read."""
    deaf.settimeout(5)
    count = 0
    with suppress(ConnectionResetError):
        while part := deaf.recv(1_000_000):
            count += len(part)
    return count
