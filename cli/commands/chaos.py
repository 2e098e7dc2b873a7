"""`paperdesk chaos`, `chaos-replay`, `crash-points` and `bit-flips`: inject faults, and audit their effects."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from cli import options as o
from cli.json_output import print_json
from cli.output_file import output_file
from cli.paths import data_directory, existing_desk
from cli.progress import progress_line, status_line
from cli.tables import console
from cli.tick_arguments import parse_tick_files
from common.errors import StartError
from orchestration.progress import Progress
from proto.trading.defaults import DEFAULT_STRATEGY
from verification.chaos import bit_flips as flips
from verification.chaos import scenarios
from verification.chaos.crash_point_run import run_crash_points
from verification.chaos.live_run import ChaosPlan, desk_settings, full_feature_settings, run_chaos
from verification.chaos.lossy_proxy import FaultProbabilities
from verification.chaos.replay_kills import external_kills, replay_with_kills
from verification.chaos.scorecard import Scorecard

app = typer.Typer()

EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk chaos --minutes 1 --seed 7

  paperdesk chaos --minutes 40 --seed 20261125 --json scorecard.json
"""
REPLAY_EXAMPLES: Final = """
[bold]Example[/bold]

  paperdesk chaos-replay --ticks 50000 --kills 200 --seed 7
"""
POINTS_EXAMPLES: Final = """
[bold]Example[/bold]

  paperdesk crash-points --count 25 --seed 7
"""
FLIPS_EXAMPLES: Final = """
[bold]Example[/bold]

  paperdesk bit-flips desk --count 10000 --seed 7
"""
SHOWN_MAX: Final = 10
GROUP_TITLES: Final = {
    "faults": "faults",
    "network": "network",
    "resumed_by_the_command": "resumed after",
    "not_played": "not injected",
}
"""Titles of the scorecard's groups of counts."""

Minutes = Annotated[float, typer.Option("--minutes", min=0.1, max=1_440, help="Duration of the faults.")]
Seed = Annotated[int, typer.Option("--seed", metavar="K", min=0, help="Seed of every fault.")]
Kills = Annotated[float, typer.Option("--kills-per-minute", min=0, max=120, help="Mean number of kills per minute.")]
Others = Annotated[
    float, typer.Option("--faults-per-minute", min=0, max=240, help="Mean number of other faults per minute.")
]
Network = Annotated[
    float, typer.Option("--network", min=0, max=0.5, help="Probability of each network fault, per message.")
]
Factor = Annotated[float, typer.Option("--speed", min=0.1, max=1_000, help="Market time divided by wall time.")]
Ticks = Annotated[
    list[str] | None,
    typer.Option("--ticks", metavar="FILE:SYMBOL", help="Recorded ticks instead of a generated market; repeatable."),
]
Everything = Annotated[
    bool,
    typer.Option("--everything", help="Use resting entries, trailing stops, realistic fills and a hedging account."),
]
DataDir = Annotated[Path | None, o.with_default(o.NEW_DATA_DIR, "a temporary folder")]
Scorecards = Annotated[
    Path | None, typer.Option("--json", metavar="OUT", help="Write the scorecard to this file as JSON.")
]


@app.command(epilog=EXAMPLES)
def chaos(
    minutes: Minutes = 1.0,
    seed: Seed = 1,
    kills_per_minute: Kills = 15.0,
    faults_per_minute: Others = 20.0,
    network: Network = 0.05,
    speed: Factor = 20.0,
    ticks: Ticks = None,
    everything: Everything = False,
    data_dir: DataDir = None,
    report: Scorecards = None,
    force: o.Force = False,
) -> int:
    """Inject faults into a live desk, wait until it has recovered, and compare its ledger with the venue's book.

    Exit code 0 when no order or deal is lost, doubled, different or in doubt; 1 otherwise; 2 when the run could not be
    made.
    """
    out = None if report is None else output_file(report, "--json", force=force)
    settings = desk_settings(speed=speed, seed=seed) | _market(ticks)
    with data_directory(data_dir, go_on=False) as folder:
        if everything:
            settings |= full_feature_settings(folder / "plan.toml")
        plan = ChaosPlan(
            data_dir=folder,
            settings=settings,
            minutes=minutes,
            seed=seed,
            kills_per_minute=kills_per_minute,
            faults_per_minute=faults_per_minute,
            odds=FaultProbabilities(drop=network, delay=network, duplicate=network, reorder=network, delay_max_s=0.2),
        )
        with status_line("chaos", lasts_s=minutes * 60) as show:
            card = run_chaos(plan, show)
    if out is not None:
        out.write_json(card.as_json())
    _show(card)
    return 0 if card.is_clean else 1


