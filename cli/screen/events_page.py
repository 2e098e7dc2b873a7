"""The page of events: conditions with what to do, denials, and the latest events of the ledger."""

from __future__ import annotations

from rich.text import Text

from cli.screen.controls import Controls
from cli.screen.details import DeskDetails
from cli.screen.layout import MIDDLE, dim, line, wrapped
from cli.screen.text_rows import Cell, text_rows
from cli.status_view import SEVERITY_STYLES
from cli.tables import NOTHING
from orchestration.desk_view import DeskView
from proto.control import CONDITION_KINDS, describe, describe_denial
from proto.time import utc_text


def events_page(view: DeskView, details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    """All rows of the page; `width` in characters."""
    return [*_conditions(view, width), *_denials(view, controls), Text(), *_events(details, controls, width)]


def _conditions(view: DeskView, width: int) -> list[Text]:
    rows: list[Text] = []
    for one in view.conditions:
        rows += wrapped(f"{one.severity.value} {describe(one)}", width, SEVERITY_STYLES[one.severity])
        rows += wrapped(CONDITION_KINDS[one.code].action, width, indent="  ")
    return rows or [dim("no condition")]


def _denials(view: DeskView, controls: Controls) -> list[Text]:
    status = view.status
    if status is None:
        return []
    ranked = sorted(status.denials.items(), key=lambda item: (-item[1], item[0]))
    counts = ", ".join(f"{code} {count:,}" for code, count in ranked)
    latest = [line(describe_denial(one)) for one in status.latest_denials if controls.shows(one.symbol, one.code)]
    return [Text(), line(f"denied {status.denied:,}: {counts}"), *latest] if status.denied else [dim("no denial")]


def _events(details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    if details.events is None:
        return [dim("events: the ledger is not read yet, or its folder is not known")]
    columns = ["number", "time", "event"] if width >= MIDDLE else ["time", "event"]
    rows = [
        [
            {
                "number": Cell(str(one.number), "dim"),
                "time": Cell(utc_text(one.time_ns)[11:19] if one.time_ns else NOTHING, "dim"),
                "event": Cell(one.text),
            }[column]
            for column in columns
        ]
        for one in details.events
        if controls.shows(one.symbol, one.text)
    ]
    if not rows:
        return [dim("no event passes the filter" if controls.is_filtered else "no event")]
    return text_rows(columns, rows, right=("number",))
