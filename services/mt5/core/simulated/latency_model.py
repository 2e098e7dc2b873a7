"""Latency models: the delay of a request or a reply, chosen by a fill profile's settings.

A model turns a uniform draw into whole nanoseconds by its quantile function, so that a larger draw gives a longer delay
in each of them. A constant delay draws nothing.
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
"""A minute: longer delays are outages, which the faults of the venue simulate."""

Milliseconds = Annotated[float, Meta(ge=0, le=LATENCY_MS_MAX)]


class ConstantLatency(Struct, frozen=True, kw_only=True, tag="constant", tag_field="model", forbid_unknown_fields=True):
    """A constant delay."""

    ms: Milliseconds

    def latency_ns(self, draw: Callable[[], float]) -> int:  # noqa: ARG002 - a constant draws nothing
        """`ms`, without a draw."""
        return round(self.ms * MS_NS)


class LognormalLatency(
    Struct, frozen=True, kw_only=True, tag="lognormal", tag_field="model", forbid_unknown_fields=True
):
    """Log-normal delays: half of them are below `median_ms`; `sigma` is the logarithm's standard deviation.

    Quantile: median x exp(sigma x z), z the standard normal quantile. With sigma 0.5 one in a hundred is 3.2 times the
    median. One beyond `LATENCY_MS_MAX` counts as that.
    """

    median_ms: Milliseconds
    sigma: Annotated[float, Meta(ge=0, le=3)]

    def latency_ns(self, draw: Callable[[], float]) -> int:
        """One draw."""
        return round(min(self.median_ms * math.exp(self.sigma * standard_normal(draw())), LATENCY_MS_MAX) * MS_NS)


class MeasuredLatency(Struct, frozen=True, kw_only=True, tag="measured", tag_field="model", forbid_unknown_fields=True):
    """Delays by a histogram: `counts` of delays, each up to its upper bound and above the one before (0 for the first).

    Within a bucket all delays are equally likely. A cumulative histogram, such as Prometheus keeps, is turned into
    counts by subtracting neighbours; its last bucket, which has no bound there, needs one here.
    """

    upper_bounds_ms: Annotated[tuple[Milliseconds, ...], Meta(min_length=1, max_length=1_000)]
    counts: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**53)], ...], Meta(min_length=1, max_length=1_000)]

    def __post_init__(self) -> None:
        """Check that there is one count for each bound, that bounds rise, and that some delay was counted."""
        bounds = self.upper_bounds_ms
        if len(self.counts) != len(bounds):
            raise ValueError(f"counts has {len(self.counts)} numbers, expected one for each of {len(bounds)} bounds")
        if any(one >= other for one, other in zip((0.0, *bounds[:-1]), bounds, strict=True)):
            raise ValueError(f"upper_bounds_ms is {bounds}, expected bounds above 0 that rise")
        if not sum(self.counts):
            raise ValueError(f"counts is {self.counts}, expected at least one delay")

    def latency_ns(self, draw: Callable[[], float]) -> int:
        """One draw."""
        rank = draw() * sum(self.counts)
        lower_ms = 0.0
        for upper_ms, count, reached in zip(self.upper_bounds_ms, self.counts, accumulate(self.counts), strict=True):
            if rank < reached:
                share = (rank - (reached - count)) / count
                return round((lower_ms + (upper_ms - lower_ms) * share) * MS_NS)
            lower_ms = upper_ms
        return round(lower_ms * MS_NS)


Latency = ConstantLatency | LognormalLatency | MeasuredLatency
"""A distribution of delays: `latency_ns` turns a uniform draw in (0, 1) into one from 0 to `LATENCY_MS_MAX`."""

"""A distribution of delays. `latency_ns` gives one of 0 or more, at most `LATENCY_MS_MAX`, for the uniform number in (0, 1)
that `draw` returns."""

NO_LATENCY: Final = ConstantLatency(ms=0)
