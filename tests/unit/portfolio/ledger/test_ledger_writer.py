"""Writer of the ledger: commits on a full disk, audits of the ledger, and signatures of its head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from common import clock
from proto.control import TradingState
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, OrderDenied
from services.portfolio.core.accounting.equity_curve import POINT_EVERY_NS, EquityCurve, EquityPoint
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import PortfolioState, compose_state
from services.portfolio.ledger import ledger_writer
from services.portfolio.ledger.audit import Audit, AuditResult, verify_if_short
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, load_equity_points, read_ledger, verify_ledger
from services.portfolio.ledger.ledger_writer import RETRY_NS, SIGN_EVERY_NS, LedgerWriter
from services.portfolio.ledger.signature import read_head
from services.portfolio.ledger.signing_key import ensure_key, key_file
from tests.support.accounts import is_same_account
from tests.support.builders import a_deposit, an_instrument_learned, an_opened_stream, some_rules
from tests.support.waits import wait_for


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / LEDGER_FILE_NAME)
    yield opened
    opened.close()


@pytest.fixture
def state() -> PortfolioState:
    state = compose_state(config=some_rules(), book=Book(), persisted=PersistedState(), incarnation="live")
    for event in (an_opened_stream(), an_instrument_learned(), DealBooked(deal=a_deposit(), order_id="", closings=[])):
        state.account.emit(event)
    return state


def fill_up(ledger: Ledger) -> None:
    """Allow no further page in the file, so that SQLite reports a full disk."""
    ledger._db.pragma("max_page_count", 1)


def free_space(ledger: Ledger) -> None:
    ledger._db.pragma("max_page_count", 1_000_000)


def something_large(number: int) -> OrderDenied:
    return OrderDenied(
        symbol="EURUSD", direction=1, ordinal=number, time_ns=1, code="X", limit="1", observed="x" * 20_000
    )


def test_a_commit_on_a_full_disk_is_repeated_once_there_is_space(ledger: Ledger, state: PortfolioState) -> None:
    writer = LedgerWriter(ledger, state)
    assert writer.commit()
    fill_up(ledger)
    for number in (1, 2, 3):
        state.account.emit(something_large(number))
        state.stream.cursor.ordinal = number
        assert not writer.commit()
    assert writer.is_retrying
    assert writer.uncommitted == 3
    assert "full" in state.warnings.storage_problem
    assert not writer.retry_commit()
    assert read_ledger(ledger.path)[1].cursor.ordinal == 0, "the failed commit wrote nothing"
    free_space(ledger)
    assert writer.retry_commit()
    assert (writer.is_retrying, writer.uncommitted, state.warnings.storage_problem) == (False, 0, "")
    kept, persisted = read_ledger(ledger.path)
    assert persisted.cursor.ordinal == 3
    assert is_same_account(kept, state.account.book)
    assert verify_ledger(ledger.path) == []


def test_the_equity_points_of_a_failed_commit_are_stored_by_the_retry(ledger: Ledger, state: PortfolioState) -> None:
    writer = LedgerWriter(ledger, state)
    assert writer.commit()
    fill_up(ledger)
    points = [
        EquityPoint(time_ns=time_ns, ordinal=number, balance=Decimal("9.90"), equity=Decimal("9.8"), margin=margin)
        for number, (time_ns, margin) in enumerate([(5, None), (POINT_EVERY_NS, Decimal("0.5"))], 1)
    ]
    state.account.emit(something_large(1))
    for point in points:
        state.stream.on_equity_point(point)
    assert not writer.commit()
    assert (writer.equity_points, load_equity_points(ledger.path)) == (0, [])
    free_space(ledger)
    assert writer.retry_commit()
    assert (writer.equity_points, load_equity_points(ledger.path)) == (2, points)
    assert read_ledger(ledger.path)[1].equity_curve == EquityCurve(due_ns=2 * POINT_EVERY_NS)
    assert state.stream.equity_curve.unstored == []


def test_a_commit_on_a_full_disk_is_retried_within_half_a_second(ledger: Ledger, state: PortfolioState) -> None:
    writer = LedgerWriter(ledger, state)
    assert writer.next_retry_mono_ns() is None
    fill_up(ledger)
    state.account.emit(something_large(1))
    writer.commit()
    due_ns = writer.next_retry_mono_ns()
    assert due_ns is not None
    assert RETRY_NS <= 500_000_000


def test_a_programming_error_does_not_count_as_a_fault_of_the_disk(ledger: Ledger, state: PortfolioState) -> None:
    state.account.book.changed_rows.orders.add("an order that is not there")
    with pytest.raises(KeyError):
        LedgerWriter(ledger, state).commit()


def test_an_audit_of_a_running_desk_finds_a_changed_event(ledger: Ledger, state: PortfolioState) -> None:
    assert LedgerWriter(ledger, state).commit()
    assert wait_for(Audit(ledger.path).result, "an audit of a whole ledger") == AuditResult([], "")
    ledger._db.execute("UPDATE events SET payload = CAST('{}' AS BLOB) WHERE number = 2")
    finding = wait_for(Audit(ledger.path).result, "an audit of a broken ledger")
    assert finding.failure == ""
    assert finding.problems[0].startswith("event 2 does not fit the chain")


def test_a_killed_audit_reports_nothing_about_the_ledger(ledger: Ledger, state: PortfolioState) -> None:
    audit = Audit(ledger.path)
    audit._process.kill()
    finding = wait_for(audit.result, "the end of the audit")
    assert finding.problems == []
    assert "exit status -9" in finding.failure
    LedgerWriter(ledger, state).apply_audit(finding)
    assert state.account.book.trading_state is TradingState.ACTIVE


def test_a_damaged_ledger_halts_trading(ledger: Ledger, state: PortfolioState) -> None:
    LedgerWriter(ledger, state).apply_audit(AuditResult(["event 2 does not fit the chain"], ""))
    assert state.account.book.trading_state is TradingState.HALTED
    assert state.account.book.trading is not None
    assert "event 2" in state.account.book.trading.reason


def test_a_short_ledger_is_verified_at_the_start_and_not_by_an_audit(ledger: Ledger, state: PortfolioState) -> None:
    verify_if_short(ledger)
    assert LedgerWriter(ledger, state).commit()
    verify_if_short(ledger)
    assert LedgerWriter(ledger, state).start_audit() is None
    ledger._db.execute("DELETE FROM account")
    with pytest.raises(Exception, match="expected the ledger as it was written"):
        verify_if_short(ledger)


def test_the_head_is_signed_at_each_interval_in_which_there_were_events(
    tmp_path: Path, state: PortfolioState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer signs events half a minute after the last signature, or at once if there are enough of them.

    It does not sign the same head again.
    """
    key = ensure_key(key_file(tmp_path))
    now_ns = SIGN_EVERY_NS

    def signed_up_to() -> int:
        head = read_head(key.head_path)
        assert head is not None
        return head.event

    monkeypatch.setattr(clock, "mono_ns", lambda: now_ns)
    with closing(Ledger(tmp_path / LEDGER_FILE_NAME, key)) as ledger:
        writer = LedgerWriter(ledger, state)
        writer.sign()
        assert writer.commit()
        now_ns += SIGN_EVERY_NS - 1
        writer.sign_if_due()
        assert (signed_up_to(), ledger.unsigned_events) == (0, 3)
        now_ns += 1
        writer.sign_if_due()
        assert (signed_up_to(), ledger.unsigned_events) == (3, 0)
        written = key.head_path.stat().st_mtime_ns
        now_ns += SIGN_EVERY_NS
        writer.sign_if_due()
        assert key.head_path.stat().st_mtime_ns == written
        monkeypatch.setattr(ledger_writer, "SIGN_EVERY_EVENTS", 1)
        state.account.emit(something_large(1))
        now_ns -= SIGN_EVERY_NS
        assert writer.commit()
        writer.sign_if_due()
        assert signed_up_to() == 4
