"""Metrics of a process and the HTTP port that serves them to Prometheus.

`services/X/metrics.py` declares the metrics of a process in one `ProcessMetrics`; docs/metrics.md describes them. Cores
keep most of the counts as plain integers. The thread of the event loop reads these counts once a second. Therefore a
scrape never reads a core in the middle of a change, and a tick costs no extra time. Events that only a shell can count
are counted by a `CounterMetric`, and durations are measured by a `DurationHistogram`.
"""

from __future__ import annotations

import errno
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from common.build_info import build_info
from common.errors import InUseError, StartError
from proto.time import SECOND_NS

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric


TIMING_BOUNDS_NS: Final = tuple(
    factor * scale for scale in (10**4, 10**5, 10**6, 10**7, 10**8, 10**9) for factor in (1, 2, 5)
)
"""Upper bounds of the histograms' buckets: 10 us to 5 s in the steps 1, 2, 5.

A commit takes tens of microseconds, a reply of a distant gateway tens of milliseconds.
"""


class MetricKind(StrEnum):
    """Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class MetricSpec(NamedTuple):
    """A metric's name, kind, meaning and labels."""

    name: str
    kind: MetricKind
    meaning: str
    labels: tuple[str, ...]


class Distribution(Protocol):
    """Durations that can be shown as a histogram."""

    @property
    def sum_ns(self) -> int:
        """Sum of all durations."""

    def cumulative(self) -> list[tuple[float, int]]:
        """Upper bounds in seconds, rising, each with the count of durations up to it; the last bound is infinite."""


Reading = tuple[MetricSpec, "float | Distribution", *tuple[str, ...]]
"""A metric, its current value, and its label values."""


class DurationHistogram:
    """Histogram of durations measured in a shell."""

    __slots__ = ("_counts", "sum_ns")

    def __init__(self) -> None:
        """Start without observations."""
        self.sum_ns = 0
        self._counts = [0] * (len(TIMING_BOUNDS_NS) + 1)

    def observe(self, duration_ns: int) -> None:
        """Count one duration; a negative one, from the clocks of two hosts, counts as zero."""
        self._counts[bisect_left(TIMING_BOUNDS_NS, duration_ns)] += 1
        if duration_ns > 0:
            self.sum_ns += duration_ns

    def cumulative(self) -> list[tuple[float, int]]:
        """See `Distribution`."""
        bounds = [*(bound / SECOND_NS for bound in TIMING_BOUNDS_NS), inf]
        counts = list(self._counts)
        return [(bound, sum(counts[: index + 1])) for index, bound in enumerate(bounds)]


class CounterMetric:
    """A counter that a shell increments: one count for each value of its label, or a single count without a label."""

    __slots__ = ("_values", "described")

    def __init__(self, described: MetricSpec, known: Iterable[str]) -> None:
        """Start at zero for every label value in `known`, so that every series exists from the start."""
        self.described = described
        self._values: dict[tuple[str, ...], int] = {(value,): 0 for value in known}
        if not described.labels:
            self._values[()] = 0

    def inc(self, *labels: str, by: int = 1) -> None:
        """Add `by` to the count of these label values."""
        assert len(labels) == len(self.described.labels), (self.described.name, labels)
        self._values[labels] = self._values.get(labels, 0) + by

    def value(self, *labels: str) -> int:
        """The current count of these label values."""
        return self._values.get(labels, 0)

    def readings(self) -> Iterator[Reading]:
        """All series with their counts."""
        for labels, value in self._values.items():
            yield self.described, value, *labels


