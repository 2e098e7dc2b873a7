"""The display of a desk without a terminal: a status line every few seconds, and each alert at once."""

from __future__ import annotations

import re
import time
from typing import Final

from cli.printable_text import printable
from cli.screen.details import DeskDetails
from cli.screen.head import alerts, page_address, summary_line
from orchestration.desk_view import DeskView

PLAIN_EVERY_S: Final = 5.0

_FIGURE: Final = re.compile(r"\d+")
"""Numbers in the text of an alert; two texts that differ only in numbers are the same alert."""


class LineScreen:
    """Prints a status line every few seconds, and at once a line for each new alert and for the end of all alerts."""

    def __init__(self, *, every_s: float = PLAIN_EVERY_S) -> None:
        """Print a status line every `every_s` seconds."""
        self._every_s = every_s
        self._next = 0.0
        self._alerts: set[str] = set()
        self._has_shown_page = False
        self._problem = ""

    def show_details(self, details: DeskDetails) -> None:
        """Print a line if the desk cannot be found, once for each reason."""
        if details.desk_problem and details.desk_problem != self._problem:
            print(f"ALERT the desk is not found: {printable(details.desk_problem)}", flush=True)
        self._problem = details.desk_problem

    def show(self, view: DeskView) -> None:
        """Print the lines that are due."""
        if not self._has_shown_page and view.is_page_up:
            self._has_shown_page = True
            print(f"page {page_address(view)}", flush=True)
        found = {_FIGURE.sub("", alert): alert for alert in alerts(view)}
        for kind, alert in found.items():
            if kind not in self._alerts:
                print(f"ALERT {printable(alert)}", flush=True)
        if self._alerts and not found and not view.is_stopping:
            print("ALERT none: every condition has ended", flush=True)
        self._alerts = set(found)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            print(printable(summary_line(view)), flush=True)
