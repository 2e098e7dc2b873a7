"""`paperdesk ticks`: describe tick files, convert them to Parquet, and generate ticks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import options as o
from cli.commands import ticks_generate
from cli.json_output import print_json
from cli.progress import progress_line
from cli.report_view import print_warnings
from cli.tables import show_fields
from cli.tick_arguments import clock_option, is_symbol, split_symbol
from common.errors import StartError
from marketdata.files.tick_input import DEFAULT_CROSSED, TickInput
from orchestration.progress import Progress
from proto.time import utc_text

OUT_SUFFIX: Final = ".parquet"

app = typer.Typer()
group = typer.Typer(help="Tick files: describe a file, convert files to Parquet, generate ticks of a simulated market.")
app.add_typer(group, name="ticks")
ticks_generate.add_to(group)

DESCRIBE_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk ticks describe eurusd.parquet:EURUSD

  paperdesk ticks describe may.parquet --symbol EURUSD --crossed accept --json

  paperdesk ticks describe EURUSD_mt5.csv:EURUSD --zone Europe/Athens
"""
CONVERT_EXAMPLES = """
[bold]Examples[/bold]

  paperdesk ticks convert EURUSD_mt5.csv eurusd.parquet --symbol EURUSD --utc-offset +02:00

  paperdesk ticks convert forex/fxcm/eurusd eurusd.parquet --symbol EURUSD

  paperdesk ticks convert eurusd.csv.gz:EURUSD gbpusd.zip:GBPUSD both.parquet
"""
File = Annotated[str, typer.Argument(metavar="FILE[:SYMBOL]", help=o.TICK_FILE_HELP)]
FilesAndOut = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE[:SYMBOL]... OUT.parquet", help=f"Input files in order, and the file to write. {o.TICK_FILE_HELP}"
    ),
]
NOT_NAMED = "not named"
"""Symbol of a file without a column of symbols. The spreads of such a file are in price, not in points."""


@group.command(epilog=DESCRIBE_EXAMPLES)
def describe(
    file: File,
    symbol: o.Symbol = None,
    zone: o.Zone = None,
    utc_offset: o.UtcOffset = None,
    crossed: o.CrossedQuotes = DEFAULT_CROSSED,
    as_json: o.AsJson = False,
) -> int:
    """Show the layout, rows, time range, symbols, spreads and pauses of a file, and the rejected rows by reason."""
    clock = clock_option(zone, utc_offset)
    from marketdata.files.tick_statistics import (
        describe as description_of,
    )  # polars loads for 0.3 s, and help does not need it

    descriptions = [
        description_of(TickInput(path, name, clock), crossed=crossed) for path, name in _symbols_of(file, symbol, clock)
    ]
    if as_json:
        print_json(descriptions)
    else:
        for description in descriptions:
            _show_description(description)
    return 0


@group.command(epilog=CONVERT_EXAMPLES)
def convert(
    files: FilesAndOut,
    symbol: o.Symbol = None,
    zone: o.Zone = None,
    utc_offset: o.UtcOffset = None,
    force: o.Force = False,
    as_json: o.AsJson = False,
) -> int:
    """Convert tick files to one Parquet file, in UTC.

    Unreadable rows are not converted. The command prints their number and the first of them, also with --json.

    Raises:
        StartError: an input cannot be read, the output cannot be written, or an option is malformed.
    """
    clock = clock_option(zone, utc_offset)
    *names, out = files
    if not names:
        raise StartError(f"only {out} given, expected FILE... and then OUT{OUT_SUFFIX}")
    if not out.endswith(OUT_SUFFIX):
        raise StartError(f"the last file is {out}, expected the file to write, OUT{OUT_SUFFIX}")
    from marketdata.files import parquet_conversion  # loads polars, which help does not need

    inputs = [
        parquet_conversion.ConvertInput(path, own or _checked(symbol), clock) for path, own in map(split_symbol, names)
    ]
    with progress_line("convert") as show:
        report = parquet_conversion.convert(
            inputs,
            Path(out),
            force=force,
            progress=lambda files, count, rows: show(
                Progress(done=files, total=count, facts=(f"{rows:,} rows", f"{count} files"))
            ),
        )
    if as_json:
        print_json(report)
    else:
        _show_conversion(report)
    return 0


