"""Garbage on every socket of a working desk is counted and logged, and does not change the result.

The gateway's tick socket is not tested here, because it receives no messages; tests/integration/signal tests garbage
from a publisher.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest
import zmq
from msgspec import Raw

from common.project_root import PROJECT_ROOT
from common.sockets import ROUTER_FRAME_BYTES_MAX, Socket, Sockets, send
from proto.codec import encode
from proto.control import StatusQuery
from proto.gateway import Hello, Ping
from proto.messages import Answer, Call, CallOutcome
from proto.trading.units import MAX_FRAME_BYTES
from tests.support.builders import STREAM_ID, a_signal
from tests.support.replays import PATIENT, RunningReplay, completed_backtest, ticks_or
from tests.support.tick_files import a_tick_file
from tests.support.waits import receive, wait_for

TICKS = ticks_or(10_000)
SEED = 20_140_501
ROUNDS: Final = 10
PIECES_A_ROUND: Final = 30

ORDER: Final = {"action": "BUY", "order_id": "X1", "symbol": "EURUSD", "volume": 0.01, "price": 1.3871}
MESSAGES: Final = {
    "signal": (encode(a_signal()),),
    "command": (encode(Call(1, 1_000, 0, Raw(encode(Ping())))),),
    "report": (encode(Answer(1, CallOutcome.REPLY, Raw(encode(Ping())))),),
    "control": (encode(StatusQuery()),),
    "gw": (json.dumps(ORDER).encode(), msgpack.packb(ORDER), encode(Hello(client="x"))),
}
"""A valid message for each socket, from which invalid messages are made."""


def garbage(source: random.Random, message: bytes) -> list[bytes]:
    """Frames that are no valid message: other bytes, or a valid message that is cut, doubled or changed."""
    match source.randrange(8):
        case 0:
            return [source.randbytes(source.randrange(200))]
        case 1:
            return [message[: source.randrange(len(message))]]
        case 2:
            return [source.randbytes(1) * source.choice([MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES + 1])]
        case 3:
            return [source.choice([b"\x91", b"\x81\xa1a", b"[", b'{"a":']) * 20_000]
        case 4:
            return [with_a_field_changed(message, float("nan"))]
        case 5:
            odd: Any = source.choice([None, True, [], {}, "\x00", -1e308, [[[[]]]]])
            return [with_a_field_changed(message, odd)]
        case 6:
            return [message, message]
        case _:
            return [b"", b"", source.randbytes(10)]


def with_a_field_changed(message: bytes, odd: object) -> bytes:
    """A message with an invalid value in one field."""
    if message[:1] == b"{":
        return json.dumps({**json.loads(message), "volume": odd}).encode()
    fields = msgpack.unpackb(message, strict_map_key=False)
    if isinstance(fields, dict):
        return bytes(msgpack.packb({**fields, next(iter(fields)): odd, "volume": odd}))
    return bytes(msgpack.packb([*fields[:-1], {"odd": odd}]))


def throw(sockets: dict[str, Socket], source: random.Random) -> int:
    """Send garbage to every socket, and return the number of frames that the sockets accepted."""
    taken = 0
    for name, socket in sockets.items():
        # A client that was disconnected in the last round needs time to reconnect.
        wait_for(lambda socket=socket: socket.poll(0, zmq.POLLOUT), f"a connection to {name}")  # type: ignore[misc]
        for _ in range(PIECES_A_ROUND):
            frames = garbage(source, source.choice(MESSAGES[name]))
            envelope = [b""] if name in ("gw", "control") and source.random() < 0.8 else []
            taken += send(socket, [*envelope, *frames])
        while socket.type == zmq.DEALER and socket.poll(0):
            socket.recv_multipart()
    # This frame is too long for any socket. The receiver disconnects the sender, which reconnects.
    taken += send(sockets["gw"], [b"", b"x" * (ROUTER_FRAME_BYTES_MAX + 1)])
    return taken


@contextmanager
def foreign_clients(runtime: Path) -> Iterator[dict[str, Socket]]:
    """A connection to every socket of the desk that receives messages."""
    sockets = Sockets()
    try:
        yield _connected(sockets, runtime)
    finally:
        sockets.close()


def _connected(sockets: Sockets, runtime: Path) -> dict[str, Socket]:
    made = {name: sockets.push(f"ipc://{runtime}/{name}.ipc") for name in ("signal", "command", "report")}
    made |= {name: sockets.dealer(f"ipc://{runtime}/{name}.ipc") for name in ("control", "gw")}
    for name, socket in made.items():
        wait_for(lambda socket=socket: socket.poll(0, zmq.POLLOUT), f"a connection to {name}")  # type: ignore[misc]
    return made


def test_garbage_on_every_socket_does_not_change_the_result(tmp_path: Path) -> None:
    market = a_tick_file(tmp_path / "may.parquet", rows=TICKS)
    expected = completed_backtest(f"{market}:EURUSD", data_dir=tmp_path / "backtest")
    source = random.Random(SEED)
    with RunningReplay(f"{market}:EURUSD", data_dir=tmp_path / "replay", environment=PATIENT) as replay:
        replay.wait_for_tick(1)
        pids = {service: replay.process(service).pid for service in ("mt5", "execution", "portfolio", "signal")}
        with foreign_clients(replay.runtime) as sockets:
            for number in range(1, ROUNDS + 1):
                assert throw(sockets, source) > PIECES_A_ROUND
                status = replay.wait_for_tick(number * TICKS // (ROUNDS + 2))
        assert status.malformed > 0
        assert {service: replay.process(service).pid for service in pids} == pids
        outcome = replay.wait()
    assert outcome.exit_code == 0, outcome.error_output
    assert outcome.same == expected.same
    assert replay.has_logged("execution", "dropped malformed message")
    assert replay.has_logged("portfolio", "dropped malformed message")
    assert replay.has_logged("mt5", "dropped message without an empty frame")


GATEWAY_REQUESTS: Final = 1_000


@contextmanager
def a_gateway_process(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m services.mt5` with a random walk as its market, and its request address."""
    url = f"ipc://{folder}/gw.ipc"
    settings = {
        "PAPERDESK_ENV_FILE": "",
        "PAPERDESK_DATA_DIR": str(folder / "data"),
        "MT5_TICKS": f"{a_tick_file(folder / 'may.parquet', rows=10)}:EURUSD",
        "MT5_REQUEST_URL": url,
        "MT5_PUBLISH_URL": f"ipc://{folder}/ticks.ipc",
        "MT5_STREAM_ID": STREAM_ID,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.mt5"],
            env={**os.environ, **settings},
            cwd=PROJECT_ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield process, url
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_a_plain_json_client_is_served_among_a_thousand_garbage_frames(tmp_path: Path) -> None:
    """One client sends garbage and discards the replies, and another sends JSON requests one at a time."""
    source = random.Random(SEED)
    context: zmq.Context[Socket] = zmq.Context()
    client, stranger = context.socket(zmq.REQ), context.socket(zmq.DEALER)

    def ask(**fields: object) -> dict[str, Any]:
        client.send(json.dumps(fields).encode())
        reply: dict[str, Any] = json.loads(receive(client)[0])
        return reply

    with a_gateway_process(tmp_path) as (process, url):
        for socket in (client, stranger):
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(url)
        assert ask(action="CONFIRM", stream_id=STREAM_ID, ordinal=0)["ordinal"] == 0
        filled = []
        for number in range(GATEWAY_REQUESTS):
            envelope = [b""] if source.random() < 0.8 else []
            stranger.send_multipart([*envelope, *garbage(source, source.choice(MESSAGES["gw"]))])
            while stranger.poll(0):
                stranger.recv_multipart()
            if number % 20 == 0:
                reply = ask(action="BUY", order_id=f"A-{number}", symbol="EURUSD", volume=0.01)
                assert (reply["status"], reply["order_id"]) == ("FILLED", f"A-{number}")
                filled.append(reply)
        assert [ask(action="ORDER_STATUS", order_id=reply["order_id"])["ticket"] for reply in filled] == [
            reply["ticket"] for reply in filled
        ]
        assert process.poll() is None
        [position] = ask(action="GET_POSITIONS")["positions"]
        assert position["volume"] == pytest.approx(0.01 * len(filled))
    client.close()
    stranger.close()
    context.term()
