"""`paperdesk export`: write orders, fills, round trips or the equity, as a file or on stdout, for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import options as o
from cli.desk_client import DeskClient, open_desk
from cli.desk_queries import account_fields, equity_point_rows, fill_rows, order_rows, trade_rows
from cli.json_output import json_text, print_json
from cli.output_file import OutputFile, output_file
from common.errors import StartError
from proto.control.views import plain_fields
from research.export import COLUMNS, csv_text, equity_rows, write_parquet

app = typer.Typer()
EXAMPLE = "[bold]Example[/bold]\n\n  paperdesk export trades --format csv --out trades.csv --data-dir desk"


class ExportKind(StrEnum):
    """The rows of an export; `trades` are round trips, `equity` has the balance of deals and the equity of minutes."""

    ORDERS = "orders"
    FILLS = "fills"
    TRADES = "trades"
    EQUITY = "equity"


class Format(StrEnum):
    """File formats of an export."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@app.command(epilog=EXAMPLE)
def export(
    what: Annotated[ExportKind, typer.Argument(help="Rows to write.", show_default=False)],
    format_: Annotated[
        Format | None, typer.Option("--format", help="File format.", show_default="csv, or json with --json")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File to write; required for Parquet.", show_default="stdout"),
    ] = None,
    force: o.Force = False,
    data_dir: o.RunningDesk = None,
    url: o.Url = None,
    as_json: o.AsJson = False,
) -> int:
    """Write all orders, all fills, all round trips, or balance and equity over time; docs/commands.md has the columns.

    Raises:
        StartError: the options contradict each other, the file cannot be written, or the desk does not answer.
    """
    if as_json and format_ not in (None, Format.JSON):
        raise StartError(f"--format {format_} with --json, expected no --format: --json means --format json")
    form = format_ or (Format.JSON if as_json else Format.CSV)
    if form is Format.PARQUET and out is None:
        raise StartError("--format parquet without --out, expected --out FILE: Parquet is binary")
    file = None if out is None else output_file(out, "--out", force=force)
    with open_desk(data_dir, url) as desk:
        rows = _rows(desk, what)
    if file is None:
        print(_text(rows, what, form), end="")
        return 0
    _write(file, rows, what, form)
    if as_json:
        print_json({"what": what, "rows": len(rows), "out": str(file.path)})
    else:
        print(f"{len(rows):,} rows of {what} in {out}")
    return 0


def _rows(desk: DeskClient, what: ExportKind) -> Sequence[dict[str, Any]]:
    if what is ExportKind.ORDERS:
        return order_rows(desk)[0]
    if what is ExportKind.FILLS:
        return fill_rows(desk, trades_only=True)[0]
    if what is ExportKind.TRADES:
        return trade_rows(desk)
    # The points are read first: a later point would be newer than the current state, which is the last row.
    points = equity_point_rows(desk)
    account, (deals, _) = account_fields(desk), fill_rows(desk, trades_only=False)
    return [plain_fields(row) for row in equity_rows(deals, account, points)]


def _text(rows: Sequence[dict[str, Any]], what: ExportKind, form: Format) -> str:
    return json_text(rows) + "\n" if form is Format.JSON else csv_text(rows, COLUMNS[what])


def _write(file: OutputFile, rows: Sequence[dict[str, Any]], what: ExportKind, form: Format) -> None:
    if form is not Format.PARQUET:
        file.write_text(_text(rows, what, form))
        return
    with file.written() as part:
        write_parquet(part, rows, COLUMNS[what])
