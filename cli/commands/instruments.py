"""`paperdesk instruments`: export the contract terms of symbols from a gateway, show them, and check a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from cli import options as o
from cli.gateway_commands import gateway_instruments
from cli.output_file import output_file
from common.errors import StartError
from marketdata.instrument_files.loader import SETTING, FileCatalogue, load_instruments, shipped_files
from marketdata.instrument_files.writer import instruments_text

app = typer.Typer()
group = typer.Typer(help="Contract terms of symbols: export from a gateway, show, check a file.")
app.add_typer(group, name="instruments")

EXPORT_EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk instruments export --out broker.toml

  paperdesk instruments export --symbols US30,DE40 --url tcp://127.0.0.1:5555
"""
SHOW_EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk instruments show EURUSD

  paperdesk instruments show admirals

  paperdesk instruments show DE40 --instruments admirals
"""
CHECK_EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk instruments check broker.toml
"""
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File to write.", show_default="stdout")]
Symbols = Annotated[
    str | None,
    typer.Option("--symbols", metavar="A,B,...", help="Symbols.", show_default="all that the gateway quotes"),
]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of the gateway.")]
What = Annotated[str, typer.Argument(metavar="FILE|SYMBOL", help="A file, a shipped file's name, or a symbol.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="A file of instruments, or a shipped file's name.")]


@group.command(epilog=EXPORT_EXAMPLES)
def export(
    out: Out = None, force: o.Force = False, symbols: Symbols = None, data_dir: o.RunningDesk = None, url: Url = None
) -> int:
    """Write a gateway's contract terms to a file of instruments.

    A term that the gateway does not report is written as "?". A run refuses the symbol until a
    person replaces the "?".
    """
    file = None if out is None else output_file(out, "--out", force=force)

    names = None if symbols is None else [part.strip() for part in symbols.split(",") if part.strip()]
    hello, found = gateway_instruments(names, data_dir, url)
    unreported = sum(len(one.untold) for one in found)
    text = instruments_text(found, f"From {hello.venue}, account {hello.account}, fill profile {hello.fills}.")
    if file is None:
        print(text, end="")
        return 0
    file.write_text(text)
    unknown = f', {unreported} terms "?"' if unreported else ""
    print(f"wrote {file.path}: {len(found)} symbol{'' if len(found) == 1 else 's'}{unknown}")
    return 0


@group.command(epilog=SHOW_EXAMPLES)
def show(what: What, instruments: Annotated[str, o.INSTRUMENTS] = "") -> int:
    """Show the contract terms of a symbol, or of every symbol of a file."""
    is_file = not instruments and (what in shipped_files() or Path(what).is_file())
    catalogue = load_instruments(what if is_file else instruments)
    symbols = catalogue.symbols if is_file else (what,)
    found = [catalogue.require(symbol) for symbol in symbols]
    print(instruments_text(found, f"Terms of {', '.join(symbols)}."), end="")
    for symbol in symbols:
        for name, text in catalogue.notes(symbol).items():
            print(f"# {symbol} {name}: {text}")
    return 0


@group.command(epilog=CHECK_EXAMPLES)
def check(file: File) -> int:
    """Check every symbol of a file, and print why a run would refuse a symbol.

    Exit code 0 when every symbol can be traded, 1 otherwise.

    Raises:
        StartError: the file cannot be read, or has no symbol.
    """
    catalogue = load_instruments(file)
    if not catalogue.symbols:
        raise StartError(f"{file} has no symbol, expected a table for each symbol, such as [US30]")
    problems = [line for symbol in catalogue.symbols if (line := _problem(catalogue, symbol))]
    for line in problems:
        print(line)
    print(f"{len(catalogue.symbols) - len(problems)} of {len(catalogue.symbols)} symbols can be traded")
    return 1 if problems else 0


def _problem(catalogue: FileCatalogue, symbol: str) -> str:
    try:
        catalogue.require(symbol)
    except StartError as error:
        return str(error).removeprefix(f"{SETTING}: ")
    return ""
