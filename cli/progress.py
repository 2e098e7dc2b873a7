"""Progress on stderr: one line that is redrawn on a terminal; elsewhere only what the command waits for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from orchestration.progress import Progress, ProgressDisplay, TimeLeft

BAR_COLUMNS: Final = 12
WITH_A_BAR: Final = 60
"""Columns of a terminal that has room for a bar beside the text."""


@contextmanager
def progress_line(what: str) -> Iterator[ProgressDisplay]:
    """A display of progress that suits stderr; `what` names what is running."""
    if sys.stderr.isatty():
        with _terminal_line(what) as show:
            yield show
    else:
        yield _Notes(what)


@contextmanager
def _terminal_line(what: str) -> Iterator[ProgressDisplay]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    console, left = Console(stderr=True), TimeLeft()
    words = TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    bars = (BarColumn(bar_width=BAR_COLUMNS),) if console.width >= WITH_A_BAR else ()
    taken = len(what) + 1 + len(bars) * (BAR_COLUMNS + 1)
    with Bar(TextColumn("{task.description}"), *bars, words, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, words="starting")

        def show(progress: Progress) -> None:
            line = fitting_words(progress, left.update(progress), console.width - taken)
            bar.update(task, completed=progress.done, total=progress.total or None, words=line)

        yield show


def fitting_words(progress: Progress, left_s: float | None, room: int) -> str:
    """As much as fits into so many columns, the most important first; a note is cut rather than left out."""
    words = f"{min(1.0, progress.done / progress.total):.0%}" if progress.total else "starting"
    if left_s is not None:
        words += f", {time_text(left_s)} left"
    if progress.note:
        words += f"; {progress.note}"
    for fact in progress.facts:
        if len(words) + len(", ") + len(fact) <= room:
            words += f", {fact}"
    return words[:room]


def time_text(seconds: float) -> str:
    """Hours, minutes and seconds, without leading zeros."""
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"


@contextmanager
def status_line(what: str, *, lasts_s: float = 0.0) -> Iterator[Callable[[str], None]]:
    """A display of status text on a terminal for a fault-injection run of `lasts_s` seconds, 0 for unknown."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    import time

    from rich.console import Console
    from rich.text import Text

    def line(words: str) -> Text:
        left_s = ends - time.monotonic()
        rest = f"{time_text(left_s)} left, " if left_s > 0 else ""
        return Text(f"{what}: SIMULATED, {rest}{words}", no_wrap=True, overflow="ellipsis")

    ends = time.monotonic() + lasts_s
    with Console(stderr=True).status(line("starting"), spinner="line") as status:
        yield lambda words: status.update(line(words))


class _Notes:
    """Prints what a run waits for, once a kind; progress is shown on terminals only."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._note = ""

    def __call__(self, progress: Progress) -> None:
        note = _without_numbers(progress.note)
        if note and note != self._note:
            print(f"{self._what}: {progress.note}", file=sys.stderr, flush=True)
        self._note = note


def _without_numbers(note: str) -> str:
    """A note by its kind: the seconds that it counts are no news."""
    return "".join(sign for sign in note if not sign.isdigit())
