"""The client of portfolio's control socket, with a real socket."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest
import zmq

from common.errors import StartError
from orchestration.control_client import ControlClient
from proto.codec import decode_control_request, encode
from proto.control import ControlError, DeskState, ReconcileReply, StatusQuery, StatusReply


def a_status() -> StatusReply:
    return StatusReply(
        mode="simulated",
        state=DeskState.RUNNING,
        waiting_for="",
        stream_id="s",
        ordinal=7,
        processed=7,
        signals_buy=0,
        signals_sell=0,
        orders=0,
        orders_open=0,
        denied=0,
        fills=0,
        currency="USD",
        balance=Decimal(10),
        equity=None,
        realized_pnl=Decimal(0),
        unrealized_pnl=None,
        positions={},
        latency_us={},
        duplicates=0,
        malformed=0,
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/c.ipc"


@pytest.fixture
def router(url: str) -> Iterator[zmq.Socket[bytes]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.bind(url)
    yield socket
    context.destroy(linger=0)


def answer(router: zmq.Socket[bytes], *payloads: bytes) -> Thread:
    """Answer one request with these payloads, from a ROUTER socket as portfolio does."""

    def run() -> None:
        *envelope, request = router.recv_multipart()
        assert decode_control_request(request) == StatusQuery()
        for payload in payloads:
            router.send_multipart([*envelope, payload])

    thread = Thread(target=run)
    thread.start()
    return thread


def test_a_running_desk_answers_a_request(router: zmq.Socket[bytes], url: str) -> None:
    peer = answer(router, encode(a_status()))
    with ControlClient(url) as client:
        assert client.request(StatusQuery(), StatusReply, timeout_s=10.0) == a_status()
    peer.join()


def test_a_late_reply_to_an_earlier_request_is_skipped(router: zmq.Socket[bytes], url: str) -> None:
    late = ReconcileReply(complete=True, differences=[], error="")
    peer = answer(router, encode(late), encode(a_status()))
    with ControlClient(url) as client:
        assert client.request(StatusQuery(), StatusReply, timeout_s=10.0) == a_status()
    peer.join()


def test_a_missing_desk_gives_no_reply_and_no_error(url: str) -> None:
    with ControlClient(url) as client:
        assert client.request(StatusQuery(), StatusReply, timeout_s=0.05) is None


def test_a_silent_desk_gives_no_reply_and_no_error(router: zmq.Socket[bytes], url: str) -> None:
    with ControlClient(url) as client:
        assert client.request(StatusQuery(), StatusReply, timeout_s=0.1) is None


@pytest.mark.parametrize(
    ("payload", "message"),
    [(b"\xc1", "sent no control reply"), (encode(ControlError(error="no such thing")), "refused STATUS: no such")],
)
def test_a_malformed_reply_and_a_refusal_are_errors(
    router: zmq.Socket[bytes], url: str, payload: bytes, message: str
) -> None:
    peer = answer(router, payload)
    with ControlClient(url) as client, pytest.raises(StartError, match=message):
        client.request(StatusQuery(), StatusReply, timeout_s=10.0)
    peer.join()
