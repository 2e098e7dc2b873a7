"""The page of risk: drawdown with its levels, and the utilization of each limit."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from cli.screen.controls import Controls
from cli.screen.details import DeskDetails
from cli.screen.layout import MIDDLE, WIDE, dim, wrapped
from cli.screen.text_rows import Cell, text_rows
from cli.status_view import account_texts
from orchestration.desk_view import DeskView
from proto.control.views import RiskRow

BAR_CHARS: Final = 10
NEAR: Final = 0.8
"""Utilization from which a limit is shown in yellow."""


def risk_page(view: DeskView, details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    """All rows of the page; `width` in characters."""
    texts = [] if view.status is None else [text for _, text in account_texts(view.status)]
    head = [row for text in texts for row in wrapped(text, width)]
    if details.risk is None:
        return [*head, Text(), dim("limits: no answer yet")]
    columns = ["limit", "subject", "used", "current", "limit at", "headroom"]
    if width < WIDE:
        columns.remove("headroom")
    if width < MIDDLE:
        columns = ["limit", "subject", "used", "current"]
    rows = [
        [_cells(one, has_bar=width >= WIDE)[name] for name in columns]
        for one in details.risk
        if controls.shows(one.code, one.subject)
    ]
    title = dim(f"limits {details.limits}")
    if not rows:
        return [*head, Text(), title, dim("no limit passes the filter" if controls.is_filtered else "no limit is set")]
    return [*head, Text(), title, *text_rows(columns, rows)]


def _cells(row: RiskRow, *, has_bar: bool) -> dict[str, Cell]:
    return {
        "limit": Cell(row.code, "bold"),
        "subject": Cell(row.subject),
        "used": _used(row.used_fraction, has_bar=has_bar),
        "current": Cell(row.now),
        "limit at": Cell(row.limit),
        "headroom": Cell(row.headroom),
    }


def _used(fraction: float | None, *, has_bar: bool) -> Cell:
    """A percentage, with a bar on a wide terminal; empty for a limit without a number."""
    if fraction is None:
        return Cell("")
    filled = round(min(max(fraction, 0.0), 1.0) * BAR_CHARS)
    style = "bold red" if fraction >= 1 else "yellow" if fraction >= NEAR else ""
    bar = f"{'#' * filled}{'.' * (BAR_CHARS - filled)} " if has_bar else ""
    return Cell(f"{bar}{fraction * 100:4.0f} %", style)
