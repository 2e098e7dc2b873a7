"""A process survives the death of a peer whose unread messages exceed the receive high-water mark of the process.

In this state libzmq 4.3.5 aborts the process at its next ZMTP heartbeat, and a process that reads from a SUB socket
with the option IMMEDIATE. The sockets of the desk have neither.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import IO

import pytest

from tests.support.backlogged_peers import binds

KINDS = ("PULL", "SUB", "ROUTER", "DEALER")
TRANSPORTS = ("ipc", "tcp")
WAIT_SECONDS = 30.0
ABORT_SECONDS = 2.5
"""Observation time, above the two seconds within which a ZMTP heartbeat would abort the process."""


class Pair:
    """A receiver that reads nothing, and its sender; the side that binds is started first."""

    def __init__(self, kind: str, url: str, stack: ExitStack) -> None:
        self._kind = kind
        self._stack = stack
        self._roles = ("receive", "send") if binds(kind) else ("send", "receive")
        self._processes = {self._roles[0]: self._start(self._roles[0], url)}

    def connect(self) -> None:
        """Start the side that connects."""
        first, second = self._roles
        self._processes[second] = self._start(second, _line(self._processes[first].stdout))

    def read_all(self) -> None:
        """Make the receiver read all queued messages."""
        assert self.receiver.stdin is not None
        with suppress(BrokenPipeError):  # the receiver has been aborted
            self.receiver.stdin.write("read\n")
            self.receiver.stdin.flush()

    def wait_until_dead(self) -> None:
        """Wait until the sender has filled the queue of the receiver and died."""
        sender = self._processes["send"]
        assert sender.wait(WAIT_SECONDS) == -signal.SIGKILL
        if not binds(self._kind):
            _line(self.receiver.stdout)

    @property
    def receiver(self) -> subprocess.Popen[str]:
        """The receiver's process."""
        return self._processes["receive"]

    def _start(self, role: str, url: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.backlogged_peers", role, self._kind, url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    line = stream.readline()
    assert line, "the process has ended"
    return line.strip()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Pair]]:
    """A pair for each kind of socket and each transport, after the time in which a heartbeat would abort receivers."""
    folder = tmp_path_factory.mktemp("peers")
    with ExitStack() as stack:
        made = {
            (kind, transport): Pair(
                kind, f"ipc://{folder}/{kind}" if transport == "ipc" else "tcp://127.0.0.1:*", stack
            )
            for kind in KINDS
            for transport in TRANSPORTS
        }
        for pair in made.values():
            pair.connect()
        for pair in made.values():
            pair.wait_until_dead()
        with suppress(subprocess.TimeoutExpired):
            next(iter(made.values())).receiver.wait(ABORT_SECONDS)
        for pair in made.values():
            pair.read_all()
        yield made


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_receiver_with_a_full_queue_survives_the_death_of_its_sender(
    pairs: dict[tuple[str, str], Pair], kind: str, transport: str
) -> None:
    receiver = pairs[kind, transport].receiver
    messages, _ = receiver.communicate(timeout=WAIT_SECONDS)
    assert receiver.returncode == 0
    assert int(messages) > 0
