"""Delays follow their latency model: constant, log-normal or measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.time import MS_NS
from services.mt5.core.simulated.latency_model import (
    LATENCY_MS_MAX,
    NO_LATENCY,
    ConstantLatency,
    Latency,
    LognormalLatency,
    MeasuredLatency,
)
from services.mt5.core.simulated.random_draws import uniform

MEASURED = MeasuredLatency(upper_bounds_ms=(10.0, 20.0, 50.0), counts=(50, 0, 50))


def delays(model: Latency, count: int = 4_000) -> Sequence[int]:
    return [model.latency_ns(lambda: uniform(3, number, "delay")) for number in range(count)]  # noqa: B023 - at once


def no_draw() -> float:
    raise AssertionError("the model must not draw")


def test_a_constant_delay_needs_no_draw() -> None:
    assert ConstantLatency(ms=2.5).latency_ns(no_draw) == 2_500_000
    assert NO_LATENCY.latency_ns(no_draw) == 0


def test_half_of_lognormal_delays_are_below_the_median() -> None:
    model = LognormalLatency(median_ms=40.0, sigma=0.5)
    assert model.latency_ns(lambda: 0.5) == 40 * MS_NS
    assert abs(median(delays(model)) - 40 * MS_NS) < 2 * MS_NS


def test_the_quantile_of_a_lognormal_delay_depends_on_its_sigma() -> None:
    """One standard deviation above the median the delay is the median x e^sigma."""
    model = LognormalLatency(median_ms=100.0, sigma=0.5)
    assert model.latency_ns(lambda: 0.8413447460685429) == pytest.approx(164_872_127, abs=10)
    assert LognormalLatency(median_ms=100.0, sigma=0).latency_ns(lambda: 0.99) == 100 * MS_NS


def test_a_lognormal_delay_has_an_upper_limit() -> None:
    assert LognormalLatency(median_ms=30_000, sigma=3).latency_ns(lambda: 0.999) == LATENCY_MS_MAX * MS_NS


def test_measured_delays_have_the_frequencies_of_the_counts() -> None:
    found = delays(MEASURED)
    assert abs(sum(delay <= 10 * MS_NS for delay in found) / len(found) - 0.5) < 0.03
    assert not [delay for delay in found if 10 * MS_NS < delay < 20 * MS_NS], "the bucket has the count 0"
    assert max(found) <= 50 * MS_NS


@pytest.mark.parametrize(("u", "ms"), [(0.1, 2.0), (0.25, 5.0), (0.5, 20.0), (0.75, 35.0), (0.9, 44.0)])
def test_delays_within_a_bucket_are_uniform(u: float, ms: float) -> None:
    assert MEASURED.latency_ns(lambda: u) == pytest.approx(ms * MS_NS, abs=1)


@given(st.floats(0, 1, exclude_min=True, exclude_max=True), st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_larger_draw_never_gives_a_shorter_delay(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for model in (LognormalLatency(median_ms=40.0, sigma=0.5), MEASURED):
        assert 0 <= model.latency_ns(lambda: low) <= model.latency_ns(lambda: high)


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        (MeasuredLatency, {"upper_bounds_ms": (1.0, 2.0), "counts": (1,)}, "one for each of 2 bounds"),
        (MeasuredLatency, {"upper_bounds_ms": (2.0, 1.0), "counts": (1, 1)}, "expected rising bounds above 0"),
        (MeasuredLatency, {"upper_bounds_ms": (0.0, 1.0), "counts": (1, 1)}, "expected rising bounds above 0"),
        (MeasuredLatency, {"upper_bounds_ms": (1.0, 2.0), "counts": (0, 0)}, "expected at least one delay"),
    ],
)
def test_an_invalid_histogram_is_refused(model: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(**fields)


def test_the_field_model_selects_the_latency_model() -> None:
    read = msgspec.convert({"model": "lognormal", "median_ms": 40, "sigma": 0.5}, Latency)
    assert read == LognormalLatency(median_ms=40.0, sigma=0.5)
    with pytest.raises(msgspec.ValidationError, match="ms"):
        msgspec.convert({"model": "constant", "ms": -1}, Latency)
