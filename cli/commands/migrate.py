"""`paperdesk migrate`: convert files of an earlier version to the schema of this version, with a backup of each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import options as o
from cli.json_output import print_json
from orchestration.migration import migrate as migrate_files

app = typer.Typer()

Place = Annotated[
    Path, typer.Argument(metavar="DATA_DIR", help="Folder of a stopped desk, or one file of it.", show_default=False)
]


@app.command(epilog="[bold]Example[/bold]\n\n  paperdesk migrate desk")
def migrate(place: Place, as_json: o.AsJson = False) -> int:
    """Convert the files of a stopped desk to this version's schema; the originals are kept beside them.

    Every other command that reads these files refuses a file of another version. A damaged file is left unchanged.
    """
    migrated = migrate_files(place.resolve())
    if as_json:
        rows = [
            {"file": one.path, "kind": one.kind, "from": one.before, "to": one.after, "backup": one.backup}
            for one in migrated
        ]
        print_json({"files": rows})
        return 0
    for one in migrated:
        if one.backup is None:
            print(f"{one.path}: {one.kind} already has version {one.after}")
        else:
            print(f"{one.path}: {one.kind} migrated from version {one.before} to {one.after}, backup {one.backup.name}")
    return 0
