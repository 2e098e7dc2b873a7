"""Write an alert log on a small disk, which is filled and emptied.

Usage: `unshare -m python -m tests.system.full_alert_log FOLDER`. The disk is a tmpfs in a mount namespace that ends
with this process. The observations are the last line, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from proto.alert_record import AlertPhase, AlertRecord
from proto.control import Severity
from services.watchdog.alert_log import AlertLog, AlertLogReader
from tests.system.full_disk import fill

DISK_BYTES: Final = 1 << 20
RECORDS_ON_FULL_DISK: Final = 300
"""More records than fit into the space that SQLite has reserved in its files."""


def a_record(text: str) -> AlertRecord:
    """A record with this text."""
    return AlertRecord(
        time_ns=1, phase=AlertPhase.MOMENT, code="PROCESS_LOST", subject="signal", severity=Severity.WARNING, text=text
    )


def main() -> None:
    """Write before, during and after the disk is full; also start a second log while it is full."""
    disk = Path(sys.argv[1]) / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", disk], check=True)
    log, late = AlertLog(disk / "first"), AlertLog(disk / "second")
    log.open()
    log.write([a_record("before")])
    fill(disk / "ballast")
    for number in range(RECORDS_ON_FULL_DISK):
        log.write([a_record(f"during {number} {'x' * 200}")])
    late.open()
    late.write([a_record("late")])
    waiting, problems = [log.waiting, late.waiting], [log.problem, late.problem]
    (disk / "ballast").unlink()
    for one in (log, late):
        one.open()
        one.write()
    texts = [
        [record.text.split(" x")[0] for record in AlertLogReader(folder).read_after(0, 1_000)]
        for folder in (disk / "first", disk / "second")
    ]
    found = {"waiting": waiting, "problems": problems, "after": [log.waiting, late.waiting], "texts": texts}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
