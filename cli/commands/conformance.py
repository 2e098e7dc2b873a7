"""`paperdesk conformance`: the suite of checks that every venue has to pass, against a gateway's address.

The checks trade: small, and on a simulated or a demo account only. They find it flat and leave it flat.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.run_options import AsJson
from common.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification.conformance import CheckResult

EXIT_FAILED: Final = 1
RUN_ID_CHARS: Final = 12

Gateway = Annotated[str, typer.Option("--gateway", metavar="URL", help="The gateway's address.", show_default=False)]
Symbol = Annotated[str, typer.Option("--symbol", metavar="SYMBOL", help="What the checks trade, by the desk's name.")]
Force = Annotated[bool, typer.Option("--force", help="Go on although there are open positions in other symbols.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="Ask you to restart the gateway, and check what it has forgotten.")
]


def register_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog="[bold]Example[/bold]\n\n  paperdesk conformance --gateway tcp://127.0.0.1:5555")(conformance)


def conformance(
    gateway: Gateway,
    symbol: Symbol = "EURUSD",
    force: Force = False,
    restart: Restart = False,
    as_json: AsJson = False,
) -> int:
    """Check a gateway, simulated or with a terminal on a demo account: orders, refusals, history, restarts. It trades.

    The exit code is 1 when a check failed, 2 when none was run.
    """
    from uuid import uuid4

    from cli.json_output import print_json
    from verification.conformance import CheckOutcome, ConformanceClient, UnfitAccountError, run_suite

    asked = _asked(gateway) if restart else None
    desk = ConformanceClient(gateway, symbol=symbol, run_id=f"c{uuid4().hex[: RUN_ID_CHARS - 1]}", restart=asked)
    try:
        results = run_suite(desk, is_forced=force, on_result=None if as_json else _tell)
    except UnfitAccountError as refused:
        raise StartError(f"--gateway {gateway}: {refused}") from None
    finally:
        desk.close()
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


def _tell(result: CheckResult) -> None:
    print(f"{result.outcome.value:<7} {result.claim}", flush=True)
    if result.words:
        print(f"        {result.words}", flush=True)


def _asked(gateway: str) -> Callable[[], None]:
    """Have a person restart the gateway."""

    def ask() -> None:
        print(f"restart the gateway at {gateway} now, then press Enter", file=sys.stderr, flush=True)
        if not sys.stdin.readline():
            raise StartError("--restart: nobody answers on the terminal, expected Enter when the gateway runs again")

    return ask
