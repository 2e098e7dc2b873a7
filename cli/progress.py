"""Progress on stderr: one redrawn line on a terminal; without a terminal only the reasons for waiting."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from orchestration.progress import Progress, ProgressDisplay, TimeLeft

BAR_COLUMNS: Final = 12
BAR_WIDTH_MIN: Final = 60
"""Least width, in characters, of a terminal on which a bar is shown beside the text."""


@contextmanager
def progress_line(what: str) -> Iterator[ProgressDisplay]:
    """A display of progress on stderr; `what` names the run."""
    if sys.stderr.isatty():
        with _terminal_line(what) as show:
            yield show
    else:
        yield _NotePrinter(what)


@contextmanager
def _terminal_line(what: str) -> Iterator[ProgressDisplay]:
    console, left = Console(stderr=True), TimeLeft()
    text = TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    bars = (BarColumn(bar_width=BAR_COLUMNS),) if console.width >= BAR_WIDTH_MIN else ()
    taken = len(what) + 1 + len(bars) * (BAR_COLUMNS + 1)
    with Bar(TextColumn("{task.description}"), *bars, text, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, text="starting")

        def show(progress: Progress) -> None:
            line = fitting_text(progress, left.update(progress), console.width - taken)
            bar.update(task, completed=progress.done, total=progress.total or None, text=line)

        yield show


def fitting_text(progress: Progress, left_s: float | None, chars_max: int) -> str:
    """The text of a progress line, cut to `chars_max` characters.

    Args:
        progress: the progress to show.
        left_s: estimate of the remaining seconds; None when unknown.
        chars_max: maximum number of characters. A fact that does not fit is omitted; a note that does not fit is cut.
    """
    text = f"{min(1.0, progress.done / progress.total):.0%}" if progress.total else "starting"
    if left_s is not None:
        text += f", {time_text(left_s)} left"
    if progress.note:
        text += f"; {progress.note}"
    for fact in progress.facts:
        if len(text) + len(", ") + len(fact) <= chars_max:
            text += f", {fact}"
    return text[:chars_max]


def time_text(seconds: float) -> str:
    """A duration as `h:mm:ss`, or as `m:ss` below an hour."""
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"


@contextmanager
def status_line(what: str, *, lasts_s: float = 0.0) -> Iterator[Callable[[str], None]]:
    """A display of status text on a terminal; nothing is shown without a terminal.

    Args:
        what: name of the run.
        lasts_s: duration of the run in seconds, for the time left; 0 for unknown.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    def line(state: str) -> Text:
        left_s = ends - time.monotonic()
        rest = f"{time_text(left_s)} left, " if left_s > 0 else ""
        return Text(f"{what}: SIMULATED, {rest}{state}", no_wrap=True, overflow="ellipsis")

    ends = time.monotonic() + lasts_s
    with Console(stderr=True).status(line("starting"), spinner="line") as status:
        yield lambda state: status.update(line(state))


class _NotePrinter:
    """Prints the reason of a wait when it changes, for stderr without a terminal; prints no progress."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._note = ""

    def __call__(self, progress: Progress) -> None:
        note = _without_numbers(progress.note)
        if note and note != self._note:
            print(f"{self._what}: {progress.note}", file=sys.stderr, flush=True)
        self._note = note


def _without_numbers(note: str) -> str:
    """A note without digits, so that a change of its numbers alone does not print it again."""
    return "".join(sign for sign in note if not sign.isdigit())
