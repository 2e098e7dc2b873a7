"""Buckets of latencies: their bounds, quantiles of counts, and the counts of an interval."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from proto.latency_buckets import LATENCY_BUCKETS, BucketCounts, bound_ns, bucket_of, counts_between, quantile_us


def counts_of(latencies_ns: list[int]) -> BucketCounts:
    return sorted(Counter(map(bucket_of, latencies_ns)).items())


@pytest.mark.parametrize("latency_ns", [2, 999, 10_000, 1_234_567, 10**9])
def test_a_bucket_contains_its_latencies(latency_ns: int) -> None:
    bucket = bucket_of(latency_ns)
    assert bound_ns(bucket) <= latency_ns < bound_ns(bucket + 1)


@pytest.mark.parametrize(("latency_ns", "bucket"), [(-5, 0), (0, 0), (1, 0), (10**18, LATENCY_BUCKETS - 1)])
def test_latencies_beyond_the_buckets_count_in_the_first_and_the_last(latency_ns: int, bucket: int) -> None:
    assert bucket_of(latency_ns) == bucket


def test_no_observation_has_the_quantile_zero() -> None:
    assert quantile_us([], 0.5) == 0.0


@pytest.mark.parametrize("q", [0.0, 0.5, 0.99, 1.0])
def test_the_quantiles_of_an_interval_are_those_of_its_latencies(q: int) -> None:
    draws = np.random.default_rng(1).lognormal(sigma=1.0, size=3_000) * 200_000
    earlier, later = draws[:1_000].astype(int).tolist(), (draws[1_000:] * 7).astype(int).tolist()
    between = counts_between(counts_of(earlier), counts_of(earlier + later))
    assert between == counts_of(later)
    expected = float(np.quantile(draws[1_000:] * 7, q, method="lower")) / 1_000
    assert quantile_us(between, q) == pytest.approx(expected, rel=0.03)


def test_an_interval_without_observations_has_no_counts() -> None:
    assert counts_between([(3, 2)], [(3, 2)]) == []


@pytest.mark.parametrize("after", [[], [(3, 1)], [(4, 9)]])
def test_counts_of_another_start_are_refused(after: BucketCounts) -> None:
    with pytest.raises(ValueError, match="fewer observations in a bucket, expected counts since the same start"):
        counts_between([(3, 2)], after)
