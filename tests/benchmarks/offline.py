"""Benchmarks in one process: the signal path and imports."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from proto.codec import decode_tick_message, encode
from proto.messages import Tick
from proto.time import Now
from services.signal.core.signal_engine import SignalEngine
from services.signal.strategy_loader import strategy_factory
from tests.benchmarks.workload import SYMBOL, a_run

WARM_UP_TICKS = 500
"""Ticks that are played before the measurement, so that compiled kernels are loaded."""


def signal_ticks_per_s(ticks_file: Path, strategy: str, model: Path | None = None) -> tuple[float, float]:
    """Ticks per second of decoding, strategy and encoding, and of a loop that only decodes and encodes."""
    stream = a_run(ticks_file, strategy=strategy).load()
    frames = [
        encode(Tick("mt5", "boot", "s", t.symbol, t.sequence, t.ordinal, t.time_ns, t.bid, t.ask, t.volume, 1))
        for t in map(stream.tick_at, range(1, stream.last_ordinal + 1))
    ]
    for part in (frames[:WARM_UP_TICKS], frames):
        ours = _through(part, strategy, model)
    started = time.perf_counter()
    for frame in frames:
        encode(decode_tick_message(frame))
    return ours, len(frames) / (time.perf_counter() - started)


def _through(frames: list[bytes], strategy: str, model: Path | None) -> float:
    make_strategy = strategy_factory(strategy, model=model)
    desk = SignalEngine(publisher="bench", boot_id="b", make_strategies={SYMBOL: make_strategy})
    desk.stream_id = "s"
    now = Now(0, 1)
    started = time.perf_counter()
    for frame in frames:
        for output in desk.handle(decode_tick_message(frame), now):
            encode(output)
    return len(frames) / (time.perf_counter() - started)


def import_seconds(module: str) -> float:
    """Seconds in which a new interpreter starts, imports a module and ends."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - started
