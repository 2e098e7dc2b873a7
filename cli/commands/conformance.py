"""`paperdesk conformance`: check that a gateway behaves as every venue must.

The checks trade small volumes, on a simulated or a demo account only. The account must have no open position, or with
`--force` none in the traded symbol. The checks close every position that they open.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Final
from uuid import uuid4

import typer

from cli import options as o
from cli.json_output import print_json
from common.errors import StartError
from verification.conformance import CheckOutcome, CheckResult, ConformanceClient, UnfitAccountError, run_suite

app = typer.Typer()

EXIT_FAILED: Final = 1
RUN_ID_CHARS: Final = 12

Gateway = Annotated[str, typer.Option("--gateway", metavar="URL", help="Address of the gateway.", show_default=False)]
Symbol = Annotated[str, typer.Option("--symbol", metavar="SYMBOL", help="Symbol to trade, by its name in the desk.")]
Force = Annotated[bool, typer.Option("--force", help="Run although other symbols have open positions.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="Prompt for a restart of the gateway, and check that it keeps its records.")
]


@app.command(epilog="[bold]Example[/bold]\n\n  paperdesk conformance --gateway tcp://127.0.0.1:5555")
def conformance(
    gateway: Gateway,
    symbol: Symbol = "EURUSD",
    force: Force = False,
    restart: Restart = False,
    as_json: o.AsJson = False,
) -> int:
    """Check the orders, refusals, history and restart of a gateway, with trades on a simulated or demo account.

    Exit code 0 when no check failed, 1 when one failed, 2 when none was run.

    Raises:
        StartError: the gateway does not answer, or its account is not fit for the checks.
    """
    prompt = _restart_prompt(gateway) if restart else None
    client = ConformanceClient(gateway, symbol=symbol, run_id=f"c{uuid4().hex[: RUN_ID_CHARS - 1]}", restart=prompt)
    try:
        results = run_suite(client, is_forced=force, on_result=None if as_json else _show)
    except UnfitAccountError as refused:
        raise StartError(f"--gateway {gateway}: {refused}") from None
    finally:
        client.close()
    counted = {outcome.value: sum(result.outcome is outcome for result in results) for outcome in CheckOutcome}
    if as_json:
        print_json({"gateway": gateway, "symbol": symbol, "counts": counted, "checks": _rows(results)})
    else:
        print(", ".join(f"{count} {outcome.lower()}" for outcome, count in counted.items()))
    return EXIT_FAILED if counted[CheckOutcome.FAILED.value] else 0


def _rows(results: list[CheckResult]) -> list[dict[str, object]]:
    return [
        {**result._asdict(), "outcome": result.outcome.value, "seconds": round(result.seconds, 3)} for result in results
    ]


def _show(result: CheckResult) -> None:
    print(f"{result.outcome.value:<7} {result.claim}", flush=True)
    if result.words:
        print(f"        {result.words}", flush=True)


def _restart_prompt(gateway: str) -> Callable[[], None]:
    """A function that asks a person to restart the gateway, and waits for Enter."""

    def prompt() -> None:
        print(f"restart the gateway at {gateway} now, then press Enter", file=sys.stderr, flush=True)
        if not sys.stdin.readline():
            raise StartError("--restart: standard input ended, expected Enter when the gateway runs again")

    return prompt
