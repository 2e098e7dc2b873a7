"""`paperdesk alerts` and `paperdesk alerts ack`: list alerts with their deliveries, and acknowledge them.

The list is read from the file of notify, also while notify or the whole desk is stopped. An acknowledgement is stored
by notify, which then escalates the alert no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import options as o
from cli.command_options import login_name
from cli.json_output import print_json
from cli.running_desks import desk_folder, notify_url_of
from cli.tables import show_table
from common.control_client import NotifyClient, RefusedError
from common.errors import StartError
from orchestration.address_files import is_listening
from proto.alerts import delivery_text, state_text, unsent_text
from proto.control.views import plain_fields
from proto.notify import ALERTS_MAX, AcknowledgeAlerts, AcknowledgedLine, AcknowledgeReply, AlertLine
from proto.time import utc_text
from proto.trading.number_text import parse_integer
from services.notify.store import FILE_NAME, OPEN, find_alerts, open_notify

app = typer.Typer()
group = typer.Typer(invoke_without_command=True)
app.add_typer(group, name="alerts")

EXAMPLES: Final = "[bold]Examples[/bold]\n\n  paperdesk alerts --open\n\n  paperdesk alerts ack 17"
ACK_EXAMPLES: Final = "[bold]Examples[/bold]\n\n  paperdesk alerts ack 17 18\n\n  paperdesk alerts ack --all"

SHOWN_ROWS: Final = 50
"""Maximum number of rows of a table without `--last`."""

ROWS_MAX: Final = 1_000_000
"""Number of rows above the number that notify keeps."""

NUMBER_MAX: Final = 2**53
"""Largest number of an alert that can be sent."""

TIMEOUT_S: Final = 5.0

COLUMNS: Final = ["number", "time_ns", "severity", "code", "subject", "alert", "state", "sent"]
SPARE: Final = ["subject", "severity", "sent"]
"""Columns that a narrow terminal drops, in this order; JSON has all fields."""


@group.callback(epilog=EXAMPLES)
def alerts(
    context: typer.Context,
    data_dir: o.RunningDesk = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only open alerts, which need a person.")] = False,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, help="Show the last N alerts.", show_default=False)
    ] = None,
    as_json: o.AsJson = False,
) -> int:
    """List alerts, the latest last, with their state and the targets that got them.

    Without `--last` the table shows the last 50.

    Raises:
        StartError: an option is before a subcommand, or the desk has no alerts that can be read.
    """
    if context.invoked_subcommand is not None:
        options = {"--data-dir": data_dir, "--open": open_only or None, "--last": last, "--json": as_json or None}
        if misplaced := [name for name, value in options.items() if value is not None]:
            raise StartError(
                f"{misplaced[0]} is before {context.invoked_subcommand}, expected after {context.invoked_subcommand}"
            )
        return 0
    rows_max = last or (ROWS_MAX if as_json else SHOWN_ROWS)
    found, total = _alerts_of(desk_folder(data_dir), open_only=open_only, rows_max=rows_max)
    return show_table(
        [_fields(one) for one in found],
        COLUMNS,
        "no open alerts" if open_only else "no alerts",
        total,
        as_json=as_json,
        spare=SPARE,
    )


@group.command(epilog=ACK_EXAMPLES)
def ack(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Numbers of alerts.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every open alert.")] = False,
    data_dir: o.RunningDesk = None,
    as_json: o.AsJson = False,
) -> int:
    """Acknowledge alerts with your login name, which ends their escalation.

    Raises:
        StartError: the arguments name no alert, notify does not run or answer, or it refuses a number.
    """
    if bool(ids) == every:
        given = " ".join(ids or ()) or "missing"
        raise StartError(f"ID is {given}{' and --all is given' if every else ''}, expected numbers of alerts or --all")
    numbers = [_number(text) for text in ids or ()]
    replies = list(_acknowledged(notify_url_of(data_dir), numbers))
    rows = [row for reply in replies for row in reply.rows]
    count = sum(reply.count for reply in replies)
    if as_json:
        print_json({"count": count, "acknowledged": [plain_fields(row) for row in rows]})
        return 0
    print(*map(_line, rows) if rows else ["no open alert"], sep="\n")
    if count > len(rows):
        print(f"and {count - len(rows)} more")
    return 0


def _number(text: str) -> int:
    try:
        number = parse_integer(text)
    except ValueError:
        number = 0
    if not 0 < number <= NUMBER_MAX:
        raise StartError(f"ID is {text[:40]}, expected the number of an alert, from 1")
    return number


def _alerts_of(folder: Path, *, open_only: bool, rows_max: int) -> tuple[list[AlertLine], int]:
    """The last alerts in ascending order, and the number of all."""
    if not (folder / FILE_NAME).is_file():
        raise StartError(f"{folder} has no {FILE_NAME}, expected a desk that has run with NOTIFY_FILE")
    where = OPEN if open_only else "TRUE"
    db = open_notify(folder)
    try:
        with db:
            found = find_alerts(db, where, (), limit=rows_max)
            counted: Any = db.execute(f"SELECT count(*) FROM alerts WHERE {where}").fetchone()  # noqa: S608 - our text
    finally:
        db.close()
    return found[::-1], counted[0]


def _fields(alert: AlertLine) -> dict[str, Any]:
    latest = {one.target: f"{one.target} {delivery_text(one)}" for one in alert.deliveries}
    sent = "; ".join(latest.values()) or unsent_text(alert)
    return {**plain_fields(alert), "alert": alert.text, "state": state_text(alert), "sent": sent}


def _acknowledged(url: str, numbers: list[int]) -> Iterator[AcknowledgeReply]:
    if not is_listening(url):
        raise StartError(f"notify does not listen at {url}, expected a running desk with NOTIFY_FILE; nothing was done")
    chunks = [numbers[first : first + ALERTS_MAX] for first in range(0, len(numbers), ALERTS_MAX)]
    person = login_name()
    with NotifyClient(url) as client:
        for chunk in chunks or [[]]:
            request = AcknowledgeAlerts(numbers=chunk, all_open=not chunk, person=person)
            try:
                reply = client.request(request, AcknowledgeReply, timeout_s=TIMEOUT_S)
            except RefusedError as error:
                raise StartError(error.reason) from None
            if reply is None:
                raise StartError(
                    f"{url} did not answer within {TIMEOUT_S:.0f} s; the outcome is unknown, repeat the command"
                )
            yield reply


def _line(row: AcknowledgedLine) -> str:
    if row.is_new:
        return f"alert {row.number} is acknowledged"
    return f"alert {row.number} was acknowledged by {row.acknowledged_by} at {utc_text(row.acknowledged_ns)}"