@app.command("chaos-replay", epilog=REPLAY_EXAMPLES)
def chaos_replay(
    ticks: Annotated[int, typer.Option("--ticks", min=500, metavar="N", help="Ticks of the random walk.")] = 5_000,
    kills: Annotated[
        int,
        typer.Option(
            "--kills", min=1, max=10_000, metavar="N", help="Kills, half at random times and half at crash points."
        ),
    ] = 10,
    seed: Seed = 1,
    strategy: Annotated[str, o.STRATEGY] = DEFAULT_STRATEGY,
    everything: Everything = False,
    data_dir: DataDir = None,
) -> int:
    """Replay the same ticks in lock-step without kills and with kills, and compare the two results to the last digit.

    Exit code 0 when the results are identical, 1 when they differ, 2 when a replay could not be run.
    """
    draw = random.Random(seed)  # noqa: S311 - faults, no secrets
    with data_directory(data_dir, go_on=False) as folder:
        walk = scenarios.write_random_walk(folder / "walk.parquet", rows=ticks, seed=seed)
        more = ("--plan", scenarios.write_plan(folder / "plan.toml"), *scenarios.EVERYTHING) if everything else ()
        undisturbed = replay_with_kills(walk, folder / "undisturbed", strategy=strategy, options=more)
        every = [*scenarios.replay_points(), *(scenarios.AT_PLANS if everything else ())]
        points = draw.sample(every, len(every))
        chosen = [points[index % len(points)] for index in range(kills // 2)]
        last = undisturbed.orders[-1]["ordinal"] if undisturbed.orders else 1
        named = scenarios.replay_kills(draw, points=chosen, ticks=ticks, last_order=last)
        outside = external_kills(draw, count=kills - len(named), ticks=ticks)
        with status_line("chaos-replay") as show:
            disturbed = replay_with_kills(
                walk,
                folder / "disturbed",
                strategy=strategy,
                options=more,
                kills=named,
                outside=outside,
                on_progress=show,
            )
        differences = undisturbed.differences(disturbed) + undisturbed.found + disturbed.found
    print(f"{ticks:,} ticks, {len(undisturbed.orders)} orders, {len(undisturbed.deals)} deals, seed {seed}")
    print(
        f"killed {sum(disturbed.killed.values())}: " + ", ".join(f"{name} {n}" for name, n in disturbed.killed.items())
    )
    print(*(differences or ["identical: report, orders and deals"]), sep="\n")
    return 1 if differences else 0


@app.command("crash-points", epilog=POINTS_EXAMPLES)
def crash_points(
    count: Annotated[
        int,
        typer.Option("--count", min=1, max=1_000, metavar="N", help="Number of rounds; each kills once at each point."),
    ] = 1,
    seed: Seed = 1,
    ticks: Annotated[int, typer.Option("--ticks", min=1_500, metavar="N", help="Ticks of each replay.")] = 3_000,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--point", metavar="NAME", help="Crash point; repeatable.", show_default="every point"),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the counts to this file as JSON.")
    ] = None,
    force: o.Force = False,
) -> int:
    """Kill the processes of a desk at each crash point of the code, in `--count` rounds, and check the results.

    A replay with kills is compared with a replay of the same ticks without kills. The ledger of a live desk is compared
    with the venue's book.

    Exit code 0 when nothing is lost, doubled or different and every point was reached in every round, 1 otherwise, 2
    when the run could not be made.

    Raises:
        StartError: `--point` has an unknown name, or a file or folder cannot be written.
    """
    out = None if report is None else output_file(report, "--json", force=force)
    every = frozenset([*scenarios.replay_points(), *scenarios.live_points()])
    if unknown := set(chosen or ()) - every:
        raise StartError(f"--point is {min(unknown)!r}, expected one of {', '.join(sorted(every))}")
    with data_directory(None, go_on=False) as folder:
        found = run_crash_points(
            folder, count=count, seed=seed, ticks=ticks, selected=frozenset(chosen or every), on_progress=print
        )
    if out is not None:
        out.write_json({"seed": seed, "rounds": count, "kills": found.kills, "wrong": found.wrong})
    for point, kills in sorted(found.kills.items()):
        print(f"{kills:>5}  {point}" + ("" if kills >= count else f"  expected {count}"))
    print(
        *(found.wrong or ["nothing lost or doubled, and every replay has the result of the replay without kills"]),
        sep="\n",
    )
    return 1 if found.wrong or min(found.kills.values()) < count else 0


