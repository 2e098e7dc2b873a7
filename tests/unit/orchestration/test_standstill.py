"""The reason of a standstill is found in portfolio's conditions, the free disk space, or the logs of the processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.process_states import ProcessState
from orchestration.standstill import Standstill, last_warning, process_problems


class Processes:
    """Programs whose states and logs the test sets."""

    def __init__(self, **logs: str) -> None:
        self.logs = logs
        self.down: dict[str, str] = {}

    def states(self) -> dict[str, ProcessState]:
        return {name: ProcessState(name, self.down.get(name, "RUNNING"), 0, 1) for name in self.logs}

    def log_tail(self, program: str) -> list[str]:
        return self.logs[program].splitlines()


def logged(level: str, event: str, **fields: str) -> str:
    return json.dumps({"level": level, "event": event, **fields})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", ""),
        (logged("info", "execution is ready"), ""),
        (logged("warning", "waits for a file", waits_for="ledger.db"), "waits for a file: ledger.db"),
        (logged("error", "the disk cannot be written", error="full"), "the disk cannot be written: full"),
        ("paperdesk mt5: no room", "paperdesk mt5: no room"),
        ("{broken", "{broken"),
    ],
)  # fmt: skip
def test_the_last_line_of_a_log_counts_if_it_is_a_warning(line: str, message: str) -> None:
    assert last_warning(["earlier", line]) == message


def test_a_stopped_program_is_named_with_its_last_log_line() -> None:
    processes = Processes(mt5="paperdesk mt5: no room", signal="")
    processes.down = {"mt5": "BACKOFF", "signal": "STARTING"}
    assert process_problems(processes) == {
        "mt5": "is BACKOFF, last log line: paperdesk mt5: no room",
        "signal": "is STARTING",
    }


def test_a_standstill_is_explained_and_progress_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("orchestration.standstill.time.monotonic", lambda: now[0])
    still = Standstill(Processes(signal=logged("warning", "the gateway does not answer")), tmp_path)
    for ticks in range(5):
        now[0] += 1
        assert still.note(None, ticks) == ""
    now[0] += 1
    expected = "waiting for portfolio, which does not answer; signal logs: the gateway does not answer"
    assert still.note(None, 4) == expected
    assert still.note(None, 5) == ""