class ProcessMetrics:
    """All metrics of one process, which are declared once and then updated regularly."""

    def __init__(self, service: str) -> None:
        """Name every metric `trading_<service>_…`."""
        self._prefix = f"trading_{service}_"
        self._described: dict[str, MetricSpec] = {}
        self._own: list[CounterMetric] = []
        self._served: list[tuple[Any, ...]] = []
        self._build = ("", "", "", "")
        self._is_served = False
        self._build_info = self.gauge(
            "build_info",
            "1; labels: version, revision, Python and platform",
            "version",
            "revision",
            "python",
            "platform",
        )

    @property
    def described(self) -> Sequence[MetricSpec]:
        """Every metric of the process."""
        return list(self._described.values())

    def external_counter(self, name: str, meaning: str, *labels: str) -> MetricSpec:
        """Declare a total that the caller counts and passes to `update`; `name` has the form <noun>_<unit>_total."""
        assert name.endswith("_total"), name
        return self._add(name, MetricKind.COUNTER, meaning, labels)

    def gauge(self, name: str, meaning: str, *labels: str) -> MetricSpec:
        """Declare a value that may rise and fall."""
        assert not name.endswith("_total"), name
        return self._add(name, MetricKind.GAUGE, meaning, labels)

    def histogram(self, name: str, meaning: str, *labels: str) -> MetricSpec:
        """Declare a histogram of durations; `name` has the form <noun>_seconds."""
        assert name.endswith("_seconds"), name
        return self._add(name, MetricKind.HISTOGRAM, meaning, labels)

    def internal_counter(
        self, name: str, meaning: str, label: str | None = None, *, known: Iterable[str] = ()
    ) -> CounterMetric:
        """Declare a total and return its counter, which has one count for each value of `label`.

        The counts of the label values in `known` start at zero.
        """
        count = CounterMetric(self.external_counter(name, meaning, *([label] if label else [])), known)
        self._own.append(count)
        return count

    def update(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """Replace the served values, if metrics are served. The event loop's thread calls this about once a second."""
        if not self._is_served:
            return
        current = [reading for own in self._own for reading in own.readings()]
        current.extend(readings())
        current.append((self._build_info, 1, *self._build))
        self._served = [_frozen(reading) for reading in current]

    def serve(self, port: int, host: str = "127.0.0.1") -> None:
        """Serve the metrics on http://host:port/metrics, unless the port is 0.

        A second call does nothing.

        Raises:
            InUseError: the port is in use.
            StartError: the address cannot be bound.
        """
        if port == 0 or self._is_served:
            return
        import prometheus_client  # imported here, because the import takes a quarter of a second

        try:
            prometheus_client.start_http_server(port, addr=host, registry=self.registry())
        except OSError as error:
            kind = InUseError if error.errno == errno.EADDRINUSE else StartError
            raise kind(
                f"cannot serve metrics on {host}:{port}: {error.strerror}; expected a free port (METRICS_PORT_...) of "
                "an address of this host (METRICS_HOST)"
            ) from None
        self._build = build_info()
        self._is_served = True

    def registry(self) -> CollectorRegistry:
        """The registry that a scrape reads: these metrics, and memory, CPU time and open files of the process."""
        from prometheus_client import CollectorRegistry, ProcessCollector  # see serve

        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(self)
        return registry

    def describe(self) -> Iterator[Metric]:
        """Every metric without a value, for prometheus_client."""
        for described in self._described.values():
            yield _family(described)

    def collect(self) -> Iterator[Metric]:
        """The last readings, for prometheus_client; called by the thread of a scrape."""
        families: dict[str, Any] = {}
        for described, value, *labels in self._served:
            family = families.get(described.name)
            if family is None:
                family = families[described.name] = _family(described)
            if isinstance(value, _FrozenDistribution):
                family.add_metric(labels, buckets=value.buckets, sum_value=value.sum_seconds)
            else:
                family.add_metric(labels, value)
        yield from families.values()

    def _add(self, name: str, kind: MetricKind, meaning: str, labels: tuple[str, ...]) -> MetricSpec:
        described = MetricSpec(self._prefix + name, kind, meaning, labels)
        assert described.name not in self._described, described.name
        self._described[described.name] = described
        return described


class _FrozenDistribution(NamedTuple):
    """A copy of a histogram at the last update."""

    buckets: list[tuple[str, float]]
    sum_seconds: float


def _frozen(reading: Reading) -> tuple[Any, ...]:
    described, value, *labels = reading
    if isinstance(value, int | float):
        return reading
    buckets = [("+Inf" if bound == inf else repr(bound), float(count)) for bound, count in value.cumulative()]
    return described, _FrozenDistribution(buckets, value.sum_ns / SECOND_NS), *labels


def _family(described: MetricSpec) -> Any:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # see serve

    families = {
        MetricKind.COUNTER: CounterMetricFamily,
        MetricKind.GAUGE: GaugeMetricFamily,
        MetricKind.HISTOGRAM: HistogramMetricFamily,
    }
    return families[described.kind](described.name, described.meaning, labels=described.labels)
