"""Pages of equity points are read from the ledger's file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from proto.control import ControlError, EquityQuery
from proto.control.views import EquityPointRow, EquityReply
from services.portfolio.core.account.book import Book
from services.portfolio.core.accounting.equity_curve import EquityPoint
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import PortfolioState, compose_state
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.query_handler import answer_query
from tests.support.builders import some_rules


@pytest.fixture
def state() -> PortfolioState:
    return compose_state(config=some_rules(), book=Book(), persisted=PersistedState(), incarnation="live")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with three points, at the times 10, 20 and 30."""
    path, persisted = tmp_path / LEDGER_FILE_NAME, PersistedState()
    for ordinal, time_ns in enumerate((10, 20, 30), 1):
        persisted.equity_curve.add(
            EquityPoint(time_ns=time_ns, ordinal=ordinal, balance=Decimal("1.10"), equity=Decimal(2), margin=None)
        )
    ledger = Ledger(path)
    ledger.commit([], Book(), persisted)
    ledger.close()
    return path


def test_pages_of_equity_points_follow_each_other_by_time(state: PortfolioState, path: Path) -> None:
    first = answer_query(state, EquityQuery(after=0, limit=2), path, 0)
    assert isinstance(first, EquityReply)
    assert ([row.time_ns for row in first.rows], first.next) == ([10, 20], 20)
    last = EquityPointRow(time_ns=30, ordinal=3, balance=Decimal("1.10"), equity=Decimal(2), margin=None)
    assert answer_query(state, EquityQuery(after=20, limit=2), path, 0) == EquityReply(next=0, rows=[last])
    assert answer_query(state, EquityQuery(after=30, limit=2), path, 0) == EquityReply(next=0, rows=[])


def test_a_ledger_that_cannot_be_read_is_an_error(state: PortfolioState, tmp_path: Path) -> None:
    found = answer_query(state, EquityQuery(after=0, limit=2), tmp_path / "none.db", 0)
    assert isinstance(found, ControlError)
    assert "none.db does not exist" in found.error
