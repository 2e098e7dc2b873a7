"""`paperdesk migrate`: files of an earlier version brought forward, each with a backup beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.json_output import print_json
from cli.run_options import AsJson

Place = Annotated[
    Path,
    typer.Argument(metavar="DATA_DIR", help="The folder of a stopped desk, or one file of it.", show_default=False),
]


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog="[bold]Example[/bold]\n\n  paperdesk migrate desk")(migrate)


def migrate(place: Place, as_json: AsJson = False) -> int:
    """Migrate the files of a stopped desk to this version's schema; the older ones are kept beside them.

    Every other command refuses a file of an earlier or a later version. A file that is not whole is left as it is.
    """
    from orchestration.migration import migrate as bring_forward

    done = bring_forward(place.resolve())
    if as_json:
        rows = [
            {"file": one.path, "kind": one.kind, "from": one.before, "to": one.after, "backup": one.backup}
            for one in done
        ]
        print_json({"files": rows})
        return 0
    for one in done:
        if one.backup is None:
            print(f"{one.path}: {one.kind} of version {one.after} already")
        else:
            print(
                f"{one.path}: {one.kind} migrated from version {one.before} to {one.after}, kept as {one.backup.name}"
            )
    return 0
