"""`paperdesk run`: run the whole desk in real time on a generated or recorded market, until Ctrl-C."""

from __future__ import annotations

import typer

from cli.desk_options import DeskOptions
from cli.option_groups import with_option_groups

app = typer.Typer()

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk run

  paperdesk run --symbols EURUSD,XAUUSD --strategy ema_cross --data-dir desk

  paperdesk run --ticks may.parquet:EURUSD --duration 600
"""


@app.command(epilog=EXAMPLES)
@with_option_groups
def run(options: DeskOptions) -> int:
    """Run the desk in real time on a SIMULATED market until Ctrl-C; the next run continues with the same account.

    Exit code 0 when ledger and venue agree at the end. Exit code 1 when they do not, when a critical condition keeps
    the desk or a symbol from trading, or when conditions keep all symbols from trading. Exit code 2 when the desk could
    not be run. After SIGTERM or SIGHUP the exit code is 128 plus the number of the signal; after Ctrl-C it is as above.
    """
    options.check()
    from cli.desk_runs import run_desk_of  # numpy and the ledger load slowly, and only a run needs them

    return run_desk_of(options)
