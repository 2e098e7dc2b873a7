"""Latency quantiles in constant memory.

Observations are counted in buckets; each upper bound is 1.05 times the previous one (the buckets of DDSketch by Masson,
Rim and Lee, 2019). A quantile is the geometric middle of its bucket and deviates by at most 2.5 % from the true value,
except for latencies beyond the last bucket.
"""

from __future__ import annotations

import math
from typing import Final

from proto.control import LatencyQuantiles

_GROWTH: Final = 1.05
_LOG_GROWTH: Final = math.log(_GROWTH)
_BUCKETS: Final = 512
"""Number of buckets. 1.05 ** 512 ns is about 70 s; the last bucket also counts longer latencies."""

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
        self._counts = [0] * _BUCKETS

    def observe(self, latency_ns: int) -> None:
        """Count an observation; a negative one, which clocks of two hosts can cause, counts as 0."""
        bucket = int(math.log(latency_ns) / _LOG_GROWTH) if latency_ns > 1 else 0
        self._counts[min(bucket, _BUCKETS - 1)] += 1
        self.count += 1
        if latency_ns > 0:
            self.sum_ns += latency_ns

    def quantile_us(self, q: float) -> float:
        """Quantile `q` (0 to 1) in microseconds; 0 without an observation."""
        if not self.count:
            return 0.0
        rank = q * (self.count - 1)
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen > rank:
                return round(math.exp(_LOG_GROWTH * (bucket + 0.5)) / 1_000, 1)
        raise AssertionError("the counts add up to `count`")

    def cumulative(self) -> list[tuple[float, int]]:
        """Return upper bounds in seconds, each with the number of observations up to it.

        Each bound is that of a bucket, rounded to four significant digits, and about twice the previous bound. The last
        bound is infinite.
        """
        counts = list(self._counts)
        edges = range(_SHOWN_FIRST, _BUCKETS, _SHOWN_STEP)
        shown = [(float(f"{math.exp(_LOG_GROWTH * edge) / 1e9:.4g}"), sum(counts[:edge])) for edge in edges]
        return [*shown, (math.inf, sum(counts))]

    def quantiles(self) -> LatencyQuantiles:
        """Return the number of observations and the quantiles p50, p99 and p99.9."""
        return LatencyQuantiles(
            count=self.count, p50=self.quantile_us(0.5), p99=self.quantile_us(0.99), p999=self.quantile_us(0.999)
        )
