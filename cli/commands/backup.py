"""`paperdesk backup` and `paperdesk restore`: the ledger copied while it is written to, and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.verify import DeskFolder, ledger_key_setting
from cli.json_output import print_json
from cli.paths import existing_desk
from cli.run_options import AsJson
from common.errors import StartError


def register_commands(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(epilog="[bold]Example[/bold]\n\n  paperdesk backup --data-dir desk monday.db")(backup)
    app.command(epilog="[bold]Example[/bold]\n\n  paperdesk restore monday.db --data-dir desk")(restore)


def backup(
    data_dir: DeskFolder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to make.", show_default=False)],
    as_json: AsJson = False,
) -> int:
    """Copy the ledger of a desk, running or not, into one file, verified."""
    from services.portfolio.ledger.backup import back_up

    events = back_up(existing_desk(data_dir), out)
    if as_json:
        print_json({"file": out.resolve(), "events": events})
    else:
        print(f"backed up: {events} events in {out}, verified")
    return 0


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `paperdesk backup` made.", show_default=False)],
    data_dir: DeskFolder,
    as_json: AsJson = False,
) -> int:
    """Put a backup in the place of a stopped desk's ledger, which is kept beside it.

    The next start takes a new incarnation, finds at the gateway what came after the backup, books its deals, and halts on
    orders that the restored ledger does not know until a person has looked.
    """
    from services.portfolio.ledger.backup import restore as put_back

    if not data_dir.is_dir():
        raise StartError(f"--data-dir {data_dir} is not there, expected the folder of a desk")
    folder = data_dir.resolve()
    done = put_back(backup, folder, ledger_key_setting(folder))
    if as_json:
        print_json({"events": done.events, "replaced": done.replaced, "signature": done.signature})
    else:
        print(f"restored: {done.events} events from {backup}")
        print(f"the backup was {done.signature}; the ledger is signed with the key of this desk")
        if done.replaced is not None:
            print(f"the ledger before it is {done.replaced}")
    return 0
