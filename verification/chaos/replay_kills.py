"""Compare the same replay with and without kills of its processes, to the last digit.

`paperdesk chaos-replay` kills processes from outside at random ticks, and at named points of the code.
`paperdesk crash-points` kills at every named point, round by round. A kill from outside can meet a process anywhere in
its code.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from common.control_client import ControlClient
from common.errors import StartError
from common.fault_injection import CRASH_AT_VARIABLE, CRASH_DIRECTORY_VARIABLE
from orchestration.address_files import CONTROL_FILE
from proto.control import StatusQuery, StatusReply
from research import ledger_views
from research.report import report_digest
from verification.chaos.faults import PROCESSES
from verification.chaos.oracle import compare_books

ASK_S: Final = 0.5
PAUSE_S: Final = 0.02
UP_S: Final = 1.2
"""Least age of a process at a kill, because supervisord counts deaths within the first second as failed starts."""

PAPERDESK: Final = Path(sys.executable).parent / "paperdesk"
STRATEGY: Final = "ema_cross"


@dataclass(frozen=True)
class ReplayOutcome:
    """The result of a replay.

    `digest` is the `report_digest` of the report, which leaves out fields that may differ between runs. `killed` is the
    number of kills of each process. Each kill at a named point leaves a file, and `markers` are the names of these
    files. `found` are differences between ledger and venue.
    """

    digest: str
    orders: list[dict[str, Any]]
    deals: list[dict[str, Any]]
    killed: dict[str, int]
    markers: list[str]
    found: list[str]

    def differences(self, other: ReplayOutcome) -> list[str]:
        """A text for each of report, orders and deals that differs from the `other` replay."""
        named = (("report", self.digest, other.digest), ("orders", self.orders, other.orders), ("deals", self.deals,
                 other.deals))  # fmt: skip
        return [f"{name}: the run with kills differs from the run without kills" for name, a, b in named if a != b]


def replay_with_kills(
    ticks: Path,
    data_dir: Path,
    *,
    strategy: str = STRATEGY,
    options: Sequence[object] = (),
    kills: list[str] | None = None,
    outside: list[tuple[int, str]] | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> ReplayOutcome:
    """Run one replay in lock-step, with kills if any are given.

    Args:
        ticks: file of EURUSD ticks.
        data_dir: an empty or new folder.
        strategy: name of the strategy.
        options: further options of `paperdesk replay`.
        kills: entries of `PAPERDESK_CRASH_AT`, for kills at named points.
        outside: tick and process of each kill from outside, in ascending order of ticks. The process is killed when
            portfolio has processed the tick.
        on_progress: called with a line of text after each kill from outside.

    Raises:
        StartError: the replay failed.
    """
    crashes = data_dir.with_name(data_dir.name + "-crashes")
    environment = {**os.environ}
    if kills:
        environment |= {CRASH_AT_VARIABLE: ",".join(kills), CRASH_DIRECTORY_VARIABLE: str(crashes)}
    command: list[object] = [PAPERDESK, "replay", f"{ticks}:EURUSD", "--strategy", strategy, "--risk", "none"]
    command += [*options, "--data-dir", data_dir, "--json"]
    output = data_dir.with_name(data_dir.name + ".json")
    killed: Counter[str] = Counter()
    with output.open("w") as out, output.with_suffix(".err").open("w") as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=errors, env=environment)
        try:
            _kill_along(process, data_dir, list(outside or ()), killed, on_progress)
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code:
        tail = output.with_suffix(".err").read_text(errors="replace").strip().splitlines()[-1:]
        raise StartError(f"the replay ended with exit code {code}: {''.join(tail)}; its logs are in {data_dir}/logs")
    markers = sorted(path.name for path in crashes.iterdir()) if crashes.is_dir() else []
    killed.update(marker.partition(".")[0] for marker in markers)
    verdict = compare_books(data_dir)
    return ReplayOutcome(
        digest=report_digest(json.loads(output.read_text())),
        orders=ledger_views.orders(data_dir),
        deals=ledger_views.deals(data_dir),
        killed=dict(sorted(killed.items())),
        markers=markers,
        found=verdict.lost + verdict.doubled + verdict.different + verdict.positions + verdict.cash,
    )


def external_kills(draw: random.Random, *, count: int, ticks: int) -> list[tuple[int, str]]:
    """Tick and process of `count` kills, in ascending order of ticks.

    Args:
        draw: random generator.
        count: number of kills.
        ticks: number of ticks of the replay; kills are in the first nine tenths.
    """
    ordinals = sorted(draw.randint(1, max(1, ticks * 9 // 10)) for _ in range(count))
    return [(ordinal, draw.choice(PROCESSES)) for ordinal in ordinals]


def _kill_along(
    process: subprocess.Popen[bytes],
    data_dir: Path,
    due: list[tuple[int, str]],
    killed: Counter[str],
    on_progress: Callable[[str], None],
) -> None:
    note = data_dir / CONTROL_FILE
    while process.poll() is None and not note.is_file():
        time.sleep(PAUSE_S)
    if process.poll() is not None or not due:
        return
    with ControlClient(note.read_text().strip()) as client:
        while due and process.poll() is None:
            status = client.request(StatusQuery(), StatusReply, timeout_s=ASK_S)
            if status is not None and status.ordinal >= due[0][0]:
                _, victim = due.pop(0)
                while process.poll() is None and not _killed(process.pid, victim):
                    time.sleep(PAUSE_S)
                killed[victim] += process.poll() is None
                on_progress(f"tick {status.ordinal}: {victim} killed, {len(due)} kills left")
            time.sleep(PAUSE_S)


def _killed(command: int, service: str) -> bool:
    """Kill the process of a service if it is older than UP_S; returns whether a process was killed."""
    with suppress(psutil.Error):
        for process in psutil.Process(command).children(recursive=True):
            with suppress(psutil.Error):
                is_it = f"services.{service}" in process.cmdline()
                if is_it and time.time() - process.create_time() > UP_S:
                    process.send_signal(signal.SIGKILL)
                    return True
    return False
