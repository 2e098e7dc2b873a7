"""What the signal process counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

TICKS = Counter("trading_signal_ticks_total", "Ticks folded that came live", ["symbol"])
SIGNALS = Counter("trading_signal_signals_total", "Signals sent, by direction", ["direction"])
DROPPED = Counter("trading_signal_dropped_signals_total", "Signals that portfolio was not there to take")
GAPS_FOUND = Counter("trading_signal_gaps_found_total", "Gaps in a symbol's sequence", ["symbol"])
GAPS_REFILLED = Counter("trading_signal_gaps_refilled_total", "Gaps that were fetched and folded", ["symbol"])
GAPS_LOST = Counter("trading_signal_gaps_lost_total", "Gaps that could not be had", ["symbol"])
REJECTED = Counter("trading_signal_rejected_frames_total", "Frames dropped because they are no message", ["socket"])
ORDINAL = Gauge("trading_signal_last_ordinal", "Ordinal of the last signal")
CHECKPOINT_SECONDS = Gauge("trading_signal_checkpoint_seconds", "What the last checkpoint took")
