"""`paperdesk ticks`: what is in a file of recorded ticks, and Parquet made of any layout that is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.commands import ticks_generate
from cli.json_output import print_json
from cli.output_file import Force
from cli.progress import progress_line
from cli.run_options import LAYOUTS, AsJson, Crossed, CrossedQuotes, UtcOffset, Zone
from cli.tick_arguments import clock_option, is_symbol, split_symbol
from common.errors import StartError

OUT_SUFFIX: Final = ".parquet"

app = typer.Typer(help="Recorded ticks.", rich_markup_mode="rich")

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
File = Annotated[str, typer.Argument(metavar="FILE[:SYMBOL]", help=f"A file of ticks, or a folder of them: {LAYOUTS}")]
FilesAndOut = Annotated[
    list[str],
    typer.Argument(metavar="FILE[:SYMBOL]... OUT.parquet", help=f"Files in order, and the one to write. {LAYOUTS}"),
]
NOT_NAMED = "not named"
"""Stands for the symbol of a file whose rows name none: it can be looked at, its spread in price and not in points."""

SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Symbol, where the file names none.")]


def register_commands(parent: typer.Typer) -> None:
    """Register the commands below `ticks`."""
    ticks_generate.register_commands(app)
    parent.add_typer(app, name="ticks")


@app.callback()
def ticks() -> None:
    """Recorded ticks: what is in a file, and Parquet made of it."""


@app.command(epilog=DESCRIBE_EXAMPLES)
def describe(
    file: File,
    symbol: SymbolOption = None,
    zone: Zone = None,
    utc_offset: UtcOffset = None,
    crossed: CrossedQuotes = Crossed.REJECT,
    as_json: AsJson = False,
) -> int:
    """Layout, rows, range, symbols, spreads, pauses, and how many rows are rejected for which reason."""
    from marketdata.files.tick_input import TickInput
    from marketdata.files.tick_statistics import describe as described

    clock = clock_option(zone, utc_offset)
    found = []
    for path, name in _symbols_of(file, symbol, clock):
        one = described(TickInput(path, name, clock), crossed="accept" if crossed is Crossed.ACCEPT else "reject")
        found.append(one)
    if as_json:
        print_json(found)
    else:
        for one in found:
            _show_description(one)
    return 0


@app.command(epilog=CONVERT_EXAMPLES)
def convert(
    files: FilesAndOut,
    symbol: SymbolOption = None,
    zone: Zone = None,
    utc_offset: UtcOffset = None,
    force: Force = False,
    as_json: AsJson = False,
) -> int:
    """Make one Parquet file of ticks, in UTC, with every row that can be read.

    Rows that cannot be read are left out, counted, and the first of them shown; --json lists the same.
    """
    from marketdata.files.parquet_conversion import ConvertInput
    from marketdata.files.parquet_conversion import convert as converted
    from orchestration.progress import Progress

    clock = clock_option(zone, utc_offset)
    *names, out = files
    if not names:
        raise StartError(f"only {out} given, expected FILE... and then OUT{OUT_SUFFIX}")
    if not out.endswith(OUT_SUFFIX):
        raise StartError(f"the last file is {out}, expected the one to write, OUT{OUT_SUFFIX}")
    inputs = [ConvertInput(path, own or _checked(symbol), clock) for path, own in map(split_symbol, names)]
    with progress_line("convert") as show:
        report = converted(
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
    from marketdata.files.tick_statistics import symbols_in

    path, own = split_symbol(text)
    if own is not None and symbol is not None and own != symbol:
        raise StartError(f"--symbol is {symbol!r}, but the file names its own ({own})")
    chosen = own or _checked(symbol)
    if chosen is not None:
        yield path, chosen
        return
    in_file = symbols_in(path, clock)
    for name in in_file or [NOT_NAMED]:
        yield path, name


def _show_description(one: dict[str, Any]) -> None:
    from cli.report_view import print_warnings
    from cli.tables import show_fields
    from proto.time import utc_text

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
                f"pause {place}": f"{timedelta(seconds=round(gap['seconds'], 3))} from {utc_text(gap['after_ns'])}"
                for place, gap in enumerate(one["gaps"], start=1)
            },
            "bid": f"{one['bid_min']} to {one['bid_max']}",
            **{f"spread {name}, {one['spread_unit']}": value for name, value in one["spread"].items()},
        }
    )
    print_warnings(one)


def _show_conversion(report: dict[str, Any]) -> None:
    from cli.tables import show_fields
    from proto.time import utc_text

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
    return {f"remark {place}": words for place, words in enumerate(found["remarks"], start=1)}


def _odd_lines(found: dict[str, Any]) -> dict[str, Any]:
    lines = {f"unreadable {place}": words for place, words in enumerate(found["unreadable_lines"], start=1)}
    return lines | ({"empty lines": found["blank_lines"]} if found["blank_lines"] else {})
