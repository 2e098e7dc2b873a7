"""The execution process between portfolio and gateways that work, do not answer, restart or send garbage."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest
import zmq
from msgspec import Raw

from common.clock import mono_ns
from common.event_loop import EventLoop
from common.settings import load
from common.sockets import Socket, Sockets, send
from proto.codec import decode_reply, decode_report_message, encode
from proto.gateway import Fence, OrderReply, Ping, PingReply
from proto.messages import Answer, Call, CallOutcome, CourierHello
from services.execution.core.courier import Courier
from services.execution.metrics import ORDER_TO_GATEWAY
from services.execution.settings import ExecutionSettings
from services.execution.shell import ExecutionShell
from tests.support.waits import receive, wait_for

PING = encode(Ping())


class Desk:
    """The shell of the execution process in a thread, and the sockets of its peers."""

    def __init__(self, folder: Path) -> None:
        self.sockets = Sockets()
        self.gateway_url = f"ipc://{folder}/gateway.ipc"
        self.report_url = f"ipc://{folder}/report.ipc"
        self._loop = EventLoop("execution")
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.commands = self.sockets.push(f"ipc://{folder}/command.ipc")

    def _serve(self) -> None:
        sockets = Sockets()
        try:
            ExecutionShell(load(ExecutionSettings), Courier(boot_id="c1"), sockets, self._loop).run()
        finally:
            sockets.close()

    def call(self, call_id: int, *, timeout_ms: int = 5_000, order_id: str = "a-1", ordered_mono_ns: int = 0) -> None:
        message = encode(Call(call_id, timeout_ms, ordered_mono_ns, Raw(encode(Fence(order_id=order_id)))))
        wait_for(lambda: send(self.commands, [message]), "a connection to execution")

    @cached_property
    def reports(self) -> Socket:
        """The socket that receives reports; it is bound at the first use."""
        return self.sockets.pull(self.report_url)

    def report(self) -> Answer | CourierHello:
        (payload,) = receive(self.reports)
        return decode_report_message(payload)

    def answer(self) -> Answer:
        """The next report that is not a hello."""
        while isinstance(report := self.report(), CourierHello):
            continue
        return report

    def close(self) -> None:
        self._loop.stop()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()
        self._loop.close()
        self.sockets.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("PAPERDESK_ENV_FILE", "")
    monkeypatch.setenv("PAPERDESK_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("ZMQ_EXECUTION_URL", f"ipc://{tmp_path}/gateway.ipc")
    made = Desk(tmp_path)
    yield made
    made.close()


def a_reply(order_id: str, boot_id: str = "g1") -> bytes:
    return encode(
        OrderReply(status="UNKNOWN", mode="simulated", venue="v", account="a", boot_id=boot_id, order_id=order_id)
    )


def a_pong(boot_id: str = "g1") -> bytes:
    return encode(PingReply(status="OK", mode="simulated", venue="v", account="a", boot_id=boot_id, now_ns=1))


def next_request(gateway: Socket, *, boot_id: str = "g1") -> list[bytes]:
    """The next request that is not a ping; pings are answered."""
    while True:
        frames = receive(gateway)
        if frames[-1] != PING:
            return frames
        assert send(gateway, [*frames[:-1], a_pong(boot_id)])


def test_a_call_reaches_a_router_with_its_id_and_the_reply_comes_back(desk: Desk) -> None:
    gateway = desk.sockets.router(desk.gateway_url)
    desk.call(258)
    frames = next_request(gateway)
    assert frames[1:] == [(258).to_bytes(8, "big"), b"", encode(Fence(order_id="a-1"))]
    assert send(gateway, [*frames[:-1], a_reply("a-1")])
    answer = desk.answer()
    assert (answer.call_id, answer.outcome) == (258, CallOutcome.REPLY)
    assert decode_reply(answer.reply) == decode_reply(a_reply("a-1"))


def test_a_call_is_answered_by_a_plain_rep_server(desk: Desk) -> None:
    context: zmq.Context[Socket] = zmq.Context()
    server = context.socket(zmq.REP)
    server.bind(desk.gateway_url)
    desk.call(1)
    while receive(server) == [PING]:
        server.send(a_pong())
    server.send(a_reply("a-1"))
    assert desk.answer().outcome is CallOutcome.REPLY
    server.close(linger=0)
    context.term()


def test_the_start_is_reported_to_portfolio(desk: Desk) -> None:
    assert desk.report() == CourierHello("c1+")


def test_a_timeout_is_reported_and_so_is_the_reply_after_it(desk: Desk) -> None:
    gateway = desk.sockets.router(desk.gateway_url)
    desk.call(1, timeout_ms=300)
    frames = next_request(gateway)
    assert desk.answer() == Answer(1, CallOutcome.NO_ANSWER, Raw(b"\xc0"))
    assert send(gateway, [*frames[:-1], a_reply("a-1")])
    assert desk.answer().outcome is CallOutcome.REPLY


def test_the_time_to_the_gateway_is_observed_once_for_a_call_that_is_repeated(desk: Desk) -> None:
    def observed() -> int:
        return ORDER_TO_GATEWAY.cumulative()[-1][1]

    gateway = desk.sockets.router(desk.gateway_url)
    before = observed()
    for _ in range(2):
        desk.call(7, ordered_mono_ns=mono_ns())
        frames = next_request(gateway)
    assert send(gateway, [*frames[:-1], a_reply("a-1")])
    assert desk.answer().outcome is CallOutcome.REPLY
    assert observed() == before + 1


def test_a_restarted_gateway_gets_the_repeated_call_and_portfolio_a_hello(desk: Desk) -> None:
    first = desk.sockets.router(desk.gateway_url)
    desk.call(1)
    frames = next_request(first)
    assert send(first, [*frames[:-1], a_reply("a-1")])
    assert desk.answer().call_id == 1
    first.close(linger=0)
    second = desk.sockets.router(desk.gateway_url)
    carried: set[int] = set()
    reports: list[Answer | CourierHello] = []
    while not (carried and CourierHello("c1+g2") in reports):
        if not second.poll(100):
            desk.call(
                2, timeout_ms=20_000
            )  # like portfolio, the test repeats the call, because requests on the closed connection are lost
        while second.poll(0):
            frames = receive(second)
            if frames[-1] == PING:
                assert send(second, [*frames[:-1], a_pong("g2")])
            else:
                carried.add(int.from_bytes(frames[1], "big"))
        while desk.reports.poll(0):
            reports.append(desk.report())
    assert carried == {2}


def test_garbage_on_every_socket_changes_nothing(desk: Desk) -> None:
    gateway = desk.sockets.router(desk.gateway_url)
    wait_for(lambda: send(desk.commands, [b""]), "a connection to execution")
    for frames in ([b"\xff" * 50], [b"not", b"one", b"frame"], [os.urandom(1_000)], [encode(Fence(order_id="x"))]):
        assert send(desk.commands, frames)
    desk.call(1)
    frames = next_request(gateway)
    peer = frames[0]
    number = frames[1]
    for nonsense in (
        [b"x"],
        [number],
        [number, b""],
        [number, b"full", a_reply("a-1")],
        [b"short", b"", a_reply("a-1")],
        [number, b"", b"{}"],
        [number, b"", b""],
        [number, b"", b"\xc1" * 60_000],
    ):
        assert send(gateway, [peer, *nonsense])
    assert send(gateway, [*frames[:-1], a_reply("a-1")])
    answer = desk.answer()
    assert (answer.call_id, answer.outcome) == (1, CallOutcome.REPLY)
    assert bytes(answer.reply) == a_reply("a-1")


def test_reports_wait_for_a_portfolio_that_starts_later(desk: Desk) -> None:
    gateway = desk.sockets.router(desk.gateway_url)
    desk.call(1)
    frames = next_request(gateway)
    assert send(gateway, [*frames[:-1], a_reply("a-1")])
    desk.call(2, timeout_ms=1)
    next_request(gateway)
    assert desk.report() == CourierHello("c1+")
    assert [desk.answer().call_id, desk.answer().call_id] == [1, 2]
