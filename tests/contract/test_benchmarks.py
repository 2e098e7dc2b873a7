"""What the benchmarks measure: a wrapper replaces methods that the gateway has, and ages count all of the time."""

from __future__ import annotations

from services.mt5.core.gateway.gateway import Gateway
from tests.benchmarks import backtests
from tests.benchmarks.chain import TimedGateway
from tests.benchmarks.page import GRID_MS, Drawings


def test_a_timed_gateway_replaces_methods_of_a_gateway() -> None:
    replaced = {name for name in vars(TimedGateway) if not name.startswith("_")}
    assert replaced == {"on_timer", "handle"}
    assert replaced <= set(vars(Gateway))


def test_the_age_of_the_screen_rises_until_the_next_drawing() -> None:
    drawings = Drawings()
    # Times of the drawing by both clocks, then arrival and venue time of each quote: the older quote counts.
    drawings.add([[1_000.0, 1_001.0, [990.0, 80.0], [980.0, 70.0]], [1_100.0, 1_101.0, [1_095.0, 175.0]]])
    drawings.add([[1_200.0, 1_201.0, [1_190.0, 260.0]]])
    ages_ms = drawings.ages_ms().tolist()
    first, second = (int(100 / GRID_MS) * number for number in (1, 2))
    assert ages_ms[:first] == [20.0 + GRID_MS * step for step in range(first)]
    assert ages_ms[first:second] == [5.0 + GRID_MS * step for step in range(first)]
    assert len(ages_ms) == second


def test_the_shortest_delay_from_the_venue_counts_as_0() -> None:
    drawings = Drawings()
    drawings.add(
        [[1_000.0, 1_000.0, [990.0, 80.0]], [1_100.0, 1_100.0, [1_095.0, 165.0]], [1_110.0, 1_110.0, [1_105.0, 195.0]]]
    )
    # Venue time 80 arrived at 990 after the shortest delay, 910; venue time 165 arrived 20 later than it could.
    assert drawings.delays_ms()[0] == 10.0
    assert drawings.delays_ms()[-1] == 25.0


def test_a_backtest_is_compared_with_the_plain_loop_and_the_other_engine() -> None:
    measured = {name: backtests.Measured(cpu_s, 1_000, 7) for cpu_s, name in enumerate(backtests.RUNS, 1)}
    found = backtests.Figures(measured, 0.5, backtests.Measured(1.0, 400, 3), 2.0, order_us=300.0, stored_us=20.0)
    rows = {label: (ours, beside, ratio) for label, ours, beside, ratio in backtests.rows_of(found)}
    assert [ratio for *_, ratio in backtests.rows_of(found)] == ["0.50×", "2.00×", "0.33×", "0.25×", "2.00×", "15.00×"]
    assert rows["an order of the backtest"] == ("300 µs", "its events hashed and stored 20 µs", "15.00×")
