"""`paperdesk backup` and `paperdesk restore`: copy a ledger that may be in use, and replace a ledger by its copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import options as o
from cli.commands.verify import ledger_key_setting
from cli.json_output import print_json
from cli.paths import existing_desk
from common.errors import StartError
from services.portfolio.ledger.backup import back_up
from services.portfolio.ledger.backup import restore as restore_ledger

app = typer.Typer()


@app.command(epilog="[bold]Example[/bold]\n\n  paperdesk backup --data-dir desk monday.db")
def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.", show_default=False)],
    data_dir: o.DeskFolder = o.OWN_FOLDER,
    as_json: o.AsJson = False,
) -> int:
    """Copy the ledger of a running or stopped desk into one file, and verify the copy."""
    events = back_up(existing_desk(data_dir), out)
    if as_json:
        print_json({"file": out.resolve(), "events": events})
    else:
        print(f"backed up: {events} events in {out}, verified")
    return 0


@app.command(epilog="[bold]Example[/bold]\n\n  paperdesk restore monday.db --data-dir desk")
def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="File of `paperdesk backup`.", show_default=False)],
    data_dir: o.DeskFolder = o.OWN_FOLDER,
    as_json: o.AsJson = False,
) -> int:
    """Replace a stopped desk's ledger by a backup; the replaced ledger is kept beside it.

    The next start uses a new incarnation and books the deals since the backup. If the gateway has orders that are not
    in the restored ledger, the desk halts until `paperdesk resume`.

    Raises:
        StartError: the folder does not exist, or the backup cannot be restored.
    """
    if not data_dir.is_dir():
        raise StartError(f"--data-dir {data_dir} does not exist, expected the folder of a desk")
    folder = data_dir.resolve()
    restored = restore_ledger(backup, folder, ledger_key_setting(folder))
    if as_json:
        print_json({"events": restored.events, "replaced": restored.replaced, "signature": restored.signature})
    else:
        print(f"restored: {restored.events} events from {backup}")
        print(f"the backup was {restored.signature}; the ledger is signed with the key of this desk")
        if restored.replaced is not None:
            print(f"the replaced ledger is {restored.replaced}")
    return 0
