"""How far a run has come, on stderr: a line that stays up to date on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from orchestration.progress import ProgressDisplay, RunProgress

PLAIN_EVERY_S: Final = 5.0


@contextmanager
def progress_line(what: str, *, plain_every_s: float = PLAIN_EVERY_S) -> Iterator[ProgressDisplay]:
    """Something to show standings with, fit for where stderr goes; `what` says what is running."""
    if sys.stderr.isatty():
        with _terminal_line(what) as show:
            yield show
    else:
        yield _PlainLines(what, plain_every_s)


@contextmanager
def _terminal_line(what: str) -> Iterator[ProgressDisplay]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, words="SIMULATED, starting")

        def show(standing: RunProgress) -> None:
            bar.update(task, completed=standing.ticks, total=standing.ticks_total, words=standing.text())

        yield show


@contextmanager
def status_line(what: str, *, plain_every_s: float = PLAIN_EVERY_S) -> Iterator[Callable[[str], None]]:
    """Something to show words with, for a run that has no end that is known in ticks."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(f"{what}: SIMULATED, starting") as status:
            yield lambda words: status.update(f"{what}: SIMULATED {words}")
    else:
        yield _PlainLines(what, plain_every_s).say


class _PlainLines:
    def __init__(self, what: str, every_s: float) -> None:
        self._what = what
        self._every_s = every_s
        self._next = time.monotonic() + every_s
        self._note = ""
        print(f"{what}: SIMULATED, starting", file=sys.stderr, flush=True)

    def __call__(self, standing: RunProgress) -> None:
        note = _without_numbers(standing.note)
        if (note and note != self._note) or time.monotonic() >= self._next:
            self._note = note
            self._tell(standing.text())

    def say(self, words: str) -> None:
        """The same of words that are no standing."""
        if time.monotonic() >= self._next:
            self._tell(f"SIMULATED {words}")

    def _tell(self, words: str) -> None:
        self._next = time.monotonic() + self._every_s
        print(f"{self._what}: {words}", file=sys.stderr, flush=True)


def _without_numbers(note: str) -> str:
    """A note by its kind: the seconds that it counts are no news."""
    return "".join(sign for sign in note if not sign.isdigit())
