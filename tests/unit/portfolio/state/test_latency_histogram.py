"""Latency quantiles in constant memory, compared with numpy's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proto.latency_buckets import quantile_us
from services.portfolio.core.state.latency_histogram import LatencyHistogram


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale_us", [20, 500, 100_000])
def test_quantiles_are_within_five_per_cent(seed: int, scale_us: int) -> None:
    draws = np.random.default_rng(seed).lognormal(mean=0.0, sigma=1.0, size=5_000) * scale_us * 1_000
    latency = LatencyHistogram()
    for draw in draws.astype(np.int64).tolist():
        latency.observe(draw)
    for q in (0.5, 0.99, 0.999):
        expected = float(np.quantile(draws, q, method="lower")) / 1_000
        assert latency.quantile_us(q) == pytest.approx(expected, rel=0.05)


def test_quantiles_without_observations_are_zero() -> None:
    assert LatencyHistogram().quantiles().count == 0
    assert LatencyHistogram().quantile_us(0.999) == 0.0


def test_very_long_and_negative_latencies_and_zero_are_counted() -> None:
    latency = LatencyHistogram()
    for observed in (-5, 0, 1, 2, 10**18):
        latency.observe(observed)
    quantiles = latency.quantiles()
    assert quantiles.count == 5
    assert quantiles.p50 == 0.0
    assert latency.quantile_us(1.0) > 60_000_000


def test_a_single_observation_is_every_quantile() -> None:
    latency = LatencyHistogram()
    latency.observe(1_000_000)
    assert latency.quantile_us(0.0) == latency.quantile_us(1.0) == pytest.approx(1_000, rel=0.03)


def test_a_histogram_counts_every_observation_once_and_sums_them() -> None:
    latency = LatencyHistogram()
    for ns in (-5, 1_000, 50_000, 50_000, 3_000_000, 10**12):
        latency.observe(ns)
    bounds, counts = zip(*latency.cumulative(), strict=True)
    assert list(bounds) == sorted(bounds)
    assert list(counts) == sorted(counts)
    assert (bounds[-1], counts[-1]) == (math.inf, 6)
    assert latency.sum_ns == 1_000 + 50_000 + 50_000 + 3_000_000 + 10**12


@pytest.mark.parametrize("ns", [30_000, 1_000_000, 750_000_000])
def test_the_cumulative_count_includes_an_observation_at_every_higher_bound(ns: int) -> None:
    latency = LatencyHistogram()
    latency.observe(ns)
    for bound, count in latency.cumulative():
        # A bound within 5 % of the observation may be an edge of the observation's own bucket.
        if not 0.95 < bound / (ns / 1e9) < 1.05:
            assert count == (bound > ns / 1e9)


def test_quantiles_follow_from_the_bucket_counts() -> None:
    latency = LatencyHistogram()
    for ns in (-5, 1_000, 50_000, 50_000, 3_000_000, 10**12):
        latency.observe(ns)
    counts = latency.bucket_counts()
    assert counts == sorted(counts)
    assert sum(count for _, count in counts) == latency.count
    assert all(count for _, count in counts)
    assert latency.quantiles().p99 == quantile_us(counts, 0.99)
