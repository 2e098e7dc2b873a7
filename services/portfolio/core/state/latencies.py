"""Latencies from tick to signal, order and fill, measured by the host's monotonic clock."""

from __future__ import annotations

from proto.messages import Signal
from services.portfolio.core.state.latency_histogram import LatencyHistogram


class Latencies:
    """A histogram of each latency, and the start times of measurements that are not complete."""

    def __init__(self) -> None:
        """Start without an observation."""
        self._ticks_ordered_ns: list[int] = []
        self._signals_ordered_ns: list[int] = []
        self._ticks_filled_ns: list[int] = []
        self._ticks_of_orders_ns: dict[str, int] = {}
        """Monotonic time at which each order's tick was published, until the order's first deal or its end."""
        self.since_mono_ns = 0
        """Monotonic time at which this process began to count."""
        self.tick_to_signal = LatencyHistogram()
        self.signal_to_order = LatencyHistogram()
        self.tick_to_order = LatencyHistogram()
        self.order_to_fill = LatencyHistogram()
        self.tick_to_fill = LatencyHistogram()

    def start(self, mono_ns: int) -> None:
        """Record the monotonic time at which the process begins to count."""
        self.since_mono_ns = mono_ns

    def histograms(self) -> dict[str, LatencyHistogram]:
        """Return the histogram of each latency, by name."""
        return {
            "tick_to_signal": self.tick_to_signal,
            "signal_to_order": self.signal_to_order,
            "tick_to_order": self.tick_to_order,
            "order_to_fill": self.order_to_fill,
            "tick_to_fill": self.tick_to_fill,
        }

    def on_order(self, order_id: str, signal: Signal) -> None:
        """Start to measure the latencies of an order for a signal; the order is sent at the end of the turn."""
        self._ticks_ordered_ns.append(signal.tick_published_mono_ns)
        self._signals_ordered_ns.append(signal.sent_mono_ns)
        self._ticks_of_orders_ns[order_id] = signal.tick_published_mono_ns

    def on_order_end(self, order_id: str) -> None:
        """End the measurement of an order that has ended, perhaps without a deal."""
        self._ticks_of_orders_ns.pop(order_id, None)

    def on_deal(self, order_id: str) -> None:
        """Record that a deal of an order was booked; the booking is durable at the end of the turn."""
        published_ns = self._ticks_of_orders_ns.pop(order_id, None)
        if published_ns is not None:
            self._ticks_filled_ns.append(published_ns)

    def on_sent(self, mono_ns: int) -> None:
        """Observe the latencies of the turn's orders, which were sent at monotonic time `mono_ns`."""
        _observe(self.tick_to_order, self._ticks_ordered_ns, mono_ns)
        _observe(self.signal_to_order, self._signals_ordered_ns, mono_ns)

    def on_durable(self, mono_ns: int) -> None:
        """Observe the latencies of the turn's deals, which are durable since monotonic time `mono_ns`."""
        _observe(self.tick_to_fill, self._ticks_filled_ns, mono_ns)

    def discard(self) -> None:
        """Discard the measurements of a turn whose orders are not sent and whose deals are not durable."""
        self._ticks_ordered_ns.clear()
        self._signals_ordered_ns.clear()
        self._ticks_filled_ns.clear()


def _observe(latency: LatencyHistogram, since_mono_ns: list[int], mono_ns: int) -> None:
    for since_ns in since_mono_ns:
        latency.observe(mono_ns - since_ns)
    since_mono_ns.clear()
