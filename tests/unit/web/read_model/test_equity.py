"""The equity curve has the ledger's equity points; a thinned curve keeps the extremes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.errors import StartError
from proto.trading.enums import AccountMode
from services.portfolio.core.accounting.equity_curve import EquityPoint
from services.portfolio.ledger.equity_points import read_equity_points
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger
from services.web.read_model.equity import read_equity
from services.web.read_model.index import ReadModel
from tests.unit.web.read_model.ledgers import ledger_by_hand, trade_by_backtest


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    trade_by_backtest(folder, mode=AccountMode.NETTING, rows=400)
    return folder


@pytest.fixture(scope="module")
def model(data_dir: Path) -> Iterator[ReadModel]:
    with closing(ReadModel(data_dir)) as found:
        yield found


@pytest.fixture(scope="module")
def stored(data_dir: Path) -> list[EquityPoint]:
    with closing(open_ledger(data_dir / LEDGER_FILE_NAME)) as db:
        points = read_equity_points(db)
    assert len(points) > 300
    return points


def test_all_points_when_the_chart_is_wide(model: ReadModel, stored: list[EquityPoint]) -> None:
    found = model.equity(width=1_000)
    assert found.points == [(point.time_ns, point.balance, point.equity) for point in stored]
    assert (found.thinned, found.of) == (False, len(stored))
    assert model.last_equity_ns() == stored[-1].time_ns


def test_the_bounds_are_included(model: ReadModel, stored: list[EquityPoint]) -> None:
    first, last = stored[10].time_ns, stored[20].time_ns
    found = model.equity(from_ns=first, to_ns=last)
    assert [point[0] for point in found.points] == [point.time_ns for point in stored[10:21]]
    assert model.equity(from_ns=stored[-1].time_ns + 1).points == []


@pytest.mark.parametrize("portion", [1, 7, 10_000])
def test_a_narrow_chart_keeps_the_extremes(data_dir: Path, stored: list[EquityPoint], portion: int) -> None:
    path = data_dir / LEDGER_FILE_NAME
    found = read_equity(path, from_ns=None, to_ns=None, width=5, portion=portion)
    assert (found.thinned, found.of) == (True, len(stored))
    assert len(found.points) <= 20
    kept = [point[2] for point in found.points if point[2] is not None]
    assert len(kept) == len(found.points)
    assert (min(kept), max(kept)) == (min(p.equity for p in stored), max(p.equity for p in stored))
    assert (found.points[0][0], found.points[-1][0]) == (stored[0].time_ns, stored[-1].time_ns)


def test_an_account_without_points(tmp_path: Path) -> None:
    with closing(ReadModel(tmp_path)) as model:
        with pytest.raises(StartError, match="does not exist"):
            model.equity()
        with ledger_by_hand(tmp_path):
            assert (model.equity().points, model.last_equity_ns()) == ([], 0)
        with pytest.raises(ValueError, match="width is 0, expected 1 or more"):
            model.equity(width=0)
