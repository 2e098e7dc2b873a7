"""The tap on the sockets of a process: off until a reader asks, then a copy of each message, and off again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from cli.tap_reader import Copy, DeskTap
from common import message_tap
from common.event_loop import EventLoop
from common.message_tap import offer_tap
from common.sockets import Socket, Sockets, begin_reply, send
from tests.support.short_folders import place
from tests.support.waits import wait_for

__all__ = ["place"]


class Process:
    """A loop named `portfolio` that pushes to itself, and answers as a router."""

    def __init__(self, runtime: Path) -> None:
        self.sockets = Sockets()
        self.loop = EventLoop("portfolio")
        self.received: list[list[bytes]] = []
        self.pull = self.sockets.pull(f"ipc://{runtime}/signal.ipc", setting="SIGNAL_URL")
        self.push = self.sockets.push(f"ipc://{runtime}/signal.ipc", setting="SIGNAL_URL")
        self.router = self.sockets.router(f"ipc://{runtime}/control.ipc", setting="CONTROL_URL")
        self.loop.add_socket(self.pull, self.received.append)
        self.tap = offer_tap(self.loop, self.sockets, runtime)

    def turn(self) -> None:
        self.loop._turn(0)

    def send(self, *frames: bytes) -> None:
        wait_for(lambda: send(self.push, list(frames)), "a peer", seconds=10)

    def receive(self, count: int) -> None:
        def has_all() -> bool:
            self.turn()
            return len(self.received) >= count

        wait_for(has_all, f"{count} messages", seconds=20)


@contextmanager
def a_process(runtime: Path) -> Iterator[Process]:
    process = Process(runtime)
    try:
        yield process
    finally:
        process.sockets.close()
        process.loop.close()


def kinds_of(sockets: Sockets) -> set[type[Socket]]:
    return {type(socket) for socket, _ in sockets.opened}


def connected(process: Process, reader: DeskTap) -> None:
    """Turn the tap on, and wait until its reader hears it."""

    def heard() -> bool:
        process.tap.look()
        reader.read()
        return "portfolio" in reader.counts.heard_ns

    wait_for(heard, "the tap", seconds=10)


def all_copies(reader: DeskTap) -> list[Copy]:
    found: list[Copy] = []
    for _ in range(5):
        found += reader.read()
    return found + reader.rest()


def test_without_a_reader_the_sockets_are_those_of_zeromq(place: Path) -> None:
    with a_process(place) as process:
        before = dict(process.loop._drain)
        process.tap.look()
        assert not process.tap.is_on
        assert kinds_of(process.sockets) == {zmq.Socket}
        assert process.loop._drain == before
        assert not (place / message_tap.TAP_FOLDER).exists()


def test_a_reader_sees_what_is_sent_and_received_until_it_ends(place: Path) -> None:
    with a_process(place) as process:
        with DeskTap(place) as reader:
            connected(process, reader)
            process.send(b"one")
            process.send(b"two", b"parts")
            process.receive(2)
            copies = all_copies(reader)
        assert [(copy.head.direction, copy.frames) for copy in copies] == [
            ("sent", [b"one"]),
            ("sent", [b"two", b"parts"]),
            ("received", [b"one"]),
            ("received", [b"two", b"parts"]),
        ]
        assert {(copy.head.process, copy.head.route, copy.head.pid) for copy in copies} == {
            ("portfolio", "signals", os.getpid())
        }
        assert reader.counts.lost == 0
        process.tap.look()
        assert not process.tap.is_on
        assert kinds_of(process.sockets) == {zmq.Socket}
        process.send(b"three")
        process.receive(3)
        assert list((place / message_tap.TAP_FOLDER).iterdir()) == []


def test_a_message_is_sent_before_it_is_received(place: Path) -> None:
    with a_process(place) as process, DeskTap(place) as reader:
        connected(process, reader)
        for number in range(50):
            process.send(str(number).encode())
            process.receive(number + 1)
        directions = [copy.head.direction for copy in all_copies(reader)]
    assert directions == ["sent", "received"] * 50


def test_a_reply_of_a_router_is_one_message_with_its_envelope(place: Path) -> None:
    with a_process(place) as process, DeskTap(place) as reader, zmq.Context() as context:
        connected(process, reader)
        with context.socket(zmq.DEALER) as client:
            client.connect(f"ipc://{place}/control.ipc")
            client.send_multipart([b"7", b"", b"question"])
            peer, *rest = process.router.recv_multipart()
            assert begin_reply(process.router, peer)
            assert send(process.router, [*rest[:-1], b"answer"])
            assert client.recv_multipart() == [b"7", b"", b"answer"]
            assert not begin_reply(process.router, b"nobody")
            assert begin_reply(process.router, peer)
            assert send(process.router, [b"8", b"", b"again"])
        copies = [copy.frames for copy in all_copies(reader) if copy.head.direction == "sent"]
    assert copies == [[peer, b"7", b"", b"answer"], [peer, b"8", b"", b"again"]]


def test_sockets_that_are_opened_during_a_tap_are_tapped_at_the_next_look(place: Path) -> None:
    with a_process(place) as process, DeskTap(place) as reader:
        connected(process, reader)
        process.sockets.pub(f"ipc://{place}/events.ipc", setting="EVENTS_URL")
        process.tap.look()
        assert zmq.Socket not in kinds_of(process.sockets)


def test_copies_that_a_slow_reader_loses_are_counted(place: Path) -> None:
    total = 40_000
    with a_process(place) as process, DeskTap(place) as reader:
        connected(process, reader)
        for number in range(total // 100):
            for _ in range(100):
                process.send(b"x" * 100)
            process.receive((number + 1) * 100)
        seen = 0

        def told() -> bool:
            nonlocal seen
            process.tap.look()  # gives the number of copies, as each second
            seen += len(reader.read())
            return seen + reader.counts.lost + len(reader._waiting) == 2 * total

        wait_for(told, "every copy seen or counted as lost", seconds=60)
        assert reader.counts.lost > 0


def test_a_request_of_an_ended_process_is_none_and_the_next_reader_removes_it(place: Path) -> None:
    folder = place / message_tap.TAP_FOLDER
    folder.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old = folder / f"{ended.pid}{message_tap.REQUEST_SUFFIX}"
    for text in (f"{ended.pid} 12345", "", "\udcff"):
        old.write_text(text, encoding="utf-8", errors="surrogateescape")
        with a_process(place) as process:
            process.tap.look()
            assert not process.tap.is_on
    with DeskTap(place):
        assert not old.exists()


def test_a_tap_that_cannot_be_opened_leaves_the_process_alone(place: Path) -> None:
    with a_process(place) as process, DeskTap(place):
        (place / message_tap.TAP_FOLDER / "portfolio.ipc").write_text("no socket")
        process.tap.look()
        process.tap.look()
        assert not process.tap.is_on
        process.send(b"one")
        process.receive(1)


def test_a_removed_socket_file_of_the_tap_does_not_end_the_process(place: Path) -> None:
    with a_process(place) as process, DeskTap(place) as reader:
        connected(process, reader)
        (place / message_tap.TAP_FOLDER / "portfolio.ipc").unlink()
        process.sockets.require_in_place()
        process.tap.look()
        process.send(b"one")
        process.receive(1)


def test_closing_the_sockets_closes_the_tap(place: Path) -> None:
    with a_process(place) as process, DeskTap(place) as reader:
        connected(process, reader)
        process.sockets.close()
        assert not process.tap.is_on


def test_every_setting_of_a_route_is_a_setting() -> None:
    from common.settings import setting_names

    assert set(message_tap.ROUTES) <= setting_names()
