"""The page of alerts: what notify has sent to whom, and what waits for an acknowledgement."""

from __future__ import annotations

from rich.text import Text

from cli.screen.controls import Controls
from cli.screen.details import DeskDetails
from cli.screen.layout import MIDDLE, WIDE, dim, line
from cli.screen.text_rows import Cell, text_rows
from cli.status_view import SEVERITY_STYLES
from proto.alerts import delivery_text, state_text, unsent_text
from proto.notify import AlertLine
from proto.time import utc_text


def alerts_page(details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    """All rows of the page, the newest alert first; `width` in characters."""
    reading = details.alerts
    if reading is None:
        return [dim("alerts: not read yet")]
    if reading.problem:
        return [line(f"alerts: {reading.problem}")]
    columns = ["id", "time", "state", "sent", "alert"]
    if width < WIDE:
        columns.remove("sent")
    if width < MIDDLE:
        columns = ["id", "state", "alert"]
    rows = [
        [_cells(one)[column] for column in columns]
        for one in reading.rows
        if controls.shows(one.code, one.subject, one.text)
    ]
    head = line(f"{reading.open_count} open; paperdesk alerts ack ID acknowledges one")
    if not rows:
        return [head, dim("no alert passes the filter" if controls.is_filtered else "no alert yet")]
    return [head, *text_rows(columns, rows, right=("id",))]


def _cells(one: AlertLine) -> dict[str, Cell]:
    is_unseen = one.is_open and not one.acknowledged_ns
    sent = ", ".join(f"{delivery.target} {delivery_text(delivery)}" for delivery in one.deliveries)
    subject = f" {one.subject}" if one.subject else ""
    again = f" ({one.repeats} more times)" if one.repeats else ""
    return {
        "id": Cell(str(one.number)),
        "time": Cell(utc_text(one.time_ns)[5:19], "dim"),
        "state": Cell(state_text(one), "bold red" if is_unseen else "dim"),
        "sent": Cell(sent or unsent_text(one), "" if sent else "dim"),
        "alert": Cell(f"{one.code}{subject}: {one.text}{again}", SEVERITY_STYLES[one.severity]),
    }
