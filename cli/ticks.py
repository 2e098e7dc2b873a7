"""`paperdesk ticks describe`: what is in a file of recorded ticks, and what of it would be traded on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.inputs import NamedFile, split
from cli.options import AsJson, Crossed, CrossedQuotes
from cli.places import json_text
from common.errors import StartError

QUANTILES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)

app = typer.Typer(help="Recorded ticks.", rich_markup_mode="rich")

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk ticks describe eurusd.parquet:EURUSD

  paperdesk ticks describe may.parquet --symbol EURUSD --crossed accept --json
"""
File = Annotated[str, typer.Argument(metavar="FILE[:SYMBOL]", help="A Parquet file with ts_ns, bid and ask.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Symbol, where the file names none.")]


@app.callback()
def ticks() -> None:
    """Recorded ticks: what is in a file."""


@app.command(epilog=EXAMPLES)
def describe(
    file: File, symbol: SymbolOption = None, crossed: CrossedQuotes = Crossed.REJECT, as_json: AsJson = False
) -> int:
    """Rows, range, symbols, spreads, and how many rows are rejected for which reason."""
    found = [_described(named, crossed) for named in _symbols_of(file, symbol)]
    if as_json:
        print(json_text(found))
    else:
        _show(found)
    return 0


def _symbols_of(text: str, symbol: str | None) -> Iterator[NamedFile]:
    path, own = split(text)
    if own is not None and symbol is not None and own != symbol:
        raise StartError(f"--symbol is {symbol!r}, but the file names its own ({own})")
    chosen = own or symbol
    if chosen is not None:
        yield NamedFile(path, chosen)
        return
    in_file = _symbols_in(path)
    if not in_file:
        raise StartError(f"no symbol for {path}, expected {path}:SYMBOL or --symbol SYMBOL")
    for name in in_file:
        yield NamedFile(path, name)


def _symbols_in(path: Path) -> list[str]:
    """The symbols of a file that has a column for them; none for one without, or that cannot be read."""
    import polars as pl

    try:
        scan = pl.scan_parquet(path, glob=False)
        if "symbol" not in scan.collect_schema():
            return []
        names = scan.select(pl.col("symbol").cast(pl.String).unique(maintain_order=True)).collect()
    except (pl.exceptions.PolarsError, OSError):
        # Reading it as ticks says better what is wrong with it.
        return ["unknown"]
    return [name for name in names["symbol"].to_list() if name]


def _described(named: NamedFile, crossed: Crossed) -> dict[str, Any]:
    import numpy as np

    from cli.summary import utc
    from research.ticks import TickInput, load_stream
    from services.mt5.core.instruments import catalogue

    stream = load_stream(
        [TickInput(named.path, named.symbol)], crossed="accept" if crossed is Crossed.ACCEPT else "reject"
    )
    count = stream.last_ordinal
    columns = stream.ticks(named.symbol, from_sequence=1, limit=count, published=count)
    bid, ask = np.array(columns.bid), np.array(columns.ask)
    instrument = catalogue(named.symbol)
    scale = 1.0 if instrument is None else 10.0**instrument.digits
    digits = 10 if instrument is None else 1
    quantiles = np.quantile(ask - bid, QUANTILES) * scale
    first_ns, last_ns = columns.time_ns[0], columns.time_ns[-1]
    return {
        "file": str(named.path),
        "symbol": named.symbol,
        "known_to_the_simulated_broker": instrument is not None,
        "rows": stream.counts.read,
        "ticks": stream.counts.published,
        "rejected": dict(sorted(stream.counts.rejected.items())),
        "first_ns": first_ns,
        "last_ns": last_ns,
        "first": utc(first_ns),
        "last": utc(last_ns),
        "bid_min": float(bid.min()),
        "bid_max": float(bid.max()),
        "spread_unit": "price" if instrument is None else "points",
        "spread": {f"p{q * 100:g}": round(float(value), digits) for q, value in zip(QUANTILES, quantiles, strict=True)},
        "data_sha256": stream.data_sha256,
    }


def _show(found: list[dict[str, Any]]) -> None:
    from cli.summary import show_fields

    for ticks_of in found:
        rejected = {reason: f"{count:,}" for reason, count in ticks_of["rejected"].items() if count}
        show_fields(
            {
                "file": ticks_of["file"],
                "symbol": ticks_of["symbol"],
                "traded by the simulated broker": ticks_of["known_to_the_simulated_broker"],
                "rows": f"{ticks_of['rows']:,}",
                "ticks": f"{ticks_of['ticks']:,}",
                **{f"rejected, {reason}": count for reason, count in rejected.items()},
                "first": ticks_of["first"],
                "last": ticks_of["last"],
                "bid": f"{ticks_of['bid_min']} to {ticks_of['bid_max']}",
                **{f"spread {name}, {ticks_of['spread_unit']}": value for name, value in ticks_of["spread"].items()},
            }
        )
