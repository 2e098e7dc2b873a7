"""The comparison of ledger and book finds each kind of difference.

The tests cause a difference by changing, adding or deleting rows in one of the two databases.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.replays import completed_backtest
from tests.support.tick_files import a_tick_file
from verification.chaos.oracle import OracleFindings, compare_books


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stopped desk that has traded and has an open position."""
    folder = tmp_path_factory.mktemp("played")
    ticks = a_tick_file(folder / "may.parquet", rows=25, seed=3)
    strategy = ("--strategy", "verification.chaos.alternating_strategy:Restless", "--risk", "none")
    assert completed_backtest(f"{ticks}:EURUSD", *strategy, data_dir=folder / "desk").exit_code == 0
    return folder / "desk"


@pytest.fixture
def desk(played: Path, tmp_path: Path) -> Path:
    shutil.copytree(played, tmp_path / "desk")
    return tmp_path / "desk"


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            assert db.execute(statement).rowcount > 0, statement


def ledger(*statements: str) -> Callable[[Path], None]:
    return lambda desk: tamper(desk / "ledger.db", *statements)


def venue(*statements: str) -> Callable[[Path], None]:
    return lambda desk: tamper(desk / "venue" / "book.db", *statements)


def set_order(name: str, value: object) -> Callable[[Path], None]:
    return ledger(
        f"UPDATE orders SET payload = CAST(json_set(payload, '$.{name}', '{value}') AS BLOB) WHERE number = 2",
    )


LAST_DEAL = "(SELECT max(deal) FROM deals)"
COPY_ORDER = (
    "INSERT INTO orders SELECT 1000, json_set(payload, '$.order.ticket', 1000), checksum FROM orders WHERE ticket = 2"
)


def set_at_venue(table: str, name: str, value: object, where: str) -> str:
    return f"UPDATE {table} SET payload = json_set(payload, '$.{name}', '{value}') {where}"


def test_an_undisturbed_desk_agrees_with_the_venue(desk: Path) -> None:
    found = compare_books(desk)
    assert found.agrees
    assert found.orders > 10
    assert found.deals == found.orders + 1
    assert not found.foreign


def test_an_order_canceled_after_a_partial_fill_agrees_with_the_same_fill_at_the_venue(desk: Path) -> None:
    for harm in (
        set_order("status", "CANCELED"),
        set_order("filled_volume", "0.005"),
        venue(set_at_venue("orders", "order.filled_volume", 0.005, "WHERE ticket = 2")),
    ):
        harm(desk)
    assert compare_books(desk).agrees


def test_an_order_missing_in_the_ledger_is_lost_unless_it_is_in_taken_orders(desk: Path) -> None:
    with closing(sqlite3.connect(desk / "ledger.db")) as db:
        taken = {order_id for (order_id,) in db.execute("SELECT order_id FROM orders WHERE number IN (2, 3)")}
    tamper(desk / "ledger.db", "DELETE FROM orders WHERE number IN (2, 3)")
    assert compare_books(desk, taken_orders=taken).agrees
    assert len(compare_books(desk, taken_orders=sorted(taken)[:1]).lost) == 1


@pytest.mark.parametrize(
    ("harm", "where"),
    [
        pytest.param(ledger("DELETE FROM orders WHERE number = 2"), "lost", id="order not in the ledger"),
        pytest.param(venue("DELETE FROM orders WHERE ticket = 2"), "lost", id="order not at the venue"),
        pytest.param(ledger(f"DELETE FROM deals WHERE deal = {LAST_DEAL}"), "lost", id="deal not in the ledger"),
        pytest.param(venue(f"DELETE FROM deals WHERE deal = {LAST_DEAL}"), "lost", id="deal not at the venue"),
        pytest.param(set_order("status", "EXPIRED"), "lost", id="filled order with status EXPIRED"),
        pytest.param(set_order("status", "PRESUMED_EXPIRED"), "lost", id="filled order with status PRESUMED_EXPIRED"),
        pytest.param(
            venue(set_at_venue("orders", "order.filled_volume", 0, "WHERE ticket = 2")),
            "lost",
            id="no fill at the venue",
        ),
        pytest.param(venue(COPY_ORDER), "doubled", id="two orders with one id"),
        pytest.param(
            ledger(
                "INSERT INTO events SELECT max(number) + 1, x'00', "
                '(SELECT payload FROM events WHERE CAST(payload AS TEXT) LIKE \'{"type":"deal_booked"%\' LIMIT 1) '
                "FROM events"
            ),
            "doubled",
            id="deal booked twice",
        ),
        pytest.param(set_order("side", "NONE"), "different", id="other side"),
        pytest.param(set_order("filled_volume", "0.02"), "different", id="other volume"),
        pytest.param(venue(set_at_venue("deals", "price", 9.9, "WHERE deal = 3")), "different", id="other price"),
        pytest.param(
            venue(set_at_venue("deals", "volume", 0.02, "WHERE deal = 3")), "positions", id="other volume of a deal"
        ),
        pytest.param(venue(set_at_venue("positions", "volume", 7, "")), "positions", id="other position at the venue"),
        pytest.param(
            ledger("""UPDATE lots SET payload = CAST('{"lots":[],"legs":[]}' AS BLOB)"""),
            "positions",
            id="other position in the ledger",
        ),
        pytest.param(venue("UPDATE account SET balance = '1'"), "cash", id="other balance at the venue"),
        pytest.param(
            ledger("UPDATE account SET payload = CAST(json_set(payload, '$.amounts.balance', '1') AS BLOB)"),
            "cash",
            id="other balance in the ledger",
        ),
        pytest.param(venue(set_at_venue("deals", "swap", -3, "WHERE deal = 3")), "cash", id="other swap of a deal"),
    ],
)
def test_a_changed_row_is_found(harm: Callable[[Path], None], where: str, desk: Path) -> None:
    harm(desk)
    found = compare_books(desk)
    assert getattr(found, where), found
    assert not found.agrees


def test_an_open_order_is_reported_and_is_not_a_difference(desk: Path) -> None:
    set_order("status", "IN_DOUBT")(desk)
    found = compare_books(desk)
    assert found.agrees
    assert len(found.in_doubt) == len(found.unresolved) == 1


def test_a_foreign_order_is_not_lost(desk: Path) -> None:
    renamed = "UPDATE orders SET payload = json_set(payload, '$.magic', 0, '$.order.order_id', 'x') WHERE ticket = 1000"
    tamper(desk / "venue" / "book.db", COPY_ORDER, renamed)
    found = compare_books(desk)
    assert found.agrees
    assert len(found.foreign) == 1


def test_findings_can_be_encoded_as_json() -> None:
    assert json.loads(json.dumps(vars(OracleFindings())))["lost"] == []
