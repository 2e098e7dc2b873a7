"""`paperdesk instruments`: export terms of symbols from a gateway, show them, and check a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.output_file import Force, output_file
from common.errors import StartError

if TYPE_CHECKING:
    from marketdata.instrument_files.loader import FileCatalogue

app = typer.Typer(help="Terms of symbols.", rich_markup_mode="rich")

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
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File to write. Default: stdout.")]
Symbols = Annotated[
    str | None, typer.Option("--symbols", help="Symbols, comma separated. Default: all that the gateway quotes.")
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Desk whose gateway is queried.")]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of the gateway.")]
What = Annotated[str, typer.Argument(metavar="FILE|SYMBOL", help="A file, a shipped example's name, or a symbol.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="A file of instruments, or a shipped example's name.")]
Instruments = Annotated[str, typer.Option("--instruments", metavar="FILE", help="File of instruments to read first.")]


def register_commands(parent: typer.Typer) -> None:
    """Register the commands below `instruments`."""
    parent.add_typer(app, name="instruments")


@app.callback()
def instruments() -> None:
    """Terms of symbols: export them from a gateway, show them, check a file of them."""


@app.command(epilog=EXPORT_EXAMPLES)
def export(
    out: Out = None, force: Force = False, symbols: Symbols = None, data_dir: DataDir = None, url: Url = None
) -> int:
    """Write a gateway's terms as a file of instruments; a term that the gateway omits is "?", which a run refuses."""
    file = None if out is None else output_file(out, "--out", force=force)
    from cli.gateway_commands import gateway_instruments
    from marketdata.instrument_files.writer import instruments_text

    names = None if symbols is None else [part.strip() for part in symbols.split(",") if part.strip()]
    hello, found = gateway_instruments(names, data_dir, url)
    untold = sum(len(one.untold) for one in found)
    text = instruments_text(found, f"As told by {hello.venue}, account {hello.account}, profile {hello.fills}.")
    if file is None:
        print(text, end="")
        return 0
    file.write_text(text)
    missing = f', {untold} fields "?"' if untold else ""
    print(f"wrote {file.path}: {len(found)} symbols{missing}")
    return 0


@app.command(epilog=SHOW_EXAMPLES)
def show(what: What, instruments: Instruments = "") -> int:
    """Show the terms of a symbol, or of every symbol of a file, as they are read."""
    from marketdata.instrument_files.loader import load_instruments, shipped_files
    from marketdata.instrument_files.writer import instruments_text

    is_file = not instruments and (what in shipped_files() or Path(what).is_file())
    catalogue = load_instruments(what if is_file else instruments)
    symbols = catalogue.symbols if is_file else (what,)
    found = [catalogue.require(symbol) for symbol in symbols]
    print(instruments_text(found, f"Terms of {', '.join(symbols)}."), end="")
    for symbol in symbols:
        for name, text in catalogue.notes(symbol).items():
            print(f"# {symbol} {name}: {text}")
    return 0


@app.command(epilog=CHECK_EXAMPLES)
def check(file: File) -> int:
    """Check every symbol of a file; one line with the reason for each that a run would refuse, and exit code 1."""
    from marketdata.instrument_files.loader import load_instruments

    catalogue = load_instruments(file)
    if not catalogue.symbols:
        raise StartError(f"{file} has no symbol, expected a table for each, such as [US30]")
    problems = [line for symbol in catalogue.symbols if (line := _problem(catalogue, symbol))]
    for line in problems:
        print(line)
    print(f"{len(catalogue.symbols) - len(problems)} of {len(catalogue.symbols)} symbols can be traded")
    return 1 if problems else 0


def _problem(catalogue: FileCatalogue, symbol: str) -> str:
    from marketdata.instrument_files.loader import SETTING

    try:
        catalogue.require(symbol)
    except StartError as error:
        return str(error).removeprefix(f"{SETTING}: ")
    return ""
