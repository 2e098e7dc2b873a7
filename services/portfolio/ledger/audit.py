"""The look at the whole ledger that a start leaves for later: `python -m services.portfolio.ledger.audit PID LEDGER`.

A start walks the chain since the last checkpoint and loads the projections. Whether everything before it is whole, and the
events fold to those very projections, is found out by a process of its own: of the lowest priority, on a connection that only
reads, and gone when portfolio is. A short ledger is looked at by the start itself, which is quicker than a process.
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
"""A ledger of no more events is verified in less than a tenth of a second."""

PROBLEMS_MAX: Final = 20
LOWEST_PRIORITY: Final = 19


def verify_if_short(ledger: Ledger) -> None:
    """Verify a short ledger at once; a long one is left to an `Audit`.

    Raises:
        StartError: it is not whole.
    """
    if 0 < ledger.event_count <= SHORT_EVENTS and (problems := verify_ledger(ledger.path)):
        raise StartError(
            f"{ledger.path}: {problems[0]}; expected the ledger as it was written, restore it from a backup"
        )


class AuditResult(NamedTuple):
    """What an audit came to: problems in words, or why it found nothing out."""

    problems: list[str]
    failure: str


class Audit:
    """The process beside portfolio that looks at the ledger, once."""

    def __init__(self, path: Path) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.portfolio.ledger.audit", str(os.getpid()), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def result(self) -> AuditResult | None:
        """What it found, None while it is at work."""
        if self._process.poll() is None:
            return None
        output, _ = self._process.communicate()
        try:
            problems = json.loads(output)
        except ValueError:
            words = " ".join(output.decode(errors="replace").split())[-200:]
            return AuditResult([], f"exit status {self._process.returncode}, {words or 'no word'}")
        return AuditResult([str(problem) for problem in problems], "")

    def stop(self) -> None:
        """End it, should it still be at work."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def main() -> None:
    """Verify a ledger and print what was found as a JSON list."""
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
