"""Audit of the whole ledger after a start: `python -m services.portfolio.ledger.audit PID LEDGER`.

At its start, portfolio verifies the chain since the last checkpoint and loads the projections. The audit is a separate
process, which verifies the whole chain and compares the projections with those computed from all events. It runs at the
lowest priority on a read-only connection, and ends when portfolio ends. Portfolio itself verifies a short ledger, which
is faster than starting a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from common.errors import StartError
from common.parent_death import terminate_with_parent
from services.portfolio.ledger.ledger import Ledger, verify_ledger

SHORT_EVENTS: Final = 2_000
"""Largest number of events that portfolio itself verifies at its start, within a tenth of a second."""

PROBLEMS_MAX: Final = 20
LOWEST_PRIORITY: Final = 19


def verify_if_short(ledger: Ledger) -> None:
    """Verify a ledger of at most `SHORT_EVENTS` events; an `Audit` verifies a longer one.

    Raises:
        StartError: the ledger is damaged.
    """
    if 0 < ledger.event_count <= SHORT_EVENTS and (problems := verify_ledger(ledger.path)):
        raise StartError(
            f"{ledger.path}: {problems[0]}; expected the ledger as it was written, restore it from a backup"
        )


class AuditResult(NamedTuple):
    """Result of an audit: the problems that it found, or the reason why it failed."""

    problems: list[str]
    failure: str


class Audit:
    """A process that audits the ledger once."""

    def __init__(self, path: Path) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.portfolio.ledger.audit", str(os.getpid()), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def result(self) -> AuditResult | None:
        """Return the result of the audit; None while it runs."""
        if self._process.poll() is None:
            return None
        output, _ = self._process.communicate()
        try:
            problems = json.loads(output)
        except ValueError:
            text = " ".join(output.decode(errors="replace").split())[-200:]
            return AuditResult([], f"exit status {self._process.returncode}, {text or 'no output'}")
        return AuditResult([str(problem) for problem in problems], "")

    def stop(self) -> None:
        """Kill the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def main() -> None:
    """Verify a ledger and print the problems as a JSON list."""
    parent, path = int(sys.argv[1]), Path(sys.argv[2])
    terminate_with_parent(parent)
    os.nice(LOWEST_PRIORITY)
    try:
        problems = verify_ledger(path)
    except StartError as error:
        problems = [str(error)]
    sys.stdout.write(json.dumps(problems[:PROBLEMS_MAX]))


if __name__ == "__main__":
    main()
