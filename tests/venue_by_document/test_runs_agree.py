"""Runs of the desk agree with a second venue, deal by deal, to the last digit.

The second venue (`tests/venue_by_document/simulator.py`) is written from the documents alone. It is given the ticks and the requests
that the ledger has, and not one result.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from proto.trading.enums import AccountMode
from tests.venue_by_document.runs import Case, Result, run
from tests.venue_by_document.terms import Profile

SYMBOLS: Final = ("XAUUSD", "EURUSD", "USDJPY", "EURJPY")

SPRING: Final = "2024-03-05 10:00"
"""New York has summer time from Sunday, 10 March."""
EUROPES_SPRING: Final = "2024-03-26 10:00"
"""Europe has summer time from Sunday, 31 March."""
AUTUMN: Final = "2024-10-23 10:00"
"""Europe has winter time from 27 October, New York from 3 November."""

PROFILES: Final = {
    "ideal": Profile(),
    "charged": Profile(charges=True, keeps_sessions=True),
    "delayed": Profile(
        request_latency_ms=5, charges=True, keeps_sessions=True, limit_fills_at_quote=False, rollover_factor=2
    ),
    "strict": Profile(
        request_latency_ms=40,
        reply_latency_ms=30,
        quote_age_ms_max=5_000,
        charges=True,
        keeps_sessions=True,
        limit_fills_at_quote=False,
        rollover_factor=3,
        rollover_minutes_before=3,
        rollover_minutes_after=45,
        stop_out_level_pct=100,
    ),
}
DEPOSITS: Final = {"USD": 100_000, "EUR": 100_000, "JPY": 15_000_000}

NETTING, HEDGING = AccountMode.NETTING, AccountMode.HEDGING


def a_case(currency: str, mode: AccountMode, profile: str, start: str, seed: int, *, is_poor: bool = False) -> Case:
    """`is_poor`: margin is short, so that orders are refused and positions stopped out."""
    deposit = Decimal(DEPOSITS[currency])
    return Case(
        name=f"{currency}-{mode.lower()}-{profile}-{seed}",
        symbols=SYMBOLS,
        currency=currency,
        account_mode=mode,
        profile=PROFILES[profile],
        start=start,
        seed=seed,
        balance=deposit / 20 if is_poor else deposit,
        lots="0.90" if is_poor else "0.13",
    )


CASES: Final = [
    a_case("USD", NETTING, "ideal", SPRING, 1),
    a_case("EUR", HEDGING, "ideal", AUTUMN, 2),
    a_case("USD", NETTING, "charged", AUTUMN, 3),
    a_case("EUR", NETTING, "charged", SPRING, 4),
    a_case("JPY", HEDGING, "charged", EUROPES_SPRING, 5),
    a_case("USD", HEDGING, "delayed", EUROPES_SPRING, 6),
    a_case("EUR", NETTING, "delayed", AUTUMN, 7),
    a_case("JPY", NETTING, "delayed", SPRING, 8),
    a_case("USD", HEDGING, "strict", AUTUMN, 9),
    a_case("EUR", HEDGING, "strict", SPRING, 10, is_poor=True),
    a_case("JPY", NETTING, "strict", EUROPES_SPRING, 11, is_poor=True),
    a_case("USD", NETTING, "strict", SPRING, 12, is_poor=True),
]


class Runs:
    """Each case is run once, for whichever test asks first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._results: dict[str, Result] = {}

    def result(self, case: Case) -> Result:
        if case.name not in self._results:
            folder = self._folder / case.name
            folder.mkdir()
            self._results[case.name] = run(case, folder)
        return self._results[case.name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_deal_of_a_run_is_that_of_the_second_venue(case: Case, runs: Runs) -> None:
    result = runs.result(case)
    differences = result.differences()
    assert not differences, "\n".join(differences[:5])


def test_the_runs_have_everything_that_is_to_be_compared(runs: Runs) -> None:
    """Else an agreement would be one about nothing."""
    seen = set().union(*(runs.result(case).seen() for case in CASES))
    assert seen >= {
        "IN CLIENT",
        "OUT CLIENT",
        "INOUT CLIENT",
        "OUT STOP_LOSS",
        "OUT TAKE_PROFIT",
        "OUT STOP_OUT",
        "NONE ROLLOVER",
        "FILLED",
        "CANCELED",
        "EXPIRED",
        "refused MARKET_CLOSED",
        "refused NO_MONEY",
        "refused INVALID_PRICE",
    }
