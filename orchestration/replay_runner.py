"""Run a replay: the processes of a desk trade recorded ticks.

The runner starts the processes, polls portfolio a few times a second, and reads the ledger when the processes have
stopped.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from common.control_client import ControlClient
from common.errors import StartError
from marketdata.tick_stream import TickStream
from orchestration.address_files import control_url, published_addresses
from orchestration.environment import desk_environment
from orchestration.progress import ProgressDisplay, TickRate, run_progress
from orchestration.standstill import Standstill
from orchestration.start_checks import require_startable
from orchestration.supervisor import DeskSupervisor
from proto.control import DeskState, Effect, Severity, StatusQuery, StatusReply
from proto.trading.units import decimal_text
from research.report import report_of
from research.run_spec import RunSpec

POLL_EVERY_S: Final = 0.2
CHECK_EVERY_S: Final = 0.5
SILENCE_MAX_S: Final = 60.0
"""Time without an answer from portfolio after which the replay fails, although supervisord reports it as RUNNING."""

ENDED: Final = (DeskState.FINISHED, DeskState.FAILED)


@dataclass(frozen=True)
class ReplayResult:
    """The report of a replay, and the cause of the desk's failure, which is empty if the desk did not fail."""

    report: dict[str, Any]
    failure: str


def run_replay(spec: RunSpec, stream: TickStream, *, speed: str, data_dir: Path, show: ProgressDisplay) -> ReplayResult:
    """Start the processes, wait for the end of the data, stop the processes, and build the report.

    Raises:
        StartError: a process could not be started, or has ended for good; a strategy has failed; or portfolio does
            not answer.
    """
    require_startable(data_dir)
    stream_id = spec.stream_id(stream.data_sha256)
    with DeskSupervisor(log_dir=data_dir / "logs") as desk:
        environment = desk_environment(
            os.environ, spec.environment(stream_id, speed), runtime=desk.runtime, data_dir=data_dir
        )
        with published_addresses(data_dir, desk.runtime), ControlClient(control_url(desk.runtime)) as client:
            monitor = _ReplayMonitor(desk, client, stream_id, stream.last_ordinal, show, data_dir)
            desk.start(environment, waiting=monitor.poll)
            status = monitor.run_to_end()
    timings = {
        "duration_s": round(monitor.rate.seconds, 3),
        "ticks_per_s": None if monitor.ticks_per_s is None else round(monitor.ticks_per_s),
        "latency_us": {
            hop: {"count": found.count, "p50": found.p50, "p99": found.p99, "p999": found.p999}
            for hop, found in sorted(status.latency_us.items())
        },
    }
    return ReplayResult(
        report=report_of(data_dir, spec, mode="replay", remarks=stream.remarks, timings=timings),
        failure=(status.waiting_for or "no reason given") if status.state is DeskState.FAILED else "",
    )


@dataclass
class _ReplayMonitor:
    """Polls portfolio and shows the progress; `poll` can be called at any rate, and polls every POLL_EVERY_S."""

    desk: DeskSupervisor
    client: ControlClient
    stream_id: str
    ticks_total: int
    show: ProgressDisplay
    data_dir: Path
    rate: TickRate = field(default_factory=TickRate)
    ticks_per_s: float | None = None
    _next_poll: float = 0.0
    _answered: float = field(default_factory=time.monotonic)
    _status: StatusReply | None = None
    _standstill: Standstill = field(init=False)

    def __post_init__(self) -> None:
        """Start the detection of standstills."""
        self._standstill = Standstill(self.desk, self.data_dir)

    def poll(self) -> StatusReply | None:
        """Request portfolio's status if a poll is due, and show the progress."""
        now = time.monotonic()
        if now < self._next_poll:
            return None
        self._next_poll = now + POLL_EVERY_S
        status = self.client.request(StatusQuery(), StatusReply, timeout_s=POLL_EVERY_S)
        if status is not None:
            ticks = self._ticks
            self._answered, self._status = now, status
            if self._ticks > ticks:
                self.desk.clear_short_runs()
            # Before portfolio has connected to the gateway, its status is about the previous stream.
            self.ticks_per_s = self.rate.update(self._ticks) or self.ticks_per_s
        last = self._status
        self.show(
            run_progress(
                ticks=self._ticks,
                ticks_total=self.ticks_total,
                ticks_per_s=self.ticks_per_s,
                orders=0 if last is None else last.orders,
                fills=0 if last is None else last.fills,
                pnl="0" if last is None else _pnl(last),
                note=self._standstill.note(status, self._ticks) or ("" if last is None else _note(last)),
            )
        )
        return status

    @property
    def _ticks(self) -> int:
        """Number of ticks of this stream that portfolio has processed, according to its latest status."""
        return self._status.ordinal if self._status is not None and self._status.stream_id == self.stream_id else 0

    def run_to_end(self) -> StatusReply:
        """Poll until the desk has finished or failed, and return portfolio's last status.

        Raises:
            StartError: a process has ended for good, a strategy has failed, or portfolio does not answer.
        """
        next_check = 0.0
        while True:
            status = self.poll()
            if status is not None and status.state in ENDED:
                require_sound_strategies(status)
                return status
            now = time.monotonic()
            if now >= next_check:
                next_check = now + CHECK_EVERY_S
                self.desk.check()
            if now - self._answered > SILENCE_MAX_S:
                raise StartError(
                    f"portfolio has not answered for {SILENCE_MAX_S:.0f} s; {self._standstill.note(None, self._ticks)}"
                )
            time.sleep(max(0.0, min(self._next_poll, next_check) - time.monotonic()))


def require_sound_strategies(status: StatusReply) -> None:
    """Refuse to report a run in which a strategy has failed, because its result is not that of the strategy.

    Raises:
        StartError: a strategy has failed; the text has the strategy, the tick and the error.
    """
    for found in status.conditions:
        if found.code == "STRATEGY_FAULT":
            raise StartError(found.text)


def _note(status: StatusReply) -> str:
    """The text of a condition that keeps the replay from trading, without conditions of severity INFO."""
    conditions = (
        one.text for one in status.conditions if one.severity is not Severity.INFO and one.effect is not Effect.NONE
    )
    return next(conditions, "")


def _pnl(status: StatusReply) -> str:
    total = status.realized_pnl + (status.unrealized_pnl or 0)
    return f"{decimal_text(total)} {status.currency}".strip()
