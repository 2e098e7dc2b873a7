"""`paperdesk chaos`: faults on purpose, and a scorecard that an oracle signs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli import options as o
from cli.places import data_directory, json_text, writable_file, write_json

if TYPE_CHECKING:
    from research.chaos.scorecard import Scorecard

EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk chaos --minutes 1 --seed 7

  paperdesk chaos --minutes 40 --seed 20261125 --json scorecard.json
"""
SYMBOLS: Final = "EURUSD,GBPUSD,USDJPY,AUDUSD"
SHOWN_MAX: Final = 10

Minutes = Annotated[float, typer.Option("--minutes", min=0.1, max=1_440, help="How long it is disturbed.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="What every fault is drawn from.")]
Kills = Annotated[float, typer.Option("--kills-per-minute", min=0, max=120, help="Processes killed.")]
Others = Annotated[float, typer.Option("--faults-per-minute", min=0, max=240, help="Faults that are no kills.")]
Network = Annotated[float, typer.Option("--network", min=0, max=0.5, help="Probability of each network fault.")]
Factor = Annotated[
    float, typer.Option("--speed", min=0.1, max=1_000, help="How much faster than life the market runs.")
]
Ticks = Annotated[list[str] | None, typer.Option("--ticks", metavar="FILE:SYMBOL", help="Recorded ticks; repeatable.")]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=EXAMPLES)(chaos)


def chaos(
    minutes: Minutes = 1.0,
    seed: Seed = 1,
    kills_per_minute: Kills = 15.0,
    faults_per_minute: Others = 20.0,
    network: Network = 0.05,
    speed: Factor = 20.0,
    ticks: Ticks = None,
    data_dir: o.DataDir = None,
    report: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the scorecard there.")] = None,
) -> int:
    """Disturb a live desk in every way known, let it settle, and compare its ledger with the venue's own book.

    Exit code 0 when nothing was lost and nothing doubled, 1 otherwise, 2 when it could not be run.
    """
    from cli.chaos_run import STRATEGY, ChaosPlan, run_chaos
    from research.chaos.proxy import Odds

    out = None if report is None else writable_file(report, "--json")
    settings = {
        "STRATEGY": STRATEGY,
        "RISK": "none",
        "GTW_TIMEOUT_MS": "300",
        "MT5_FAULTS": "true",
        "MT5_SETTLING_MS": "3000",
        "MT5_PACE": f"live:{speed:g}",
        "MT5_BALANCE": "1000000",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
    } | _market(ticks, seed)
    with data_directory(data_dir, go_on=False) as folder:
        plan = ChaosPlan(
            data_dir=folder,
            settings=settings,
            minutes=minutes,
            seed=seed,
            kills_per_minute=kills_per_minute,
            faults_per_minute=faults_per_minute,
            odds=Odds(drop=network, delay=network, duplicate=network, reorder=network, delay_max_s=0.5),
        )
        card = run_chaos(plan, lambda _: None)
    if out is not None:
        write_json(out, card.as_json())
    _show(card)
    return 0 if card.is_clean else 1


def _market(ticks: list[str] | None, seed: int) -> dict[str, str]:
    if not ticks:
        return {"MT5_MARKET": "generated", "MT5_SEED": str(seed), "TRADING_SYMBOL": SYMBOLS}
    from cli.inputs import named_files

    files = named_files(tuple(ticks), None)
    return {
        "MT5_MARKET": "recorded",
        "MT5_TICKS": ";".join(f"{file.path.resolve()}:{file.symbol}" for file in files),
        "TRADING_SYMBOL": ",".join(file.symbol for file in files),
    }


def _show(card: Scorecard) -> None:
    from rich.console import Console
    from rich.table import Table

    figures = card.as_json()
    table = Table(title=f"Chaos, {card.minutes:g} minutes, seed {card.seed}: SIMULATED", show_header=False)
    for name in ("kills", "gateway_calls", "orders", "deals", "settled"):
        table.add_row(name.replace("_", " "), str(figures[name]))
    for name in ("lost", "doubled", "different", "positions", "cash", "in_doubt", "unresolved", "foreign"):
        table.add_row(name.replace("_", " "), str(len(figures[name])))
    for group in ("faults", "network", "resumed_by_the_command", "not_played"):
        table.add_section()
        for name, value in figures[group].items():
            table.add_row(f"{group.split('_')[0]}: {name}", str(value))
    table.add_section()
    for name, found in figures["recovery_s"].items():
        table.add_row(f"recovery of {name}", f"p50 {found['p50']} s, p99 {found['p99']} s, {found['count']} times")
    Console().print(table)
    for name in ("lost", "doubled", "different", "positions", "cash", "in_doubt"):
        for line in figures[name][:SHOWN_MAX]:
            print(f"{name}: {line}")
    print(json_text({"clean": figures["clean"]}))