@app.command("bit-flips", epilog=FLIPS_EXAMPLES)
def bit_flips(
    desk: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="Folder of a stopped desk.", show_default=False)],
    count: Annotated[
        int, typer.Option("--count", min=1, max=1_000_000, metavar="N", help="Number of bits to flip, one at a time.")
    ] = 1_000,
    seed: Seed = 1,
) -> int:
    """Flip single bits in copies of a desk's files, and check that each flip is harmless or detected.

    Exit code 0 when the reader of each copy returned the original content or an earlier committed state, or refused or
    rebuilt the file; 1 otherwise, 2 when the run could not be made.
    """
    with progress_line("bit-flips") as show:
        report = flips.flip_bits(
            existing_desk(desk),
            count=count,
            seed=seed,
            progress=lambda done: show(Progress(done=done, total=count, facts=(f"{done:,} of {count:,} flips",))),
        )
    for file, outcomes in sorted(report.outcomes.items()):
        counts = ", ".join(f"{outcomes[one]:,} {one}" for one in flips.Outcome if outcomes[one])
        print(f"{file}: {counts or 'no flips'}")
    for flipped, failure in report.failures[:SHOWN_MAX]:
        print(f"{flipped}: {failure}")
    print(f"{count:,} flips, seed {seed}, {len(report.failures):,} failures")
    return 1 if report.failures else 0


def _market(ticks: list[str] | None) -> dict[str, str]:
    if not ticks:
        return {}
    files = parse_tick_files(tuple(ticks), None)
    return {
        "MT5_MARKET": "recorded",
        "MT5_TICKS": ";".join(f"{file.path.resolve()}:{file.symbol}" for file in files),
        "TRADING_SYMBOL": ",".join(file.symbol for file in files),
    }


def _show(card: Scorecard) -> None:
    figures = card.as_json()
    table = Table(title=f"Chaos, {card.minutes:g} minutes, seed {card.seed}: SIMULATED", show_header=False)
    for name in ("kills", "gateway_calls", "orders", "deals", "settled"):
        table.add_row(name.replace("_", " "), str(figures[name]))
    for name in ("lost", "doubled", "different", "positions", "cash", "in_doubt", "unresolved", "foreign"):
        table.add_row(name.replace("_", " "), str(len(figures[name])))
    for group, title in GROUP_TITLES.items():
        table.add_section()
        for name, value in figures[group].items():
            table.add_row(f"{title}: {name}", str(value))
    table.add_section()
    for name, found in figures["recovery_s"].items():
        table.add_row(f"recovery of {name}", f"p50 {found['p50']} s, p99 {found['p99']} s, {found['count']} times")
    console().print(table)
    for name in ("lost", "doubled", "different", "positions", "cash", "in_doubt"):
        for line in figures[name][:SHOWN_MAX]:
            print(f"{name}: {line}")
    print_json({"clean": figures["clean"]})
