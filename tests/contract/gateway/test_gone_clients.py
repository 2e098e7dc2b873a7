"""Requests of disconnected clients do not delay the requests of connected clients."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack
import psutil
import pytest
import zmq

from services.mt5 import metrics
from tests.contract.gateway.server import Client, Server
from tests.support.waits import wait_for
from tests.unit.mt5.builders import a_gateway, a_stream, confirm

CLIENTS = 20
PINGS_EACH = 50


@pytest.fixture
def stopped() -> Iterator[Server]:
    """A gateway whose sockets are bound but which does not run yet."""
    gateway = a_gateway(a_stream(1.0848, 1.0858, 1.0868))
    confirm(gateway, 0)
    server = Server(gateway)
    yield server
    server.sockets.close()


def leave(url: str, *requests: dict[str, str], clients: int) -> None:
    """Connect clients, send requests and disconnect; return once the gateway's socket has received all requests."""
    port = int(url.rpartition(":")[2])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for _ in range(clients):
        socket = context.socket(zmq.DEALER)
        socket.connect(url)
        for request in requests:
            socket.send_multipart([b"", msgpack.packb(request)])
        socket.close(linger=5_000)
    context.term()
    wait_for(lambda: not are_connected(port), "the end of all connections")


def are_connected(port: int) -> bool:
    """Whether this process, which has clients and gateway, still has a connection to the port."""
    connections = psutil.Process().net_connections("tcp4")
    return any(c.laddr.port == port and c.status != psutil.CONN_LISTEN for c in connections)


def test_queries_of_disconnected_clients_are_skipped(stopped: Server) -> None:
    url = stopped.shell.request_url
    leave(url, *[{"action": "PING"}] * PINGS_EACH, clients=CLIENTS)
    unsent = metrics.UNSENT.value()
    pings = metrics.REQUESTS["PING"].cumulative()[-1][1]
    client = Client(url)
    with stopped.running():
        assert client.ask(action="PING")["status"] == "OK"
        wait_for(lambda: metrics.UNSENT.value() == unsent + CLIENTS * PINGS_EACH, "all to be handled")
    client.close()
    assert metrics.REQUESTS["PING"].cumulative()[-1][1] == pings + 1


def test_an_order_of_a_disconnected_client_is_executed(stopped: Server) -> None:
    url = stopped.shell.request_url
    order = {"action": "BUY", "order_id": "X1", "symbol": "EURUSD", "volume": "0.01", "price": "1.0850"}
    leave(url, order, clients=1)
    client = Client(url, is_json=False)
    with stopped.running():
        wait_for(lambda: client.ask(action="GET_POSITIONS")["positions"], "the position")
    client.close()


def test_a_client_with_a_fixed_identity_is_answered_after_it_reconnects(stopped: Server) -> None:
    url = stopped.shell.request_url
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with stopped.running():
        for _ in range(3):
            socket = context.socket(zmq.REQ)
            socket.setsockopt(zmq.ROUTING_ID, b"desk")
            socket.connect(url)
            socket.send(msgpack.packb({"action": "PING"}))
            assert socket.poll(5_000)
            socket.close(linger=0)
            wait_for(lambda: not are_connected(int(url.rpartition(":")[2])), "the end of the connection")
    context.term()
