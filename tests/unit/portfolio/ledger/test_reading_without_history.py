"""A ledger read without its history has the same present state, and is refused for the same missing rows."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from common.errors import StartError
from research import ledger_views
from services.portfolio.core.queries.views import account_view
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from tests.support.large_desks import make_large_desk

NOT_WITHOUT_HISTORY = ("orders", "deals")
"""Counts of the account view that need the history."""


def test_money_positions_and_open_orders_are_those_of_a_full_reading(tmp_path: Path) -> None:
    make_large_desk(tmp_path, orders=200)
    path = tmp_path / LEDGER_FILE_NAME
    whole, kept = read_ledger(path)
    now, kept_now = read_ledger(path, with_history=False)
    assert whole.deals
    assert len(whole.orders) == 200
    assert not now.deals
    assert now.open_orders == whole.open_orders
    assert {name: book.net_volume for name, book in now.positions.items()} == {
        name: book.net_volume for name, book in whole.positions.items()
    }
    for name in account_view(whole, kept.cursor, None).__struct_fields__:
        if name not in NOT_WITHOUT_HISTORY:
            found, expected = account_view(now, kept_now.cursor, None), account_view(whole, kept.cursor, None)
            assert getattr(found, name) == getattr(expected, name), name
    stopped = ledger_views.stopped_desk(tmp_path)
    assert (stopped.balance, stopped.orders_open) == (whole.balance, len(whole.open_orders))
    assert stopped.drawdown_peak == kept.risk.peaks.high


@pytest.mark.parametrize("table", ["orders", "deals"])
def test_a_missing_row_of_the_history_is_found_by_its_count(table: str, tmp_path: Path) -> None:
    make_large_desk(tmp_path, orders=20)
    path = tmp_path / LEDGER_FILE_NAME
    db = apsw.Connection(str(path))
    db.execute(DELETIONS[table])
    db.close()
    with pytest.raises(StartError, match="tables orders, deals, lots have"):
        read_ledger(path, with_history=False)


DELETIONS = {
    "orders": "DELETE FROM orders WHERE number = 1",
    "deals": "DELETE FROM deals WHERE deal = (SELECT max(deal) FROM deals)",
}
