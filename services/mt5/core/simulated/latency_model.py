"""Latency models: the delay of a request or a reply, as a fill profile's settings define it.

A model turns a uniform draw into whole nanoseconds by its quantile function, so that a larger draw gives a longer
delay. A constant delay needs no draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.time import MS_NS
from services.mt5.core.simulated.random_draws import standard_normal

LATENCY_MS_MAX: Final = 60_000.0
"""Longest delay, one minute; the faults of the venue simulate longer ones, which are outages."""

Milliseconds = Annotated[float, Meta(ge=0, le=LATENCY_MS_MAX)]


class ConstantLatency(Struct, frozen=True, kw_only=True, tag="constant", tag_field="model", forbid_unknown_fields=True):
    """A constant delay."""

    ms: Milliseconds

    def latency_ns(self, draw: Callable[[], float]) -> int:  # noqa: ARG002 - all models have one signature
        """The constant delay in nanoseconds; `draw` is not called."""
        return round(self.ms * MS_NS)


class LognormalLatency(
    Struct, frozen=True, kw_only=True, tag="lognormal", tag_field="model", forbid_unknown_fields=True
):
    """Log-normal delays: half of them are below `median_ms`; `sigma` is the standard deviation of their logarithm.

    The quantile is median x exp(sigma x z) for the standard normal quantile z. With sigma 0.5, one delay in a hundred
    is longer than 3.2 times the median. Delays are cut at `LATENCY_MS_MAX`.
    """

    median_ms: Milliseconds
    sigma: Annotated[float, Meta(ge=0, le=3)]

    def latency_ns(self, draw: Callable[[], float]) -> int:
        """A random delay in nanoseconds, from one call of `draw`."""
        return round(min(self.median_ms * math.exp(self.sigma * standard_normal(draw())), LATENCY_MS_MAX) * MS_NS)


class MeasuredLatency(Struct, frozen=True, kw_only=True, tag="measured", tag_field="model", forbid_unknown_fields=True):
    """Random delays with the distribution of a histogram of measured delays.

    Each number of `counts` counts the delays of one bucket: those above the previous upper bound (0 for the first
    bucket) and not above the bucket's own bound. Within a bucket all delays are equally likely. To use a cumulative
    histogram, such as one of Prometheus, subtract each count from the next, and give the last bucket a finite bound.
    """

    upper_bounds_ms: Annotated[tuple[Milliseconds, ...], Meta(min_length=1, max_length=1_000)]
    counts: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**53)], ...], Meta(min_length=1, max_length=1_000)]

    def __post_init__(self) -> None:
        """Check the buckets.

        Raises:
            ValueError: there is not one count for each bound, the bounds do not rise, or all counts are 0.
        """
        bounds = self.upper_bounds_ms
        if len(self.counts) != len(bounds):
            raise ValueError(f"counts has {len(self.counts)} numbers, expected one for each of {len(bounds)} bounds")
        if any(one >= other for one, other in zip((0.0, *bounds[:-1]), bounds, strict=True)):
            raise ValueError(f"upper_bounds_ms is {bounds}, expected rising bounds above 0")
        if not sum(self.counts):
            raise ValueError(f"counts is {self.counts}, expected at least one delay")

    def latency_ns(self, draw: Callable[[], float]) -> int:
        """A random delay in nanoseconds, from one call of `draw`."""
        rank = draw() * sum(self.counts)
        lower_ms = 0.0
        for upper_ms, count, reached in zip(self.upper_bounds_ms, self.counts, accumulate(self.counts), strict=True):
            if rank < reached:
                share = (rank - (reached - count)) / count
                return round((lower_ms + (upper_ms - lower_ms) * share) * MS_NS)
            lower_ms = upper_ms
        return round(lower_ms * MS_NS)


Latency = ConstantLatency | LognormalLatency | MeasuredLatency
"""A distribution of delays: `latency_ns` turns a uniform draw in (0, 1) into a delay from 0 to `LATENCY_MS_MAX`."""

NO_LATENCY: Final = ConstantLatency(ms=0)
