"""Tests of the strategy: `python -m unittest test_strategy`, with the interpreter of the program."""

from __future__ import annotations

import unittest

from services.signal import StrategyEngine


def an_engine() -> StrategyEngine:
    """The strategy with a short range, before its first tick."""
    return StrategyEngine("EURUSD", "strategy:Breakout", parameters={"range_ticks": 3})


def directions(mids: list[float], *, restored_at: int = 0) -> list[int]:
    """The signal after each mid price; at tick `restored_at`, a new engine continues from a snapshot."""
    engine, found = an_engine(), []
    for number, mid in enumerate(mids, start=1):
        if number == restored_at:
            state, engine = engine.snapshot(), an_engine()
            engine.restore(state)
        direction, _ = engine.process_tick({"bid": mid - 0.0001, "ask": mid + 0.0001, "time_ns": number})
        found.append(direction)
    return found


class TestBreakout(unittest.TestCase):
    """The signals of the strategy."""

    def test_a_break_upwards_buys_and_a_break_downwards_sells(self) -> None:
        self.assertEqual(directions([1.1, 1.2, 1.1, 1.3, 1.2, 1.0]), [0, 0, 0, 1, 0, -1])

    def test_there_is_no_signal_within_the_range(self) -> None:
        self.assertEqual(directions([1.1, 1.2, 1.1, 1.15, 1.12, 1.11]), [0] * 6)

    def test_a_strategy_that_is_restored_at_any_tick_gives_the_same_signals(self) -> None:
        mids = [1.1, 1.2, 1.1, 1.3, 1.2, 1.0, 1.4]
        for tick in range(1, len(mids) + 1):
            self.assertEqual(directions(mids, restored_at=tick), directions(mids))


if __name__ == "__main__":
    unittest.main()
