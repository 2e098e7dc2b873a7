"""The simulated environment: a clock, links that lose, duplicate, delay and reorder messages, and seeded draws.

The clock advances from event to event. Every event is written to a log; two runs with the same seed must write the same
log.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

MS = 1_000_000


@dataclass(frozen=True)
class Faults:
    """Probabilities of faults, and the longest additional delay of a slow message."""

    loss: float = 0.0
    duplicate: float = 0.0
    slow: float = 0.0
    slow_ns_max: int = 400 * MS
    crash: float = 0.0


class World:
    """The clock, the scheduled events, and the log of past events."""

    def __init__(self, seed: int, faults: Faults) -> None:
        """Begin at a time other than 0, so that no code depends on a start at 0."""
        self.dice = random.Random(seed)
        self.faults = faults
        self.now_ns = 1_000_000_000_000
        self.events = 0
        self.tally: dict[str, int] = {}
        self._calendar: list[tuple[int, int, Callable[[], None]]] = []
        self._log = hashlib.sha256()

    def log(self, text: str) -> None:
        """Write a line to the log."""
        self._log.update(f"{self.now_ns} {text}\n".encode())

    def log_hash(self) -> str:
        """SHA-256 of the log so far."""
        return self._log.hexdigest()

    def count(self, what: str) -> None:
        """Count a fault by kind."""
        self.tally[what] = self.tally.get(what, 0) + 1

    def after(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Schedule an action after a delay."""
        self.events += 1
        heapq.heappush(self._calendar, (self.now_ns + delay_ns, self.events, action))

    def happens(self, probability: float) -> bool:
        """Draw whether an event of this probability occurs."""
        return probability > 0 and self.dice.random() < probability

    def carry(self, link: str, payload: bytes, deliver: Callable[[bytes], None]) -> None:
        """Send bytes over a link, which may lose, duplicate or delay them; delays change the order of messages."""
        if self.happens(self.faults.loss):
            self.count("lost")
            self.log(f"lost {link}")
            return
        copies = 2 if self.happens(self.faults.duplicate) else 1
        if copies == 2:
            self.count("doubled")
        for _ in range(copies):
            delay_ns = self.dice.randrange(20_000, 80_000)
            if self.happens(self.faults.slow):
                self.count("delayed")
                delay_ns += self.dice.randrange(self.faults.slow_ns_max)
            self.after(delay_ns, lambda: deliver(payload))

    def run(self, is_done: Callable[[], bool], *, until_ns: int) -> bool:
        """Process events until `is_done` returns True; returns False if the time limit is reached first."""
        while self._calendar:
            at_ns, _, action = heapq.heappop(self._calendar)
            self.now_ns = at_ns
            action()
            if is_done():
                return True
            if at_ns > until_ns:
                return False
        return is_done()


class KilledError(Exception):
    """Raised inside a simulated process to end it."""
