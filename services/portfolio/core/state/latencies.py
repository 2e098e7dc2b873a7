"""Latencies of the trading path, measured by the host's monotonic clock."""

from __future__ import annotations

from services.portfolio.core.state.latency_histogram import LatencyHistogram


class Latencies:
    """One histogram for each hop, and the start times of hops that end with a commit or a deal."""

    def __init__(self) -> None:
        """Start without an observation."""
        self.tick_to_signal = LatencyHistogram()
        self.signal_to_order = LatencyHistogram()
        self.tick_to_order = LatencyHistogram()
        self.order_to_fill = LatencyHistogram()
        self.tick_to_fill = LatencyHistogram()
        self.ticks_ordered_mono_ns: list[int] = []
        """When the ticks were published whose orders leave with this turn; the shell knows when that is."""
        self.signals_ordered_mono_ns: list[int] = []
        """When the signals were sent whose orders leave with this turn."""
        self.ticks_filled_mono_ns: list[int] = []
        """When the ticks were published whose deals are durable with this turn."""
        self.published_mono_ns: dict[str, int] = {}
        """When the tick of each live order was published, until a deal of it is booked."""
