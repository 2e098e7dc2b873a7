"""`paperdesk verify` and `reconcile`: check the integrity of a ledger, and compare the ledger with the venue.

A ledger can be read while portfolio writes to it. The portfolio of a running desk makes the comparison itself, because
only portfolio has the record of the orders in flight. The ledger of a stopped desk is compared with the simulated
broker's book in the same folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import to_builtins

from cli import options as o
from cli.json_output import print_json
from cli.paths import existing_desk
from cli.report_view import difference_text
from cli.running_desks import control_url_of, is_configured_desk
from common.control_client import ControlClient
from common.errors import StartError
from common.settings import load
from orchestration import stopped_desk_audit
from proto.control import Difference, ReconcileCommand, ReconcileReply, StatusQuery, StatusReply
from services.portfolio.settings import PortfolioSettings

app = typer.Typer()
EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk {} --data-dir desk"

ALIVE_TIMEOUT_S: Final = 1.0
RECONCILE_TIMEOUT_S: Final = 30.0

Control = Annotated[
    str | None,
    typer.Option(
        "--control", metavar="URL", help="Control socket of the running desk, needed if its address is not found."
    ),
]


@app.command(epilog=EXAMPLE.format("verify"))
def verify(
    data_dir: o.DeskFolder = o.OWN_FOLDER,
    head: Annotated[
        bool, typer.Option("--head", help="Print only the head of the hash chain, to be stored outside the folder.")
    ] = False,
    expect_head: Annotated[
        str,
        typer.Option(
            "--expect-head", metavar="HEAD", help="A head printed earlier by --head; the hash chain must contain it."
        ),
    ] = "",
    as_json: o.AsJson = False,
) -> int:
    """Check the ledger's hash chain, replay its events, and check the signature of its head.

    Exit code 0 when all checks pass, 1 when one fails.
    """
    folder = existing_desk(data_dir)
    report = stopped_desk_audit.verify(folder, ledger_key_setting(folder), expect_head)
    problems = report.problems
    if as_json:
        rows = {"problems": problems, "verified": not problems, "signature": report.signature, "head": report.head}
        print_json(rows)
    elif problems:
        print(*problems, sep="\n")
    elif head:
        print(report.head)
    else:
        print("verified: the hash chain is whole, and a replay of the events gives the stored account")
        print(report.signature)
    return 1 if problems else 0


def ledger_key_setting(data_dir: Path) -> str:
    """LEDGER_KEY_FILE for the configured desk's folder; empty for other desks, whose key is in their data folder."""
    return load(PortfolioSettings).ledger_key_file if is_configured_desk(data_dir) else ""


@app.command(epilog=EXAMPLE.format("reconcile"))
def reconcile(data_dir: o.DeskFolder = o.OWN_FOLDER, control: Control = None, as_json: o.AsJson = False) -> int:
    """Compare the ledger with the venue: orders, deals, positions and cash.

    Exit code 0 when ledger and venue agree, 1 when they do not, 2 when they could not be compared.
    """
    folder = existing_desk(data_dir)
    url = control or _answering_url(folder)
    differences = _compared_by_desk(url) if url else _compared_with_book(folder)
    rows: list[dict[str, Any]] = [to_builtins(found) for found in differences]
    if as_json:
        print_json({"differences": rows, "reconciled": not rows})
    else:
        print(*(map(difference_text, rows) if rows else ["reconciled: ledger and venue agree"]), sep="\n")
    return 1 if differences else 0


def _answering_url(data_dir: Path) -> str | None:
    """The control socket of the desk with this data directory; None when no desk answers."""
    url = control_url_of(data_dir)
    if url is None:
        return None
    with ControlClient(url) as client:
        return url if client.request(StatusQuery(), StatusReply, timeout_s=ALIVE_TIMEOUT_S) is not None else None


def _compared_by_desk(url: str) -> list[Difference]:
    with ControlClient(url) as client:
        reply = client.request(ReconcileCommand(), ReconcileReply, timeout_s=RECONCILE_TIMEOUT_S)
    if reply is None:
        raise StartError(f"{url} did not answer within {RECONCILE_TIMEOUT_S:.0f} s, expected a running desk")
    if not reply.complete:
        raise StartError(
            f"the gateway did not answer: {reply.error or 'no reason given'}; ledger and venue were not compared"
        )
    return reply.differences


def _compared_with_book(data_dir: Path) -> list[Difference]:
    if not is_configured_desk(data_dir):
        return stopped_desk_audit.reconcile(data_dir, None)
    from services.mt5.settings import (
        Mt5Settings,
    )  # polars takes 0.3 s to load; only the configured desk has a symbol map

    return stopped_desk_audit.reconcile(data_dir, load(Mt5Settings).mt5_symbol_map)
