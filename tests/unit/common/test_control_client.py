"""The client of portfolio's control socket, with a real socket."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest
import zmq

from common.control_client import ControlClient
from common.errors import StartError
from proto.codec import decode_control_request, encode
from proto.control import ControlError, ReconcileReply, StatusQuery, StatusReply, WhyQuery
from proto.control.views import WhyReply
from tests.support.status_replies import a_status_reply


def a_status() -> StatusReply:
    return a_status_reply(ordinal=7, processed=7, balance=Decimal(10))


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


def answer_both_at_the_second(router: zmq.Socket[bytes]) -> Thread:
    """Answer the first of two WHY requests only when the second has arrived, each with its own subject."""

    def run() -> None:
        for *envelope, request in [router.recv_multipart(), router.recv_multipart()]:
            query = decode_control_request(request)
            assert isinstance(query, WhyQuery)
            reply = WhyReply(kind="order", subject=query.id, summary="", steps=[])
            router.send_multipart([*envelope, encode(reply)])

    thread = Thread(target=run)
    thread.start()
    return thread


def test_a_running_desk_answers_a_request(router: zmq.Socket[bytes], url: str) -> None:
    peer = answer(router, encode(a_status()))
    with ControlClient(url) as client:
        assert client.request(StatusQuery(), StatusReply, timeout_s=10.0) == a_status()
    peer.join()


def test_a_late_reply_to_one_why_is_not_taken_for_the_reply_to_another(router: zmq.Socket[bytes], url: str) -> None:
    peer = answer_both_at_the_second(router)
    with ControlClient(url) as client:
        assert client.request(WhyQuery(id="A"), WhyReply, timeout_s=0.05) is None
        reply = client.request(WhyQuery(id="B"), WhyReply, timeout_s=10.0)
    assert reply is not None
    assert reply.subject == "B"
    peer.join()


def test_a_late_refusal_is_not_taken_for_the_refusal_of_another_request(router: zmq.Socket[bytes], url: str) -> None:
    def run() -> None:
        *first, _ = router.recv_multipart()
        *second, _ = router.recv_multipart()
        router.send_multipart([*first, encode(ControlError(error="no such thing"))])
        router.send_multipart([*second, encode(a_status())])

    peer = Thread(target=run)
    peer.start()
    with ControlClient(url) as client:
        assert client.request(WhyQuery(id="A"), WhyReply, timeout_s=0.05) is None
        assert client.request(StatusQuery(), StatusReply, timeout_s=10.0) == a_status()
    peer.join()


def test_a_reply_without_the_id_of_the_request_is_dropped(router: zmq.Socket[bytes], url: str) -> None:
    def run() -> None:
        peer, *_ = router.recv_multipart()
        router.send_multipart([peer, b"", encode(a_status())])

    peer = Thread(target=run)
    peer.start()
    with ControlClient(url) as client:
        assert client.request(StatusQuery(), StatusReply, timeout_s=0.2) is None
    peer.join()


def test_a_reply_of_another_kind_is_an_error(router: zmq.Socket[bytes], url: str) -> None:
    peer = answer(router, encode(ReconcileReply(complete=True, differences=[], error="")))
    message = "answered STATUS with reconcile, expected status"
    with ControlClient(url) as client, pytest.raises(StartError, match=message):
        client.request(StatusQuery(), StatusReply, timeout_s=10.0)
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
