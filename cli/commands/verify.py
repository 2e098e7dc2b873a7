"""`paperdesk reconcile` and `verify`: whether a desk's files are what they should be, running or stopped.

Ledgers are read while their writer goes on. Only `reconcile` has to know whether the desk runs: then portfolio compares,
because it alone knows what is under way; a stopped desk's ledger is compared with the simulated broker's book beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.json_output import print_json
from cli.paths import existing_desk
from cli.run_options import AsJson
from common.errors import StartError

if TYPE_CHECKING:
    from proto.control import Difference

ALIVE_TIMEOUT_S: Final = 1.0
RECONCILE_TIMEOUT_S: Final = 30.0

DeskFolder = Annotated[
    Path, typer.Option("--data-dir", metavar="DIR", help="The desk's data directory.", show_default=False)
]
Control = Annotated[
    str | None,
    typer.Option("--control", metavar="URL", help="Control socket of a running desk, where it is not found."),
]


def register_commands(app: typer.Typer) -> None:
    """Register the commands."""
    example = "[bold]Example[/bold]\n\n  paperdesk {} --data-dir desk"
    for command in (reconcile, verify):
        app.command(epilog=example.format(command.__name__))(command)


def verify(
    data_dir: DeskFolder,
    head: Annotated[
        bool, typer.Option("--head", help="Print the head of the chain alone, to be kept elsewhere.")
    ] = False,
    expect_head: Annotated[
        str, typer.Option("--expect-head", metavar="HEAD", help="A head printed before, which the chain has to have.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Check the ledger's hash chain, fold its events again, and check the signature of its head.

    Exit code 0 when everything fits, 1 when it does not.
    """
    from orchestration.stopped_desk_audit import verify as audit

    folder = existing_desk(data_dir)
    report = audit(folder, ledger_key_setting(folder), expect_head)
    problems = report.problems
    if as_json:
        rows = {"problems": problems, "verified": not problems, "signature": report.signature, "head": report.head}
        print_json(rows)
    elif problems:
        print(*problems, sep="\n")
    elif head:
        print(report.head)
    else:
        print("verified: the chain is whole and the events fold to the stored account")
        print(report.signature)
    return 1 if problems else 0


def ledger_key_setting(data_dir: Path) -> str:
    """LEDGER_KEY_FILE where the folder is that of the configured desk; a private desk has its key beside its ledger."""
    from cli.desk_client import is_configured_desk
    from common.settings import load
    from services.portfolio.settings import PortfolioSettings

    return load(PortfolioSettings).ledger_key_file if is_configured_desk(data_dir) else ""


def reconcile(data_dir: DeskFolder, control: Control = None, as_json: AsJson = False) -> int:
    """Compare the ledger with the venue, order by order, deal by deal, and the money.

    Exit code 0 when they agree, 1 when they do not, 2 when they could not be compared.
    """
    from msgspec import to_builtins

    from cli.report_view import difference_text

    folder = existing_desk(data_dir)
    url = control or running_control_url(folder)
    differences = _ask(url) if url else _compare(folder)
    rows: list[dict[str, Any]] = [to_builtins(found) for found in differences]
    if as_json:
        print_json({"differences": rows, "reconciled": not rows})
    else:
        print(*(map(difference_text, rows) if rows else ["reconciled: ledger and venue agree"]), sep="\n")
    return 1 if differences else 0


def running_control_url(data_dir: Path) -> str | None:
    """The control socket of the desk that runs on this directory; None when none answers."""
    from cli.desk_client import control_url_of
    from orchestration.control_client import ControlClient
    from proto.control import StatusQuery, StatusReply

    url = control_url_of(data_dir)
    if url is None:
        return None
    with ControlClient(url) as client:
        return url if client.request(StatusQuery(), StatusReply, timeout_s=ALIVE_TIMEOUT_S) is not None else None


def _ask(url: str) -> list[Difference]:
    from orchestration.control_client import ControlClient
    from proto.control import ReconcileCommand, ReconcileReply

    with ControlClient(url) as client:
        reply = client.request(ReconcileCommand(), ReconcileReply, timeout_s=RECONCILE_TIMEOUT_S)
    if reply is None:
        raise StartError(f"{url} did not answer within {RECONCILE_TIMEOUT_S:.0f} s, expected a running desk")
    if not reply.complete:
        raise StartError(f"the gateway could not be asked: {reply.error or 'no reason given'}; nothing is known")
    return reply.differences


def _compare(data_dir: Path) -> list[Difference]:
    from cli.desk_client import is_configured_desk
    from common.settings import load
    from orchestration.stopped_desk_audit import reconcile as audit
    from services.mt5.settings import Mt5Settings

    own = is_configured_desk(data_dir)
    return audit(data_dir, load(Mt5Settings).mt5_symbol_map if own else None)
