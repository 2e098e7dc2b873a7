"""The estimate of a symbol's volatility: values computed by hand, gaps, and a restart."""

from __future__ import annotations

import math

import msgspec
import pytest

from proto.time import MINUTE_NS
from services.portfolio.core.accounting.equity_curve import EquityCurve
from services.portfolio.core.sizing.volatility import GAP_MINUTES_MAX, Volatility, update_volatility, volatility_per_day
from services.portfolio.core.state.persisted import PersistedRow, PersistedState, row_of, state_of
from tests.support.builders import START_NS


def seen(closes: list[tuple[int, float]], *, half_life_min: int = 1) -> Volatility:
    """Return the estimate after these minutes with their last mid prices."""
    memory: dict[str, Volatility] = {}
    for minute, mid in closes:
        update_volatility(memory, "EURUSD", mid, START_NS + minute * MINUTE_NS, half_life_min=half_life_min)
    return memory["EURUSD"]


def per_day(closes: list[tuple[int, float]], *, half_life_min: int = 1) -> float | None:
    return volatility_per_day(seen(closes, half_life_min=half_life_min), half_life_min=half_life_min)


def test_the_estimate_of_two_returns_equals_the_value_computed_by_hand() -> None:
    """With a half-life of 1 minute the weights are 1/4 for r1^2 and 1/2 for r2^2. A day has 1,440 minutes."""
    first, second = math.log(1.01), math.log(1.02 / 1.01)
    variance = (0.25 * first**2 + 0.5 * second**2) / 0.75
    found = per_day([(0, 1.0), (1, 1.01), (2, 1.02), (3, 5.0)])
    assert found == pytest.approx(math.sqrt(variance * 1_440), rel=1e-12)


def test_a_finished_minute_counts_with_its_last_quote() -> None:
    memory: dict[str, Volatility] = {}
    for second, mid in ((0, 1.0), (59, 1.1), (60, 7.0), (119, 1.2)):
        update_volatility(memory, "EURUSD", mid, START_NS + second * 1_000_000_000, half_life_min=1)
    assert volatility_per_day(memory["EURUSD"], half_life_min=1) is None
    update_volatility(memory, "EURUSD", 9.0, START_NS + 120 * 1_000_000_000, half_life_min=1)
    found = volatility_per_day(memory["EURUSD"], half_life_min=1)
    assert found == pytest.approx(math.log(1.2 / 1.1) * math.sqrt(1_440), rel=1e-12)


def test_a_return_over_minutes_without_ticks_is_spread_evenly() -> None:
    """The squared return per minute is the same whether every minute or only every third minute has a tick."""
    step = 0.001
    every = [(minute, math.exp(step * (-1) ** minute)) for minute in range(40)]
    moves = math.sqrt(3) * 2 * step
    third = [(3 * number, math.exp(moves * (number % 2))) for number in range(14)]
    assert per_day(every, half_life_min=5) == pytest.approx(per_day(third, half_life_min=5), rel=1e-9)


def test_the_return_over_a_closed_market_is_left_out() -> None:
    open_market = [(0, 1.0), (1, 1.01), (2, 1.0), (3, 1.0)]
    weekend = [(0, 1.0), (1, 1.01), (2, 1.0), (2 + GAP_MINUTES_MAX + 1, 2.0), (4 + GAP_MINUTES_MAX, 2.0)]
    assert seen(weekend).minutes == seen(open_market).minutes == 2
    assert per_day(weekend) == per_day(open_market)
    assert seen([*weekend[:3], (2 + GAP_MINUTES_MAX, 2.0), (3 + GAP_MINUTES_MAX, 2.0)]).minutes == 2 + GAP_MINUTES_MAX


def test_there_is_no_estimate_before_a_half_life_of_returns() -> None:
    walk = [(minute, 1.0 + 0.001 * (minute % 2)) for minute in range(12)]
    assert per_day(walk[:11], half_life_min=10) is None
    assert per_day(walk, half_life_min=10) is not None
    assert volatility_per_day(None, half_life_min=10) is None


def test_a_market_without_price_changes_has_a_volatility_of_0() -> None:
    assert per_day([(minute, 1.1) for minute in range(5)]) == 0.0


def test_a_quote_of_a_past_minute_changes_nothing() -> None:
    closes = [(0, 1.0), (1, 1.01), (2, 1.02)]
    assert seen([*closes, (1, 9.0)]) == seen(closes)


def test_a_restart_does_not_change_the_estimate() -> None:
    walk = [(minute * 2 % 90 + minute, 1.0 + 0.0001 * (minute * 7919 % 31)) for minute in range(60)]
    straight, kept = PersistedState(), PersistedState()
    for minute, mid in walk:
        update_volatility(straight.volatility, "EURUSD", mid, START_NS + minute * MINUTE_NS, half_life_min=30)
        kept = state_of(msgspec.json.decode(msgspec.json.encode(row_of(kept)), type=PersistedRow), EquityCurve())
        update_volatility(kept.volatility, "EURUSD", mid, START_NS + minute * MINUTE_NS, half_life_min=30)
    assert straight.volatility["EURUSD"].minutes > 30
    assert kept == straight


def test_a_stored_row_without_the_estimate_can_be_read() -> None:
    before = {"stream_id": "s", "ordinal": 3}
    assert state_of(msgspec.convert(before, PersistedRow), EquityCurve()).volatility == {}
