"""A proxy between execution and gateway that drops, delays, duplicates and reorders messages in both directions.

    with LossyProxy(front, back, seed=7) as line:
        line.set_probabilities(FaultProbabilities(drop=0.05))    # at any time
        ...
        line.counts                      # {"request": 812, "request dropped": 41, ...}

Each client has its own DEALER socket to the gateway, so that the gateway distinguishes clients as without the proxy.
The draws depend on the seed, the direction, the number of changes of the probabilities, and the number of the message.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import zmq

from common.sockets import Socket, Sockets, send

POLL_MS: Final = 50
OVERTAKEN_S: Final = 0.001
"""Delay of a reordered message after the later message that overtakes it."""

CLIENTS_MAX: Final = 256
"""Maximum number of connections to the gateway.

Each restart of a client adds one, because the client has a new identity. Beyond this number the oldest is closed.
"""


@dataclass(frozen=True)
class FaultProbabilities:
    """The probability of each fault per message, 0 to 1.

    A delay is between 0 and `delay_max_s` seconds. A reordered message is held until the next message in its direction
    arrives, but not longer than a quarter of `delay_max_s`.
    """

    drop: float = 0.0
    delay: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_max_s: float = 1.0


_Due = tuple[float, int, bytes, list[bytes], bool]
"""Time to send, number of the message, client, frames, and whether the message is a request.

Messages with equal times are sent in the order of their numbers.
"""


class LossyProxy:
    """Passes messages between clients and the gateway in a thread of its own."""

    def __init__(self, front: str, back: str, *, seed: int) -> None:
        """Bind `front` for the clients; in the `with` block their requests are forwarded to the gateway at `back`."""
        self._front_url, self._back_url = front, back
        self._seed = seed
        self._changes = 0
        self._odds = FaultProbabilities()
        self._draws = self._new_draws()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._due: list[_Due] = []
        self._order = 0
        self._overtaken: dict[bool, int] = {}
        self._sockets = Sockets()
        self._front = self._sockets.router(front)
        self._backs: dict[bytes, Socket] = {}
        self._thread = threading.Thread(target=self._carry, name="lossy line", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the thread; delayed messages are lost."""
        self._stop.set()
        self._thread.join()
        for back in self._backs.values():
            back.close(linger=0)
        self._sockets.close()

    def set_probabilities(self, probabilities: FaultProbabilities) -> None:
        """Set the probabilities for the following messages."""
        with self._lock:
            self._odds = probabilities
            self._changes += 1
            self._draws = self._new_draws()

    @property
    def counts(self) -> dict[str, int]:
        """Number of messages since the start, by direction, and by direction and fault."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def _new_draws(self) -> dict[str, random.Random]:
        return {way: random.Random(f"{self._seed} {self._changes} {way}") for way in ("request", "reply")}  # noqa: S311

    # ---------------------------------------------------------------------------------------------------- in the thread

    def _carry(self) -> None:
        poller = zmq.Poller()
        poller.register(self._front, zmq.POLLIN)
        while not self._stop.is_set():
            wait_ms = POLL_MS
            if self._due:
                wait_ms = max(0, min(POLL_MS, int((self._due[0][0] - time.monotonic()) * 1_000)))
            for socket, _ in poller.poll(wait_ms):
                self._receive(socket, poller)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                _, _, client, frames, is_request = heapq.heappop(self._due)
                self._pass_on(client, frames, is_request=is_request)

    def _receive(self, socket: Socket, poller: zmq.Poller) -> None:
        if socket is self._front:
            client, *frames = socket.recv_multipart()
            if client not in self._backs:
                if len(self._backs) >= CLIENTS_MAX:
                    oldest = next(iter(self._backs))
                    poller.unregister(self._backs[oldest])
                    self._backs.pop(oldest).close(linger=0)
                self._backs[client] = self._sockets.dealer(self._back_url)
                poller.register(self._backs[client], zmq.POLLIN)
            self._disturb(client, frames, is_request=True)
            return
        client = next(name for name, back in self._backs.items() if back is socket)
        self._disturb(client, socket.recv_multipart(), is_request=False)

    def _disturb(self, client: bytes, frames: list[bytes], *, is_request: bool) -> None:
        way = "request" if is_request else "reply"
        with self._lock:
            odds = self._odds
            drop, delay, duplicate, reorder, share = (self._draws[way].random() for _ in range(5))
            self._counts[way] += 1
            happened = [
                fault
                for fault, drawn, limit in (
                    ("dropped", drop, odds.drop),
                    ("delayed", delay, odds.delay),
                    ("duplicated", duplicate, odds.duplicate),
                    ("reordered", reorder, odds.reorder),
                )
                if drawn < limit
            ]
            if "dropped" in happened:
                happened = ["dropped"]
            for fault in happened:
                self._counts[f"{way} {fault}"] += 1
        if "dropped" in happened:
            return
        late_s = share * odds.delay_max_s if "delayed" in happened else 0.0
        if "reordered" in happened and not late_s:
            late_s = odds.delay_max_s / 4
            self._overtaken[is_request] = self._order + 1
        elif (waiting := self._overtaken.pop(is_request, None)) is not None:
            self._let_go(waiting)
        for _ in range(2 if "duplicated" in happened else 1):
            self._pass_later(client, frames, late_s, is_request=is_request)

    def _let_go(self, number: int) -> None:
        """Schedule a held message for OVERTAKEN_S from now, right after the message that arrived later."""
        at = time.monotonic() + OVERTAKEN_S
        self._due = [(min(entry[0], at), *entry[1:]) if entry[1] == number else entry for entry in self._due]
        heapq.heapify(self._due)

    def _pass_later(self, client: bytes, frames: list[bytes], late_s: float, *, is_request: bool) -> None:
        self._order += 1
        heapq.heappush(self._due, (time.monotonic() + late_s, self._order, client, frames, is_request))

    def _pass_on(self, client: bytes, frames: list[bytes], *, is_request: bool) -> None:
        back = self._backs.get(client)
        sent = back is not None and (send(back, frames) if is_request else send(self._front, [client, *frames]))
        if not sent:
            with self._lock:
                self._counts[f"{'request' if is_request else 'reply'} not taken"] += 1
