"""Latencies of the trading path, measured by the host's monotonic clock."""

from __future__ import annotations

from proto.messages import Signal
from services.portfolio.core.state.latency_histogram import LatencyHistogram


class Latencies:
    """A histogram for each hop, and start times of hops that are not complete."""

    def __init__(self) -> None:
        """Start without an observation."""
        self._ticks_ordered_ns: list[int] = []
        self._signals_ordered_ns: list[int] = []
        self._ticks_filled_ns: list[int] = []
        self._ticks_of_orders_ns: dict[str, int] = {}
        """When the tick of each order was published, until its first deal or its end."""
        self.tick_to_signal = LatencyHistogram()
        self.signal_to_order = LatencyHistogram()
        self.tick_to_order = LatencyHistogram()
        self.order_to_fill = LatencyHistogram()
        self.tick_to_fill = LatencyHistogram()

    def on_order(self, order_id: str, signal: Signal) -> None:
        """An order was made for a signal; it is sent at the end of the turn."""
        self._ticks_ordered_ns.append(signal.tick_published_mono_ns)
        self._signals_ordered_ns.append(signal.sent_mono_ns)
        self._ticks_of_orders_ns[order_id] = signal.tick_published_mono_ns

    def on_order_end(self, order_id: str) -> None:
        """An order has ended, perhaps without a deal."""
        self._ticks_of_orders_ns.pop(order_id, None)

    def on_deal(self, order_id: str) -> None:
        """A deal of an order was booked; it is durable at the end of the turn."""
        published_ns = self._ticks_of_orders_ns.pop(order_id, None)
        if published_ns is not None:
            self._ticks_filled_ns.append(published_ns)

    def on_sent(self, mono_ns: int) -> None:
        """The orders of the turn were sent."""
        _observe(self.tick_to_order, self._ticks_ordered_ns, mono_ns)
        _observe(self.signal_to_order, self._signals_ordered_ns, mono_ns)

    def on_durable(self, mono_ns: int) -> None:
        """The deals of the turn are durable."""
        _observe(self.tick_to_fill, self._ticks_filled_ns, mono_ns)

    def discard(self) -> None:
        """Forget started measurements: nothing is sent, and no clock runs."""
        self._ticks_ordered_ns.clear()
        self._signals_ordered_ns.clear()
        self._ticks_filled_ns.clear()


def _observe(latency: LatencyHistogram, since_mono_ns: list[int], mono_ns: int) -> None:
    for since_ns in since_mono_ns:
        latency.observe(mono_ns - since_ns)
    since_mono_ns.clear()
