"""Latency quantiles in constant memory: counts in the buckets of `proto.latency_buckets`."""

from __future__ import annotations

import math
from typing import Final

from proto.control import LatencyQuantiles
from proto.latency_buckets import LATENCY_BUCKETS, BucketCounts, bound_ns, bucket_of, quantile_us

_SHOWN_STEP: Final = 14
_SHOWN_FIRST: Final = 190
"""`cumulative` shows every 14th bucket bound from 11 us on: 23 bounds, each about twice the previous one."""


class LatencyHistogram:
    """Counts of one kind of latency."""

    __slots__ = ("_counts", "count", "sum_ns")

    def __init__(self) -> None:
        """Start without an observation."""
        self.count = 0
        self.sum_ns = 0
        self._counts = [0] * LATENCY_BUCKETS

    def observe(self, latency_ns: int) -> None:
        """Count an observation; a negative one, which clocks of two hosts can cause, counts as 0."""
        self._counts[bucket_of(latency_ns)] += 1
        self.count += 1
        if latency_ns > 0:
            self.sum_ns += latency_ns

    def quantile_us(self, q: float) -> float:
        """Quantile `q` (0 to 1) in microseconds; 0 without an observation."""
        return quantile_us(self.bucket_counts(), q)

    def bucket_counts(self) -> BucketCounts:
        """Return the number of observations in each bucket that is not empty."""
        return [(bucket, count) for bucket, count in enumerate(self._counts) if count]

    def cumulative(self) -> list[tuple[float, int]]:
        """Return upper bounds in seconds, each with the number of observations up to it.

        Each bound is that of a bucket, rounded to four significant digits, and about twice the previous bound. The last
        bound is infinite.
        """
        counts = list(self._counts)
        edges = range(_SHOWN_FIRST, LATENCY_BUCKETS, _SHOWN_STEP)
        shown = [(float(f"{bound_ns(edge) / 1e9:.4g}"), sum(counts[:edge])) for edge in edges]
        return [*shown, (math.inf, sum(counts))]

    def quantiles(self) -> LatencyQuantiles:
        """Return the number of observations and the quantiles p50, p99 and p99.9."""
        counts = self.bucket_counts()
        p50, p99, p999 = (quantile_us(counts, q) for q in (0.5, 0.99, 0.999))
        return LatencyQuantiles(count=self.count, p50=p50, p99=p99, p999=p999)
