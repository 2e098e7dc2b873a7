"""`paperdesk chaos-truth`: inject lasting faults one after another, and check the desk's status every second."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

import typer
from rich.table import Table

from cli import options as o
from cli.commands.chaos import DataDir, Minutes, Scorecards, Seed
from cli.json_output import print_json
from cli.output_file import output_file
from cli.paths import data_directory
from cli.progress import status_line
from cli.tables import console
from verification.chaos.truth_run import TruthPlan, TruthScorecard, run_truth

app = typer.Typer()

EXAMPLES: Final = """
[bold]Examples[/bold]

  paperdesk chaos-truth --minutes 10 --seed 1

  paperdesk chaos-truth --minutes 1 --fault "strategy raise" --fault "kill portfolio"
"""
SHOWN_MAX: Final = 40


@app.command("chaos-truth", epilog=EXAMPLES)
def chaos_truth(
    minutes: Minutes = 10.0,
    seed: Seed = 1,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", metavar="NAME", help="Fault to inject; repeatable, in this order.", show_default="every fault"
        ),
    ] = None,
    data_dir: DataDir = None,
    report: Scorecards = None,
    force: o.Force = False,
) -> int:
    """Inject lasting faults into a live desk one after another, and compare its status with its behaviour every second.

    Exit code 0 when ledger and venue agree, the status was always true, and trading resumed within 5 s after each fault
    (25 s if orders were in doubt); 1 otherwise, 2 when the run could not be made.
    """
    out = None if report is None else output_file(report, "--json", force=force)
    with data_directory(data_dir, go_on=False) as folder:
        plan = TruthPlan(data_dir=folder, minutes=minutes, seed=seed, only=tuple(chosen or ()))
        with status_line("chaos-truth", lasts_s=minutes * 60) as show:
            card = run_truth(plan, show)
    if out is not None:
        out.write_json(card.as_json())
    _show(card, plan.only)
    return 0 if card.is_clean else 1


def _show(card: TruthScorecard, only: tuple[str, ...]) -> None:
    figures = card.as_json()
    table = Table(
        title=f"Status and trading compared, {card.minutes:g} minutes, seed {card.seed}: SIMULATED", show_header=False
    )
    for name in (
        "samples",
        "unanswered",
        "late_s_max",
        "load",
        "opening_deals",
        "orders",
        "deals",
        "settled",
        "audits",
    ):
        table.add_row(name.replace("_", " "), str(figures[name]))
    for name in ("lost", "doubled", "different", "positions", "cash", "in_doubt"):
        table.add_row(name.replace("_", " "), str(len(figures[name])))
    table.add_section()
    breaches = Counter((violation.fault, violation.breach) for violation in card.violations)
    for name, found in figures["recovery_s"].items():
        wrong = ", ".join(f"{count} x {breach}" for (fault, breach), count in breaches.items() if fault == name)
        table.add_row(name, f"{found['count']} times, p99 until trading {found['p99']} s{'; ' if wrong else ''}{wrong}")
    table.add_section()
    for name, count in figures["resumed_by_the_command"].items():
        table.add_row(f"resumed after {name}", str(count))
    console().print(table)
    for name in ("lost", "doubled", "different", "positions", "cash", "in_doubt"):
        for line in figures[name][:SHOWN_MAX]:
            print(f"{name}: {line}")
    counted = Counter((one.fault, one.breach, one.subject) for one in card.violations)
    first = {(one.fault, one.breach, one.subject): one for one in reversed(card.violations)}
    for key, one in sorted(first.items(), key=lambda item: item[1].at_s):
        print(f"{one}" + (f" (the first of {counted[key]} seconds)" if counted[key] > 1 else ""))
    if not card.is_clean:
        faults = "".join(f' --fault "{name}"' for name in only)
        print(f"to repeat: paperdesk chaos-truth --minutes {card.minutes:g} --seed {card.seed}{faults}")
    print_json({"clean": figures["clean"]})
