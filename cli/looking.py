"""`paperdesk orders`, `deals`, `positions`, `account`, `risk`, `reconcile` and `verify`: a desk's files, running or stopped.

Ledgers are read while their writer goes on. Only `reconcile` has to know whether the desk runs: then portfolio compares,
because it alone knows what is under way; a stopped desk's ledger is compared with the simulated broker's book beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import AsJson
from cli.places import existing_desk, json_text
from common.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proto.control import Difference

ALIVE_TIMEOUT_S: Final = 1.0
RECONCILE_TIMEOUT_S: Final = 30.0

ORDER_COLUMNS: Final = [
    "number",
    "order_id",
    "created_ns",
    "symbol",
    "side",
    "volume",
    "price",
    "status",
    "filled_volume",
    "filled_price",
    "profit",
    "code",
    "error",
]
DEAL_COLUMNS: Final = (
    ["deal", "order_id", "time_ns", "symbol", "kind", "entry", "volume", "price", "profit", "commission", "swap"]
)  # fmt: skip
POSITION_COLUMNS: Final = ["symbol", "direction", "net_volume", "avg_entry_price", "unrealized_pnl"]

RISK_COLUMNS: Final = ["code", "subject", "limit", "now"]

Desk = Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="The desk's data directory.", show_default=False)]
Control = Annotated[
    str | None,
    typer.Option("--control", metavar="URL", help="Control socket of a running desk, where it is not found."),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    example = "[bold]Example[/bold]\n\n  paperdesk {} --data-dir desk"
    for command in (orders, deals, positions, account, risk, reconcile, verify):
        app.command(epilog=example.format(command.__name__))(command)


def orders(data_dir: Desk, as_json: AsJson = False) -> int:
    """Every order of the account, with what became of it."""
    from research import views

    return _rows(views.orders(existing_desk(data_dir)), ORDER_COLUMNS, "no orders", as_json=as_json)


def deals(data_dir: Desk, as_json: AsJson = False) -> int:
    """Every deal of the account in the order of happening, deposits included."""
    from research import views

    return _rows(views.deals(existing_desk(data_dir)), DEAL_COLUMNS, "no deals", as_json=as_json)


def positions(data_dir: Desk, as_json: AsJson = False) -> int:
    """Open positions, valued at the last tick decided."""
    from research import views

    return _rows(views.positions(existing_desk(data_dir)), POSITION_COLUMNS, "no open positions", as_json=as_json)


def account(data_dir: Desk, as_json: AsJson = False) -> int:
    """Money and progress of the account."""
    from cli.summary import show_fields
    from research import views

    fields = views.account(existing_desk(data_dir))
    if as_json:
        print(json_text(fields))
    else:
        show_fields(fields)
    return 0


def risk(
    data_dir: Desk,
    risk_set: Annotated[
        str | None, typer.Option("--risk", help="default, none, or a TOML file: the desk's own where that has a name.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """What each limit of the risk ladder stands at, as of the last tick decided."""
    from research import views

    rows = views.risk(existing_desk(data_dir), risk_set)
    return _rows(rows, RISK_COLUMNS, "no limit has anything to show", as_json=as_json)


def _rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], none: str, *, as_json: bool) -> int:
    from cli.summary import show_rows

    if as_json:
        print(json_text(rows))
    else:
        show_rows(rows, columns, none=none)
    return 0


def verify(data_dir: Desk, as_json: AsJson = False) -> int:
    """Check the ledger's hash chain and fold its events anew.

    Exit code 0 when everything fits, 1 when it does not.
    """
    from research.audit import verify as audit

    problems = audit(existing_desk(data_dir))
    if as_json:
        print(json_text({"problems": problems, "verified": not problems}))
    else:
        print(*(problems or ["verified: the chain is whole and the events fold to the stored account"]), sep="\n")
    return 1 if problems else 0


def reconcile(data_dir: Desk, control: Control = None, as_json: AsJson = False) -> int:
    """Compare the ledger with the venue, order by order, deal by deal, and the money.

    Exit code 0 when they agree, 1 when they do not, 2 when they could not be compared.
    """
    from msgspec import to_builtins

    from cli.summary import difference_words

    folder = existing_desk(data_dir)
    url = control or control_of(folder)
    differences = _ask(url) if url else _compare(folder)
    rows: list[dict[str, Any]] = [to_builtins(found) for found in differences]
    if as_json:
        print(json_text({"differences": rows, "reconciled": not rows}))
    else:
        print(*(map(difference_words, rows) if rows else ["reconciled: ledger and venue agree"]), sep="\n")
    return 1 if differences else 0


def control_of(data_dir: Path) -> str | None:
    """The control socket of the desk that runs on this directory; None when none answers."""
    from cli.control import ControlClient
    from cli.replay import CONTROL_FILE
    from proto.control import StatusQuery, StatusReply

    note = data_dir / CONTROL_FILE
    url = note.read_text(encoding="utf-8").strip() if note.is_file() else _configured(data_dir)
    if url is None or (url.startswith("ipc://") and not Path(url.removeprefix("ipc://")).exists()):
        return None
    with ControlClient(url) as client:
        return url if client.ask(StatusQuery(), StatusReply, timeout_s=ALIVE_TIMEOUT_S) is not None else None


def _configured(data_dir: Path) -> str | None:
    """The control socket that the settings name, when this is the directory that they name."""
    from common.settings import CommonSettings, load

    settings = load(CommonSettings)
    return settings.control_url if settings.paperdesk_data_dir.resolve() == data_dir else None


def _ask(url: str) -> list[Difference]:
    from cli.control import ControlClient
    from proto.control import ReconcileCommand, ReconcileReply

    with ControlClient(url) as client:
        reply = client.ask(ReconcileCommand(), ReconcileReply, timeout_s=RECONCILE_TIMEOUT_S)
    if reply is None:
        raise StartError(f"{url} did not answer within {RECONCILE_TIMEOUT_S:.0f} s, expected a running desk")
    if not reply.complete:
        raise StartError(f"the gateway could not be asked: {reply.error or 'no reason given'}; nothing is known")
    return reply.differences


def _compare(data_dir: Path) -> list[Difference]:
    from common.settings import load
    from research.audit import reconcile as audit
    from services.mt5.settings import Mt5Settings

    own = _configured(data_dir) is not None
    return audit(data_dir, load(Mt5Settings).mt5_symbol_map if own else None)
