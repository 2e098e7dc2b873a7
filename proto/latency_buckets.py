"""Buckets of latencies, and quantiles of the counts in them, with the same result in portfolio and in its clients.

Each bucket's upper bound is 1.05 times the previous one (the buckets of DDSketch by Masson, Rim and Lee, 2019). A
quantile is the geometric middle of its bucket and deviates by at most 2.5 % from the true value, except for latencies
beyond the last bucket.
"""

from __future__ import annotations

import math
from typing import Final

LATENCY_BUCKETS: Final = 512
"""Number of buckets. 1.05 ** 512 ns is about 70 s; the last bucket also counts longer latencies."""

_LOG_GROWTH: Final = math.log(1.05)

BucketCounts = list[tuple[int, int]]
"""Numbers of observations as pairs of bucket and count, in ascending order of buckets, without empty buckets."""


def bucket_of(latency_ns: int) -> int:
    """The bucket of a latency in nanoseconds; a negative one, which clocks of two hosts can cause, counts as 0."""
    return min(int(math.log(latency_ns) / _LOG_GROWTH), LATENCY_BUCKETS - 1) if latency_ns > 1 else 0


def bound_ns(bucket: float) -> float:
    """The lower bound of a bucket in nanoseconds; between two bounds for a bucket that is not whole."""
    return math.exp(_LOG_GROWTH * bucket)


def quantile_us(counts: BucketCounts, q: float) -> float:
    """Quantile `q` (0 to 1) in microseconds; 0 without an observation."""
    rank = q * (sum(count for _, count in counts) - 1)
    seen = 0
    for bucket, count in counts:
        seen += count
        if seen > rank:
            return round(bound_ns(bucket + 0.5) / 1_000, 1)
    return 0.0


def counts_between(before: BucketCounts, after: BucketCounts) -> BucketCounts:
    """The observations that `after` has in addition to `before`, two counts since the same start.

    Raises:
        ValueError: `after` has fewer observations in a bucket, so it does not continue `before`.
    """
    known = dict(before)
    found = [(bucket, count - known.pop(bucket, 0)) for bucket, count in after]
    if known or any(count < 0 for _, count in found):
        raise ValueError("the later counts have fewer observations in a bucket, expected counts since the same start")
    return [(bucket, count) for bucket, count in found if count]
