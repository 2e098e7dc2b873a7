"""In runs of the desk, the simulated venue makes the same deals as a second venue, to the last digit.

The second venue (`tests/venue_by_document/simulator.py`) is written only from the documentation. It receives the ticks
and the requests in the ledger, but no results.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from proto.gateway import DealReason
from tests.venue_by_document.cases import CASES, FILE_SYMBOLS
from tests.venue_by_document.runs import Case, Result, run


class Runs:
    """Runs each case once, when the first test needs it."""

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
def test_run_and_second_venue_have_the_same_deals_orders_and_money(case: Case, runs: Runs) -> None:
    result = runs.result(case)
    differences = result.differences()
    assert not differences, "\n".join(differences[:5])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_venue_refuses_no_change_of_stops_that_the_desk_sends(case: Case, runs: Runs) -> None:
    """This also holds between sessions, and if quotes are not multiples of the tick size."""
    result = runs.result(case)
    modifications = result.report["modifications"]
    assert modifications == {"made": len(result.ledger.change_answers), "refused": {}}


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.profile.request_latency_ms], ids=lambda case: case.name
)
def test_order_without_delay_is_not_refused_for_its_price_stops_or_session(case: Case, runs: Runs) -> None:
    seen = runs.result(case).seen()
    assert not seen & {"refused INVALID_PRICE", "refused INVALID_STOPS", "refused MARKET_CLOSED"}


def test_runs_contain_every_kind_of_deal_and_end(runs: Runs) -> None:
    """Otherwise the comparison would not cover every kind."""
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
        "refused NO_MONEY",
        "refused INVALID_PRICE",
        *(
            f"{symbol} {reason}"
            for symbol in FILE_SYMBOLS
            for reason in DealReason
            if reason is not DealReason.STOP_OUT
        ),
    }
