"""Prometheus metrics of the signal process; docs/metrics.md describes them."""

from __future__ import annotations

from typing import Final

from common.metrics import DurationHistogram, ProcessMetrics

METRICS: Final = ProcessMetrics("signal")

TICKS: Final = METRICS.internal_counter(
    "received_ticks_total", "Ticks received from the market feed, including repetitions", "symbol"
)
SIGNALS: Final = METRICS.internal_counter(
    "sent_signals_total",
    "Signals sent, including repetitions, by direction",
    "direction",
    known=("buy", "sell", "hold"),
)
DROPPED: Final = METRICS.internal_counter(
    "dropped_signals_total", "Signals not sent because portfolio was disconnected or did not read"
)
GAPS_FOUND: Final = METRICS.internal_counter("found_gaps_total", "Gaps in a symbol's sequence", "symbol")
GAPS_REFILLED: Final = METRICS.internal_counter(
    "refilled_gaps_total", "Gaps whose ticks were fetched and processed", "symbol"
)
GAPS_LOST: Final = METRICS.internal_counter("lost_gaps_total", "Gaps whose ticks could not be fetched", "symbol")
REJECTED: Final = METRICS.internal_counter(
    "rejected_frames_total", "Frames dropped because they could not be decoded", "socket", known=("market", "gateway")
)
CHECKPOINT_FAULTS: Final = METRICS.internal_counter("checkpoint_faults_total", "Checkpoints that could not be written")
MODEL_FALLBACKS: Final = METRICS.internal_counter(
    "model_fallbacks_total", "Models evaluated by XGBoost because the faster compiled code cannot be used"
)
STRATEGY_FAULTS: Final = METRICS.internal_counter(
    "strategy_faults_total",
    "Faults: the strategy raised an error, returned an invalid signal or could not be used",
    "symbol",
)
_ORDINAL: Final = METRICS.gauge("last_ordinal", "Highest ordinal of a tick with a signal")
_HEARTBEAT_AGE: Final = METRICS.gauge(
    "heartbeat_age_seconds", "Time since the gateway's last heartbeat on the tick socket, or since the start"
)
_TICK_AGE: Final = METRICS.gauge(
    "tick_age_seconds",
    "Time since the symbol's last tick, or since the start if there was none; accurate to a second",
    "symbol",
)
_CHECKPOINT_SECONDS: Final = METRICS.histogram("checkpoint_commit_seconds", "Duration of writing a checkpoint")

CHECKPOINTS: Final = DurationHistogram()
"""Durations of making and writing a checkpoint."""


def init_series(symbols: tuple[str, ...]) -> None:
    """Create the counters of every symbol with the value 0."""
    for symbol in symbols:
        for count in (TICKS, GAPS_FOUND, GAPS_REFILLED, GAPS_LOST, STRATEGY_FAULTS):
            count.inc(symbol, by=0)


def update(*, last_ordinal: int, heartbeat_age_ns: int, tick_age_ns: dict[str, int]) -> None:
    """Set the gauges from the state of the process.

    Args:
        last_ordinal: highest ordinal of a tick with a signal.
        heartbeat_age_ns: time since the gateway's last heartbeat, or since the start if there was none.
        tick_age_ns: time since the last tick, or since the start if there was none, by symbol.
    """
    METRICS.update(
        lambda: [
            (_ORDINAL, last_ordinal),
            (_HEARTBEAT_AGE, heartbeat_age_ns / 1e9),
            *((_TICK_AGE, age_ns / 1e9, symbol) for symbol, age_ns in tick_age_ns.items()),
            (_CHECKPOINT_SECONDS, CHECKPOINTS),
        ]
    )
