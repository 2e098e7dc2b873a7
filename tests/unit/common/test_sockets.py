"""Sockets exchange messages, errors of bind name the setting, and no process loses its address to another."""

from __future__ import annotations

import socket as unix
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from common.errors import StartError
from common.file_identity import FileLostError
from common.sockets import ROUTER_UNREAD_MAX, Sockets, send
from tests.support.waits import receive, wait_for


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    opened = Sockets()
    yield opened
    opened.close()


def test_a_message_goes_from_push_to_pull(sockets: Sockets, tmp_path: Path) -> None:
    url = f"ipc://{tmp_path}/signal.ipc"
    pull, push = sockets.pull(url), sockets.push(url)
    wait_for(lambda: send(push, [b"hello"]), "a connection")
    assert receive(pull) == [b"hello"]


def test_a_send_without_a_receiver_is_reported_at_once(sockets: Sockets, tmp_path: Path) -> None:
    push = sockets.push(f"ipc://{tmp_path}/nobody.ipc")
    assert not send(push, [b"lost"])
    assert not send(push, [b"lost", b"too"])


def test_a_dealer_and_a_router_exchange_messages_with_an_envelope(sockets: Sockets, tmp_path: Path) -> None:
    url = f"ipc://{tmp_path}/gateway.ipc"
    router, dealer = sockets.router(url), sockets.dealer(url)
    wait_for(lambda: send(dealer, [b"id", b"", b"ping"]), "a connection")
    peer, *rest = receive(router)
    assert rest == [b"id", b"", b"ping"]
    assert send(router, [peer, b"id", b"", b"pong"])
    assert receive(dealer) == [b"id", b"", b"pong"]


def test_a_publisher_that_keeps_the_latest_message_drops_those_before_it(sockets: Sockets, tmp_path: Path) -> None:
    url, sent = f"ipc://{tmp_path}/events.ipc", 20_000
    publisher = sockets.pub(url, keeps_latest=True)
    reader: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    reader.setsockopt(zmq.RCVHWM, 1)
    reader.setsockopt(zmq.SUBSCRIBE, b"")
    reader.connect(url)
    wait_for(lambda: send(publisher, [b"0"]) and reader.poll(0), "a connection")
    for number in range(1, sent + 1):
        assert send(publisher, [b"%d %s" % (number, bytes(256))])
    received = [reader.recv()]
    while not received[-1].startswith(b"%d " % sent):
        [message] = receive(reader)
        received.append(message)
    reader.close(linger=0)
    assert len(received) < sent / 2, "the rest was in the buffers of the system"


def test_a_router_buffers_few_unread_requests(sockets: Sockets, tmp_path: Path) -> None:
    """A router reads the buffered requests of a client even after the client's death, so few may be buffered."""
    url = f"ipc://{tmp_path}/router.ipc"
    sockets.router(url)
    client: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    client.setsockopt(zmq.SNDHWM, 1)
    client.setsockopt(zmq.LINGER, 0)
    client.connect(url)
    taken = 0
    while taken < 5_000 and client.poll(500, zmq.POLLOUT):
        client.send(bytes(4_096))
        taken += 1
    client.close()
    assert ROUTER_UNREAD_MAX <= taken < 1_000, "the rest waits at the client, beyond what the system's buffers hold"


def test_a_port_in_use_is_reported_with_its_setting(sockets: Sockets) -> None:
    taken = sockets.router("tcp://127.0.0.1:*").getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(taken, bytes)
    url = taken.rstrip(b"\0").decode()
    with pytest.raises(StartError) as caught:
        sockets.router(url, setting="MT5_REQUEST_URL")
    expected = f"cannot bind {url}: Address already in use; expected a free port (setting MT5_REQUEST_URL)"
    assert str(caught.value) == expected


@pytest.mark.parametrize("url", ["tcp://192.0.2.1:5555", "tcp://nonsense", "http://127.0.0.1:1"])
def test_an_address_that_cannot_be_bound_is_an_error(sockets: Sockets, url: str) -> None:
    with pytest.raises(StartError, match=f"cannot bind {url}: "):
        sockets.pull(url)


def test_an_address_that_cannot_be_connected_to_is_an_error(sockets: Sockets) -> None:
    with pytest.raises(StartError, match=r"cannot connect to nonsense: .* \(setting COMMAND_URL\)"):
        sockets.push("nonsense", setting="COMMAND_URL")


def test_a_too_long_path_is_refused_with_its_length(sockets: Sockets, tmp_path: Path) -> None:
    path = f"{tmp_path}/{'x' * 110}.ipc"
    with pytest.raises(StartError, match=f"a path of {len(path)} bytes, expected at most 107; .*PAPERDESK_RUNTIME_DIR"):
        sockets.pull(f"ipc://{path}")


def test_the_folder_of_a_local_socket_is_accessible_to_its_owner_only(sockets: Sockets, tmp_path: Path) -> None:
    sockets.pull(f"ipc://{tmp_path}/run/signal.ipc")
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_the_socket_file_of_a_dead_process_is_replaced(sockets: Sockets, tmp_path: Path) -> None:
    path = tmp_path / "signal.ipc"
    dead = unix.socket(unix.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    assert path.is_socket()
    sockets.pull(f"ipc://{path}")


def test_the_socket_file_of_a_living_process_is_not_replaced(sockets: Sockets, tmp_path: Path) -> None:
    url = f"ipc://{tmp_path}/signal.ipc"
    first = sockets.pull(url)
    with pytest.raises(StartError, match=r"another process listens there; stop it first \(setting SIGNAL_URL\)"):
        sockets.pull(url, setting="SIGNAL_URL")
    push = sockets.push(url)
    wait_for(lambda: send(push, [b"still here"]), "a connection to the first")
    assert receive(first) == [b"still here"]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.rename(path.with_name("elsewhere"))])
def test_a_removed_socket_file_is_an_error(sockets: Sockets, tmp_path: Path, harm: Callable[[Path], object]) -> None:
    sockets.pull(f"ipc://{tmp_path}/signal.ipc")
    sockets.router(f"ipc://{tmp_path}/control.ipc")
    sockets.pull("tcp://127.0.0.1:*")
    sockets.require_in_place()
    harm(tmp_path / "control.ipc")
    with pytest.raises(
        FileLostError, match=r"control\.ipc was removed or replaced .*: ending, because no client can connect"
    ):
        sockets.require_in_place()


def test_a_file_that_is_no_socket_is_not_removed(sockets: Sockets, tmp_path: Path) -> None:
    path = tmp_path / "signal.ipc"
    path.write_text("precious")
    with pytest.raises(StartError, match="exists and is not a socket"):
        sockets.pull(f"ipc://{path}")
    assert path.read_text() == "precious"


def test_closing_a_socket_does_not_wait_for_receivers(tmp_path: Path) -> None:
    opened = Sockets()
    pull = opened.pull(f"ipc://{tmp_path}/signal.ipc")
    push = opened.push(f"ipc://{tmp_path}/signal.ipc")
    wait_for(lambda: send(push, [b"never read"]), "a connection")
    opened.close()
    assert push.closed
    assert pull.closed
