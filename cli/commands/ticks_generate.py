"""`paperdesk ticks generate`: write ticks of the generated market to a file, for training and backtests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli import options as o
from cli.output_file import output_file
from cli.progress import progress_line
from cli.run_options import check_seed
from common.disk_faults import disk_faults_named
from common.errors import StartError
from marketdata.price_model_parameters import OPENING_NS
from orchestration.progress import Progress
from proto.time import HOUR_NS

if TYPE_CHECKING:
    import polars as pl

HOURS_MAX: Final = 24.0 * 366 * 10
BATCH_TICKS: Final = 100_000

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk ticks generate --symbols EURUSD --hours 48 --seed 1 eurusd.parquet

  paperdesk ticks generate --symbols EURUSD,GBPUSD,USDJPY,XAUUSD --hours 8 four.parquet
"""

Out = Annotated[Path, typer.Argument(metavar="OUT.parquet", help="File to write.")]
Symbols = Annotated[str, typer.Option("--symbols", metavar="A,B,...", help="Currency pairs, XAUUSD or XAGUSD.")]
Hours = Annotated[float, typer.Option("--hours", metavar="H", help="Hours of market time, rounded to whole minutes.")]


def add_to(group: typer.Typer) -> None:
    """Add the command to the group `ticks`."""
    group.command(epilog=EXAMPLES)(generate)


def generate(
    out: Out,
    symbols: Symbols = "EURUSD",
    hours: Hours = 24.0,
    seed: Annotated[int, o.SEED] = 0,
    force: o.Force = False,
) -> int:
    """Write ticks of the generated, SIMULATED market, in the order of time.

    The columns are ts_ns, symbol, bid, ask and volume.

    The first tick is at 08:00 UTC on Monday, 2025-01-06. The same symbols, hours and seed give the same rows.

    Raises:
        StartError: an option is out of range, a symbol is unknown, or the file cannot be written.
    """
    names = tuple(part.strip() for part in symbols.split(",") if part.strip())
    if not names or len(set(names)) != len(names):
        raise StartError(
            f"--symbols is {symbols!r}, expected different symbols, comma separated, such as EURUSD,GBPUSD"
        )
    if not 0 < hours <= HOURS_MAX:
        raise StartError(f"--hours is {hours:g}, expected hours above 0 and at most {HOURS_MAX:.0f}")
    check_seed(seed)
    file = output_file(out, "OUT", force=force)

    import polars as pl  # polars and numpy take 0.1 s to load, and help and completion do not need them
    from polars.io.plugins import register_io_source

    from marketdata.generated_market import UnknownSymbolError, pairs_of

    try:
        pairs_of(names)
    except UnknownSymbolError as error:
        raise StartError(f"--symbols: {error}") from None
    schema = {"ts_ns": pl.Int64, "symbol": pl.String, "bid": pl.Float64, "ask": pl.Float64, "volume": pl.Float64}
    count = 0

    def source(
        columns: Any,
        predicate: Any,  # noqa: ARG001 - the signature that polars requires; a sink filters no rows
        rows: int | None,  # noqa: ARG001
        batch: int | None,  # noqa: ARG001
    ) -> Iterator[pl.DataFrame]:
        nonlocal count
        for frame in _frames(names, hours=hours, seed=seed):
            count += len(frame)
            reached_h = (frame["ts_ns"][-1] - OPENING_NS) / HOUR_NS
            show(Progress(done=reached_h, total=hours, facts=(f"{count:,} ticks",)))
            yield frame if columns is None else frame.select(columns)

    with progress_line("generate: SIMULATED") as show, disk_faults_named(file.path.parent), file.written() as part:
        register_io_source(source, schema=schema).sink_parquet(part)
    print(f"{count:,} SIMULATED ticks of {', '.join(names)} in {out}")
    return 0


def _frames(symbols: tuple[str, ...], *, hours: float, seed: int) -> Iterator[pl.DataFrame]:
    """The ticks in frames of BATCH_TICKS or more, so that memory does not depend on the hours."""
    import polars as pl  # loads slowly, so help and completion do not import it

    from marketdata.generated_market import generated_minutes

    held: list[pl.DataFrame] = []
    for part in generated_minutes(symbols, seed=seed, hours=hours):
        held.append(
            pl.DataFrame(
                {
                    "ts_ns": part.time_ns,
                    "symbol": pl.Series([part.symbols[index] for index in part.symbol_index.tolist()], dtype=pl.String),
                    "bid": part.bid,
                    "ask": part.ask,
                    "volume": part.volume,
                }
            )
        )
        if sum(map(len, held)) >= BATCH_TICKS:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)
