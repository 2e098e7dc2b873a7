"""`paperdesk doctor`: what is wrong with an installation and a desk, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli import options as o
from cli.json_output import print_json
from cli.printable_text import printable
from cli.running_desks import running_desk
from common.errors import StartError
from common.project_root import DEFAULT_DATA_DIR, DESK_ROOT, expanded
from common.settings import CommonSettings, given_settings, load

if TYPE_CHECKING:
    from verification.doctor import ExaminedDesk
    from verification.doctor.findings import CheckResult

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk doctor

  paperdesk doctor --data-dir desk --only ledger --only keys
"""

GRADE_CHARS: Final = 7
"""Length of the longest grade, warning and unknown."""

NAME_CHARS: Final = 12
COLUMNS_MIN: Final = 60
COUNTED: Final = ("WRONG", "warning", "unknown")

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Run only this check; repeatable.", show_default="all checks"),
]


@app.command(epilog=EXAMPLES)
def doctor(data_dir: o.RunningDesk = None, url: o.Url = None, only: Only = None, as_json: o.AsJson = False) -> int:
    """Examine the installation and a desk, running or stopped: what is wrong, and what to do.

    It changes nothing and sends no order; it imports the strategy in a process of its own. Exit code 0 when nothing is
    wrong (lines with unknown included), 1 with a warning or something WRONG, 2 when the desk could not be examined.
    """
    from verification.doctor import Grade, examine  # takes 0.3 s to load; not needed for the help

    results = []
    desk = _examined(data_dir, url)
    for result in examine(desk, only or ()):
        results.append(result)
        if not as_json:
            _show(result)
    findings = [found for result in results for found in result.findings]
    counts = Counter(found.grade.value for found in findings)
    if as_json:
        print_json({"data_dir": desk.data_dir, "counts": dict(counts), "findings": _rows(results)})
    else:
        print(_summary(counts, desk.data_dir))
    return int(any(found.grade in (Grade.WARNING, Grade.WRONG) for found in findings))


def _examined(data_dir: Path | None, url: str | None) -> ExaminedDesk:
    from verification.doctor import ExaminedDesk

    if data_dir is not None:
        if not data_dir.is_dir():
            raise StartError(f"--data-dir {data_dir} does not exist, expected the folder of a desk")
        return ExaminedDesk(data_dir.resolve(), control_url=url)
    if url is not None:
        found = running_desk()
        if found.control != url:
            raise StartError(f"--url {url}: the folder of that desk is not known, expected --data-dir DIR as well")
        return ExaminedDesk(Path(found.data_dir), control_url=url)
    try:
        load(CommonSettings)
    except StartError:  # the check of the settings reports it
        return ExaminedDesk(_folder_of_wrong_settings())
    return ExaminedDesk(Path(running_desk().data_dir))


def _folder_of_wrong_settings() -> Path:
    try:
        named = given_settings().get("PAPERDESK_DATA_DIR")
    except StartError:  # the file cannot be read
        named = os.environ.get("PAPERDESK_DATA_DIR")
    return DESK_ROOT / expanded(named) if named else DEFAULT_DATA_DIR


def _show(result: CheckResult) -> None:
    for grade, _, text, action in result.findings:
        _print(f"{grade.value:<{GRADE_CHARS}}  {result.name + ':':<{NAME_CHARS}} ", text)
        if action:
            _print(f"{'':<{GRADE_CHARS}}  -> ", action)


def _print(head: str, text: str) -> None:
    """Print one line; on a terminal it is wrapped at blanks, and further lines are indented."""
    text = printable(text)
    if sys.stdout.isatty():
        width = max(COLUMNS_MIN, shutil.get_terminal_size().columns)
        indent = " " * len(head)
        text = textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ).lstrip()
    print(head + text, flush=True)


def _summary(counts: Counter[str], folder: Path) -> str:
    shown = ", ".join(f"{counts[grade]} {grade}" for grade in COUNTED if counts[grade])
    return f"{folder}: {shown}" if shown else f"{folder}: nothing wrong"


def _rows(results: Sequence[CheckResult]) -> list[dict[str, str]]:
    return [
        {"check": result.name, **found._asdict(), "grade": found.grade.value}
        for result in results
        for found in result.findings
    ]
