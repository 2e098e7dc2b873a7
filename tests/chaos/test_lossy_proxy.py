"""The proxy drops, delays, duplicates and reorders messages with the given probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from common.sockets import Socket, Sockets
from tests.support.waits import wait_for
from verification.chaos.lossy_proxy import FaultProbabilities, LossyProxy

MESSAGES = 200


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    found = Sockets()
    yield found
    found.close()


class Talk:
    """A client and a server that are connected through the proxy."""

    def __init__(self, folder: Path, sockets: Sockets) -> None:
        self.back, self.front = f"ipc://{folder}/back.ipc", f"ipc://{folder}/front.ipc"
        self._server = sockets.router(self.back)
        self._sockets = sockets
        self.client: Socket | None = None

    def connect(self) -> None:
        """Wait until a first message has arrived, because messages are not queued before the proxy runs."""
        client = self.client = self._sockets.dealer(self.front)
        assert client.poll(5_000, zmq.POLLOUT)
        wait_for(lambda: client.send_multipart([b"", b"hello"]) is None and self._server.poll(50), "a connection")
        self.received()

    def send(self, *payloads: bytes) -> None:
        assert self.client is not None
        for payload in payloads:
            self.client.send_multipart([b"", payload])

    def received(self, *, within_ms: int = 300) -> list[bytes]:
        """Receive messages at the server until no more arrive, and reply to each with the same message."""
        found = []
        while self._server.poll(within_ms):
            frames = self._server.recv_multipart()
            found.append(frames[-1])
            self._server.send_multipart(frames)
        return found

    def answered(self) -> list[bytes]:
        assert self.client is not None
        found = []
        while self.client.poll(300):
            found.append(self.client.recv_multipart()[-1])
        return found


def numbered() -> list[bytes]:
    return [f"{number:03d}".encode() for number in range(MESSAGES)]


def test_without_probabilities_all_messages_pass_in_order(tmp_path: Path, sockets: Sockets) -> None:
    talk = Talk(tmp_path, sockets)
    with LossyProxy(talk.front, talk.back, seed=1):
        talk.connect()
        talk.answered()
        talk.send(*numbered())
        assert talk.received() == numbered()
        assert talk.answered() == numbered()


def test_a_dropped_message_is_counted_and_never_arrives(tmp_path: Path, sockets: Sockets) -> None:
    talk = Talk(tmp_path, sockets)
    with LossyProxy(talk.front, talk.back, seed=1) as line:
        talk.connect()
        line.set_probabilities(FaultProbabilities(drop=0.3))
        talk.send(*numbered())
        received = talk.received()
        assert len(received) == MESSAGES - line.counts["request dropped"] < MESSAGES
        assert received == sorted(received)


def test_a_duplicated_message_arrives_twice(tmp_path: Path, sockets: Sockets) -> None:
    talk = Talk(tmp_path, sockets)
    with LossyProxy(talk.front, talk.back, seed=1) as line:
        talk.connect()
        line.set_probabilities(FaultProbabilities(duplicate=0.3))
        talk.send(*numbered())
        received = talk.received()
        assert len(received) == MESSAGES + line.counts["request duplicated"] > MESSAGES
        assert sorted(set(received)) == numbered()


@pytest.mark.parametrize(
    "odds", [FaultProbabilities(delay=0.3, delay_max_s=0.1), FaultProbabilities(reorder=0.3, delay_max_s=0.1)]
)
def test_all_delayed_or_reordered_messages_arrive_but_in_another_order(
    odds: FaultProbabilities, tmp_path: Path, sockets: Sockets
) -> None:
    talk = Talk(tmp_path, sockets)
    with LossyProxy(talk.front, talk.back, seed=1) as line:
        talk.connect()
        line.set_probabilities(odds)
        talk.send(*numbered())
        received = talk.received()
        assert received != numbered()
        assert sorted(received) == numbered()


def test_the_same_seed_drops_the_same_messages(tmp_path: Path, sockets: Sockets) -> None:
    runs = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        talk = Talk(folder, sockets)
        with LossyProxy(talk.front, talk.back, seed=7) as line:
            talk.connect()
            line.set_probabilities(FaultProbabilities(drop=0.3))
            talk.send(*numbered())
            runs.append(talk.received())
    assert runs[0] == runs[1]
