"""Lower bound of the desk's latencies, measured with four processes that only forward messages and commit rows.

Processes, sockets, message sizes and commits are those of the desk. The gateway publishes each tick (PUB) to signal.
Signal forwards it (PUSH) to portfolio, which commits. At every ORDER_EVERY-th tick, portfolio sends (PUSH) an order to
execution, which forwards it (DEALER) to the gateway. The gateway commits in the journal, in the book and again in the
journal, and replies to portfolio through execution. Portfolio queries the deals on the same path, and commits. At each
tick, portfolio finally sends a confirmation to the gateway, which publishes the next tick.

Each payload has the length of the desk's message. It has the tick's ordinal and publishing time where they are needed,
and zeros elsewhere.

Run as `python -m tests.benchmarks.floor ROLE FOLDER TICKS INTERVAL_NS ORDER_EVERY`; `measure` starts the four roles.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path

import apsw
import zmq

TICK, SIGNAL, ORDER, REQUEST, REPLY, DEALS, CONFIRMED = 190, 250, 330, 190, 420, 560, 480
"""Message lengths in bytes.

REQUEST is a query for deals or a confirmation. The gateway answers ORDER with REPLY, a query with
DEALS, and a confirmation with CONFIRMED.
"""

EVENT_BYTES, ROW_BYTES = 620, 420
_STAMP = struct.Struct("<QQ")


def _socket(context: zmq.Context[zmq.Socket[bytes]], kind: int, url: str, *, bind: bool) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    if bind:
        socket.bind(url)
    else:
        socket.connect(url)
    return socket


def _database(path: Path, synchronous: str) -> apsw.Connection:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    db.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, payload BLOB)")
    db.execute("CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, payload BLOB)")
    return db


def _commit(db: apsw.Connection, size: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO rows (payload) VALUES (?)", (bytes(size),))
    db.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (bytes(ROW_BYTES),))
    db.execute("COMMIT")


def _padded(size: int, ordinal: int, published_ns: int) -> bytes:
    return _STAMP.pack(ordinal, published_ns) + bytes(size - _STAMP.size)


def signal(folder: Path) -> None:
    """Forward from SUB to PUSH."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    ticks = _socket(context, zmq.SUB, f"ipc://{folder}/ticks", bind=False)
    ticks.setsockopt(zmq.SUBSCRIBE, b"tick.")
    out = _socket(context, zmq.PUSH, f"ipc://{folder}/signals", bind=False)
    while True:
        _, payload = ticks.recv_multipart()
        out.send(payload + bytes(SIGNAL - TICK))


def portfolio(folder: Path, order_every: int) -> None:
    """Commit each signal, and confirm its tick. Before the confirmation, every `order_every`-th tick has an order.

    The order is followed by a query for its deals, and a second commit.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    signals = _socket(context, zmq.PULL, f"ipc://{folder}/signals", bind=True)
    reports = _socket(context, zmq.PULL, f"ipc://{folder}/reports", bind=True)
    out = _socket(context, zmq.PUSH, f"ipc://{folder}/commands", bind=False)
    ledger = _database(folder / "ledger", "NORMAL")
    booked: list[int] = []
    last = 0
    while True:
        payload = signals.recv()
        ordinal, published_ns = _STAMP.unpack_from(payload)
        if ordinal <= last:
            continue
        last = ordinal
        _commit(ledger, EVENT_BYTES)
        if ordinal % order_every == 0:
            out.send(b"o" + payload + bytes(ORDER - SIGNAL))
            reports.recv()
            out.send(b"d" + _padded(REQUEST, ordinal, published_ns))
            reports.recv()
            _commit(ledger, EVENT_BYTES)
            booked.append(time.monotonic_ns() - published_ns)
        out.send(b"c" + _padded(REQUEST, ordinal, published_ns))
        if reports.recv()[-1:] == b"e":
            (folder / "booked").write_bytes(struct.pack(f"<{len(booked)}Q", *booked))
            (folder / "done").touch()


def execution(folder: Path) -> None:
    """Forward from PULL to DEALER, and from DEALER to PUSH."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    commands = _socket(context, zmq.PULL, f"ipc://{folder}/commands", bind=True)
    gateway = _socket(context, zmq.DEALER, f"ipc://{folder}/gateway", bind=False)
    reports = _socket(context, zmq.PUSH, f"ipc://{folder}/reports", bind=False)
    while True:
        gateway.send_multipart([bytes(8), b"", commands.recv()])
        reports.send(gateway.recv_multipart()[2])


def gateway(folder: Path, ticks: int, interval_ns: int) -> None:
    """Publish a tick, receive and commit the order, send the deals, and continue after the confirmation."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = _socket(context, zmq.ROUTER, f"ipc://{folder}/gateway", bind=True)
    publisher = _socket(context, zmq.PUB, f"ipc://{folder}/ticks", bind=True)
    journal, book = _database(folder / "journal", "FULL"), _database(folder / "book", "FULL")
    poller = zmq.Poller()
    poller.register(router, zmq.POLLIN)
    received: list[int] = []
    start_ns = time.monotonic_ns()
    for ordinal in range(1, ticks + 1):
        while interval_ns and (ahead_ns := start_ns + ordinal * interval_ns - time.monotonic_ns()) > 0:
            poller.poll(max(ahead_ns // 1_000_000, 0))
        published_ns = time.monotonic_ns()
        frames = [b"tick.EURUSD", _padded(TICK, ordinal, published_ns)]
        publisher.send_multipart(frames)
        while ordinal == 1 and not poller.poll(50):
            publisher.send_multipart(frames)  # wait until the subscription has arrived
        while True:
            client, call_id, _, payload = router.recv_multipart()
            kind = payload[:1]
            if kind == b"o":
                received.append(time.monotonic_ns() - published_ns)
                _commit(journal, ROW_BYTES)
                _commit(book, EVENT_BYTES)
                _commit(journal, REPLY)
            body = {b"o": bytes(REPLY), b"d": bytes(DEALS), b"c": bytes(CONFIRMED)}[kind]
            mark = b"e" if kind == b"c" and ordinal == ticks else b"."
            router.send_multipart([client, call_id, b"", body + mark])
            if kind == b"c":
                break
    (folder / "received").write_bytes(struct.pack(f"<{len(received)}Q", *received))
    poller.poll(2_000)


def measure(folder: Path, *, ticks: int, interval_ns: int, order_every: int) -> tuple[list[int], list[int]]:
    """Nanoseconds from a tick's publication to its order at the gateway, and to its booked fill."""
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.benchmarks.floor",
                role,
                str(folder),
                str(ticks),
                str(interval_ns),
                str(order_every),
            ]
        )
        for role in ("execution", "portfolio", "signal", "gateway")
    ]
    try:
        processes[-1].wait(timeout=120)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return _read(folder / "received"), _read(folder / "booked")


def _read(path: Path) -> list[int]:
    data = path.read_bytes()
    return list(struct.unpack(f"<{len(data) // 8}Q", data))


if __name__ == "__main__":
    role, where, count, interval, every = sys.argv[1:]
    if role == "gateway":
        gateway(Path(where), int(count), int(interval))
    elif role == "portfolio":
        portfolio(Path(where), int(every))
    else:
        {"signal": signal, "execution": execution}[role](Path(where))
