"""The loss of a peer's host, such as by a power cut, is detected within seconds and not after a quarter of an hour.

A connection in TCP repair mode is closed without a message to the other side, as when the host vanishes.
"""

from __future__ import annotations

import os
import socket as inet
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from common.sockets import Sockets
from tests.support.ports import free_port
from tests.support.waits import receive, wait_for

TCP_REPAIR = 19
UNACKNOWLEDGED = 24
"""Offset of the count of unacknowledged segments in the kernel's `struct tcp_info`."""

DESCRIPTORS = Path("/proc/self/fd")
NOTICED_SECONDS = 10.0
"""Longest time for the detection.

It covers one idle second, one probe, which this host's kernel answers with a reset, and a margin for a busy machine.
"""

PEER = f"""
import os, signal, socket, struct, sys
import zmq
peer = zmq.Context().socket(getattr(zmq, sys.argv[1]))
if sys.argv[1] == "DEALER":
    peer.connect(sys.argv[2])
    peer.send(b"hello")
else:
    peer.bind(sys.argv[2])
    peer.recv()
    peer.send(b"hello")
sys.stdin.readline()
for name in os.listdir("/proc/self/fd"):
    try:
        held = socket.socket(fileno=os.dup(int(name)))
        if held.family == socket.AF_INET and not held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            # The kernel would answer an acknowledgement that arrives after the end of this process with a reset.
            info = lambda: held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            while struct.unpack_from("I", info(), {UNACKNOWLEDGED})[0]:
                pass
            held.setsockopt(socket.IPPROTO_TCP, {TCP_REPAIR}, 1)
    except OSError:
        pass
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with inet.socket() as probe:
        try:
            probe.setsockopt(inet.IPPROTO_TCP, TCP_REPAIR, 1)
        except PermissionError:
            pytest.skip("needs CAP_NET_ADMIN, to close a connection without a message")
    opened = Sockets()
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", ["ROUTER", "SUB"])
def test_a_connection_whose_other_end_has_vanished_is_dropped(sockets: Sockets, kind: str) -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    peer_kind = {"ROUTER": "DEALER", "SUB": "XPUB"}[kind]
    socket = sockets.router(url) if kind == "ROUTER" else sockets.sub(url, [b""])
    monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    command = [sys.executable, "-c", PEER, peer_kind, url]
    with closing(monitor), subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdin is not None
        # libzmq completes a connection and subscribes only during a call on the socket.
        wait_for(lambda: socket.poll(10), "the peer's first message")
        peer.stdin.write("vanish\n")
        peer.stdin.flush()
        peer.wait(NOTICED_SECONDS)
        event = parse_monitor_message(receive(monitor, seconds=NOTICED_SECONDS))
        socket.disable_monitor()
    assert event["event"] == zmq.EVENT_DISCONNECTED


def test_the_time_for_acknowledgements_is_limited_to_5_s(sockets: Sockets) -> None:
    """TCP_USER_TIMEOUT limits how long data may stay unacknowledged.

    The kernel sends no keepalive probes while data is unacknowledged. The test checks that keepalive and
    TCP_USER_TIMEOUT are both set.
    """
    with inet.create_server(("127.0.0.1", 0)) as server:
        sockets.dealer(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        accepted, _ = server.accept()
        with accepted:
            own = connection_to(accepted.getsockname(), accepted.getpeername())
            with own:
                # libzmq sets these options in its own thread after the connection is made.
                wait_for(lambda: own.getsockopt(inet.SOL_SOCKET, inet.SO_KEEPALIVE), "probes of a silent peer")
                limit_ms = wait_for(lambda: own.getsockopt(inet.IPPROTO_TCP, inet.TCP_USER_TIMEOUT), "a limit")
                assert limit_ms == 5_000


def connection_to(peer: tuple[str, int], name: tuple[str, int]) -> inet.socket:
    """A duplicate of this process's descriptor of a connection."""

    def found() -> inet.socket | None:
        for number in DESCRIPTORS.iterdir():
            try:
                held = inet.socket(fileno=os.dup(int(number.name)))
            except OSError:
                continue
            try:
                if held.getpeername() == peer and held.getsockname() == name:
                    return held
            except OSError:
                pass
            held.close()
        return None

    return wait_for(found, "the connection")
