"""Strategies with one fault each, on ticks from `FAULT_TICK` on or in another method, and one without a fault."""

from __future__ import annotations

import os
import threading
from typing import Any, Final

FAULT_TICK: Final = 6


class Sound:
    """A strategy without a fault: alternates between buy and sell every three ticks."""

    name = "sound"
    warm_up_ticks = 0

    def __init__(self) -> None:
        self.seen = 0

    def on_tick(self, window: Any, bid: float, ask: float, time_ns: int) -> Any:  # noqa: ARG002
        """The correct signal or, from tick `FAULT_TICK` on, the result of `misbehave`."""
        self.seen += 1
        return self.correct_signal if self.seen < FAULT_TICK else self.misbehave()

    @property
    def correct_signal(self) -> tuple[int, float]:
        """The correct signal."""
        return (1 if self.seen // 3 % 2 else -1), 0.7

    def misbehave(self) -> Any:
        """Return the correct signal; a subclass overrides this with its fault."""
        return self.correct_signal

    def snapshot(self) -> Any:
        """The count of ticks."""
        return self.seen.to_bytes(8, "little")

    def restore(self, state: bytes) -> None:
        """Continue from a count of ticks."""
        self.seen = int.from_bytes(state, "little")


class Raises(Sound):
    name = "raises"

    def misbehave(self) -> Any:
        raise ValueError("first line\nsecond line")


class RaisesUnprintable(Sound):
    name = "raises-unprintable"

    def misbehave(self) -> Any:
        class UnprintableError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text either")

        raise UnprintableError


class RaisesLong(Sound):
    name = "raises-long"

    def misbehave(self) -> Any:
        raise RuntimeError("x" * 100_000)


class RunsOutOfMemory(Sound):
    name = "runs-out-of-memory"

    def misbehave(self) -> Any:
        raise MemoryError


class Recurses(Sound):
    name = "recurses"

    def misbehave(self) -> Any:
        return self.misbehave()


class ExitsBySystemExit(Sound):
    name = "exits-by-system-exit"

    def misbehave(self) -> Any:
        raise SystemExit(2)


class NanConfidence(Sound):
    name = "nan-confidence"

    def misbehave(self) -> Any:
        return 1, float("nan")


class InfiniteConfidence(Sound):
    name = "infinite-confidence"

    def misbehave(self) -> Any:
        return 1, float("inf")


class NanDirection(Sound):
    name = "nan-direction"

    def misbehave(self) -> Any:
        return float("nan"), 0.5


class DirectionSeven(Sound):
    name = "direction-seven"

    def misbehave(self) -> Any:
        return 7, 0.5


class TextDirection(Sound):
    name = "text-direction"

    def misbehave(self) -> Any:
        return "buy", 0.5


class TextConfidence(Sound):
    name = "text-confidence"

    def misbehave(self) -> Any:
        return 1, "sure"


class ReturnsNone(Sound):
    name = "returns-none"

    def misbehave(self) -> Any:
        return None


class ReturnsOne(Sound):
    name = "returns-one"

    def misbehave(self) -> Any:
        return 1


class ReturnsThree(Sound):
    name = "returns-three"

    def misbehave(self) -> Any:
        return 1, 0.5, 0


class Exits(Sound):
    """Ends the process with exit code 0, as after an orderly stop."""

    name = "exits"

    def misbehave(self) -> Any:
        os._exit(0)


class ExitsAsRefused(Sound):
    """Ends the process with exit code 2, as a service that refuses its settings."""

    name = "exits-as-refused"

    def misbehave(self) -> Any:
        os._exit(2)


class Aborts(Sound):
    name = "aborts"

    def misbehave(self) -> Any:
        os.abort()


class ClosesFiles(Sound):
    """Closes the descriptors of the process's sockets and files."""

    name = "closes-files"

    def misbehave(self) -> Any:
        os.closerange(3, 64)
        return self.correct_signal


class Blocks(Sound):
    name = "blocks"

    def misbehave(self) -> Any:
        return threading.Event().wait()


class Slow(Sound):
    name = "slow"

    def misbehave(self) -> Any:
        threading.Event().wait(0.2)
        return self.correct_signal


class SnapshotRaises(Sound):
    name = "snapshot-raises"

    def snapshot(self) -> Any:
        raise ValueError("no snapshot")


class SnapshotIsText(Sound):
    name = "snapshot-is-text"

    def snapshot(self) -> Any:
        return "state"


class SnapshotIsHuge(Sound):
    name = "snapshot-is-huge"

    def snapshot(self) -> Any:
        return bytes(50_000_000)


class CannotBeMade(Sound):
    name = "cannot-be-made"

    def __init__(self) -> None:
        raise KeyError("weights")


class RestoreRaises(Sound):
    name = "restore-raises"

    def restore(self, state: bytes) -> None:  # noqa: ARG002
        raise KeyError("old")


ON_A_TICK: Final = {
    Raises: "ValueError: first line second line (faulty_strategies.py:",
    RaisesUnprintable: "UnprintableError: (its text cannot be shown) (faulty_strategies.py:",
    RaisesLong: "RuntimeError: xxx",
    RunsOutOfMemory: "MemoryError (faulty_strategies.py:",
    Recurses: "RecursionError: maximum recursion depth exceeded",
    ExitsBySystemExit: "SystemExit: 2 (faulty_strategies.py:",
    NanConfidence: "returned (1, nan), expected a direction -1, 0 or 1 and a confidence from 0 to 1",
    InfiniteConfidence: "returned (1, inf), expected",
    NanDirection: "returned (nan, 0.5), expected",
    DirectionSeven: "returned (7, 0.5), expected",
    TextDirection: "returned ('buy', 0.5), expected",
    TextConfidence: "returned (1, 'sure'), expected",
    ReturnsNone: "returned None, expected",
    ReturnsOne: "returned 1, expected",
    ReturnsThree: "returned (1, 0.5, 0), expected",
}
"""Strategies that raise an error or return an invalid value, and the beginning of the reported text."""

AT_THE_START: Final = {
    SnapshotRaises: "snapshot: ValueError: no snapshot (faulty_strategies.py:",
    SnapshotIsText: "snapshot: 'state', expected at most 1048576 bytes",
    SnapshotIsHuge: "snapshot: 50000000 bytes, expected at most 1048576 bytes",
    CannotBeMade: "KeyError: 'weights' (faulty_strategies.py:",
}
"""Strategies that fail before the first tick, and the beginning of the reported text."""