def _checked(symbol: str | None) -> str | None:
    if symbol is not None and not is_symbol(symbol):
        raise StartError(f"--symbol is {symbol!r}, expected a symbol such as EURUSD")
    return symbol


def _symbols_of(text: str, symbol: str | None, clock: str | None) -> Iterator[tuple[Path, str]]:
    from marketdata.files.tick_statistics import symbols_in  # loads polars, which help does not need

    path, own = split_symbol(text)
    if own is not None and symbol is not None and own != symbol:
        raise StartError(f"--symbol is {symbol!r}, but the file is given with the symbol {own}")
    chosen = own or _checked(symbol)
    if chosen is not None:
        yield path, chosen
        return
    in_file = symbols_in(path, clock)
    for name in in_file or [NOT_NAMED]:
        yield path, name


def _show_description(one: dict[str, Any]) -> None:
    show_fields(
        {
            "file": one["file"] if one["files"] == 1 else f"{one['file']} ({one['files']} files)",
            "layout": f"{one['layout']}, times {one['zone']}",
            "symbol": one["symbol"],
            "traded by the simulated broker": one["known_to_the_simulated_broker"],
            "rows": f"{one['rows']:,}",
            "ticks": f"{one['ticks']:,}",
            **{f"rejected, {reason}": f"{count:,}" for reason, count in one["rejected"].items()},
            **_odd_lines(one),
            **_remarks(one),
            "clock": one["clock"]["text"],
            **({"summer time": one["clock"]["summer_time_text"]} if one["clock"]["summer_time"] else {}),
            "first": utc_text(one["first_ns"]),
            "last": utc_text(one["last_ns"]),
            "duration": str(timedelta(seconds=round(one["duration_s"]))),
            "ticks per second, median": f"{one['ticks_per_second_median']:g}",
            **{
                f"pause {place}": f"{gap['seconds']:,.3f} s from {utc_text(gap['after_ns'])}"
                for place, gap in enumerate(one["gaps"], start=1)
            },
            "bid": f"{one['bid_min']} to {one['bid_max']}",
            **{f"spread {name}, {one['spread_unit']}": value for name, value in one["spread"].items()},
        }
    )
    print_warnings(one)


def _show_conversion(report: dict[str, Any]) -> None:
    show_fields(
        {
            "written": report["out"],
            **{f"from {one['file']}": f"{one['layout']}, times {one['zone']}" for one in report["inputs"]},
            "symbols": ", ".join(report["symbols"]) or "not named",
            "rows read": f"{report['rows']:,}",
            "rows written": f"{report['written']:,}",
            **({"left out, of other symbols": report["of_other_symbols"]} if report["of_other_symbols"] else {}),
            **({"left out, unreadable": f"{report['unreadable']:,}"} if report["unreadable"] else {}),
            **_odd_lines(report),
            **_remarks(report),
            **{f"written, but {reason}": f"{count:,}" for reason, count in report["rejected_when_used"].items()},
            "earliest": utc_text(report["first_ns"]),
            "latest": utc_text(report["last_ns"]),
        }
    )


def _remarks(found: dict[str, Any]) -> dict[str, Any]:
    return {f"remark {place}": remark for place, remark in enumerate(found["remarks"], start=1)}


def _odd_lines(found: dict[str, Any]) -> dict[str, Any]:
    lines = {f"unreadable {place}": line for place, line in enumerate(found["unreadable_lines"], start=1)}
    return lines | ({"empty lines": found["blank_lines"]} if found["blank_lines"] else {})
