"""The summary of trades is the sum of the rows of their pages, with each filter."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from proto.trading.enums import AccountMode
from services.web.read_model.filters import TradeFilter
from services.web.read_model.index import ReadModel
from tests.unit.web.read_model.ledgers import followed, trade_by_backtest

ZERO = Decimal(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    data_dir: Path = tmp_path_factory.mktemp("desk")
    trade_by_backtest(data_dir, mode=AccountMode.NETTING)
    with followed(data_dir) as found:
        yield found


def filters(model: ReadModel) -> list[dict[str, Any]]:
    times = [row.close_time_ns for row in model.trades(TradeFilter(limit=500)).rows]
    low, high = sorted(times)[len(times) // 4], sorted(times)[len(times) // 2]
    return [
        {},
        {"symbol": "USDJPY"},
        {"side": "SELL", "tag": "desk"},
        {"from_ns": low, "to_ns": high},
        {"symbol": "NONE"},
    ]


def test_the_sums_are_those_of_the_rows(model: ReadModel) -> None:
    for given in filters(model):
        page = model.trades(TradeFilter(sort="number", limit=500, **given))
        assert page.next == ""
        found = model.trade_summary(TradeFilter(sort="-profit", limit=1, **given), width=10_000)
        rows = page.rows
        assert found.trades == len(rows), given
        assert found.wins == sum(row.net > 0 for row in rows)
        assert found.gross_profit == sum((row.profit for row in rows if row.profit > 0), ZERO)
        assert found.gross_loss == sum((row.profit for row in rows if row.profit < 0), ZERO)
        assert found.commission == sum((row.commission for row in rows), ZERO)
        assert found.swap == sum((row.swap for row in rows), ZERO)
        assert found.net == found.gross_profit + found.gross_loss + found.commission + found.swap
        nets = accumulate(row.net for row in rows)
        assert found.points == [(row.close_time_ns, net) for row, net in zip(rows, nets, strict=True)]


def test_the_curve_is_thinned_and_keeps_its_extremes(model: ReadModel) -> None:
    whole = model.trade_summary(TradeFilter(), width=10_000).points
    thinned = model.trade_summary(TradeFilter(), width=10).points
    assert len(thinned) <= 40 < len(whole)
    values = [net for _, net in whole]
    assert {min(values), max(values)} <= {net for _, net in thinned}
    assert (thinned[0], thinned[-1]) == (whole[0], whole[-1])
