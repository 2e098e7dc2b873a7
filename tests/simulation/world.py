"""A virtual world: a clock that jumps, links that lose, duplicate, delay and reorder, and seeded dice.

Every event is written to a log; two runs of one seed must write the same log.
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
    """Severity of the faults: probabilities, and a delay."""

    loss: float = 0.0
    duplicate: float = 0.0
    slow: float = 0.0
    slow_ns_max: int = 400 * MS
    crash: float = 0.0


class World:
    """The clock, the calendar of future events, and the log of past ones."""

    def __init__(self, seed: int, faults: Faults) -> None:
        """Begin at a time other than zero, so that nothing depends on it."""
        self.dice = random.Random(seed)
        self.faults = faults
        self.now_ns = 1_000_000_000_000
        self.events = 0
        self.tally: dict[str, int] = {}
        self._calendar: list[tuple[int, int, Callable[[], None]]] = []
        self._log = hashlib.sha256()

    def log(self, text: str) -> None:
        """Write a line of the log."""
        self._log.update(f"{self.now_ns} {text}\n".encode())

    def log_hash(self) -> str:
        """SHA-256 of the log so far."""
        return self._log.hexdigest()

    def count(self, what: str) -> None:
        """Count faults, so that a run shows which it had."""
        self.tally[what] = self.tally.get(what, 0) + 1

    def after(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Schedule an action."""
        self.events += 1
        heapq.heappush(self._calendar, (self.now_ns + delay_ns, self.events, action))

    def happens(self, probability: float) -> bool:
        """Draw an event of this probability."""
        return probability > 0 and self.dice.random() < probability

    def carry(self, link: str, payload: bytes, deliver: Callable[[bytes], None]) -> None:
        """Send bytes over a link, which may lose, duplicate, delay and so reorder them."""
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
        """Process events until `is_done`; False if the virtual time ran out first."""
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
    """The process dies here."""
