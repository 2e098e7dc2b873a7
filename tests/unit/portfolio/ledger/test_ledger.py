"""The durable ledger: reading what was written, the findings of `verify`, and the single writer."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from common.checksums import DamagedRowError
from common.errors import StartError
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, OrderCreated, OrderUpdated, RiskReset
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.accounting.equity_curve import EquityPoint
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import (
    LEDGER_FILE_NAME,
    Ledger,
    load_equity_points,
    read_ledger,
    requires_fsync,
    verify_ledger,
)
from tests.support.accounts import account_state, is_same_account
from tests.support.builders import a_deal, a_deposit, an_instrument_learned, an_opened_stream, an_order
from tests.support.tampering import edit, edit_skilfully, replace_in

D = Decimal
EVENTS: list[Event] = [
    an_opened_stream(),
    an_instrument_learned(),
    DealBooked(deal=a_deposit(), order_id="", closings=[]),
    OrderCreated(order=an_order(1)),
    DealBooked(deal=a_deal(2, order_id=an_order(1).order_id), order_id=an_order(1).order_id, closings=[]),
    OrderCreated(order=an_order(2, Side.SELL, "0.03")),
    DealBooked(deal=a_deal(3, Side.SELL, "0.02", "1.2"), order_id=an_order(2).order_id, closings=[]),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / LEDGER_FILE_NAME


def fold(ledger: Ledger, events: list[Event], book: Book | None = None) -> Book:
    """Apply events and commit each of them separately."""
    book = book or Book()
    for number, event in enumerate(events, 1):
        book.apply(event)
        cursor = TickCursor(stream_id="s", ordinal=number, marks={"EURUSD": Mark(1.1, 1.2, 3)})
        ledger.commit([event], book, PersistedState(cursor))
    return book


@pytest.fixture
def closed(path: Path) -> Path:
    """Return the path of a closed ledger with some events."""
    ledger = Ledger(path)
    fold(ledger, EVENTS)
    ledger.close()
    return path


def tamper(path: Path, *statements: str) -> list[str]:
    """Change rows of the file by SQL statements, correct their checksums, and return the faults that `verify` finds."""
    edit_skilfully(path, *statements)
    return verify_ledger(path)


def test_an_empty_ledger_has_an_empty_book(path: Path) -> None:
    Ledger(path).close()
    book, kept = read_ledger(path)
    assert is_same_account(book, Book())
    assert kept == PersistedState()
    assert verify_ledger(path) == []


def test_load_returns_the_committed_state(path: Path) -> None:
    ledger = Ledger(path)
    book = fold(ledger, EVENTS)
    loaded, kept = read_ledger(path)
    assert is_same_account(loaded, book)
    assert kept.cursor.ordinal == len(EVENTS)
    assert kept.cursor.marks["EURUSD"] == Mark(1.1, 1.2, 3)
    ledger.close()
    assert verify_ledger(path) == []


def test_a_reopened_ledger_continues_its_chain(closed: Path) -> None:
    ledger = Ledger(closed)
    book, _ = ledger.load()
    last = an_order(2).order_id
    fold(ledger, [DealBooked(deal=a_deal(4, Side.SELL, "0.01", "1.2"), order_id=last, closings=[])], book)
    ledger.close()
    assert verify_ledger(closed) == []
    assert read_ledger(closed)[0].orders[last].status is OrderStatus.FILLED


def test_a_late_partial_deal_of_an_ended_order_leaves_it_ended_after_a_restart(closed: Path) -> None:
    """The running desk and a desk started from the file have the same open orders."""
    ledger = Ledger(closed)
    book, _ = ledger.load()
    last = an_order(2).order_id
    canceled = OrderUpdated(
        order_id=last, status=OrderStatus.CANCELED, ticket=None, retcode=None, code="", error="", time_ns=1
    )
    late = DealBooked(deal=a_deal(4, Side.SELL, "0.005", "1.2"), order_id=last, closings=[])
    fold(ledger, [canceled, late], book)
    ledger.close()
    assert book.open_orders == read_ledger(closed)[0].open_orders == {}
    assert is_same_account(read_ledger(closed)[0], book)


def test_events_that_were_not_committed_are_not_in_the_file(path: Path) -> None:
    """The desk ends after it has applied further events and before it commits them."""
    ledger = Ledger(path)
    book = fold(ledger, EVENTS[:4])
    for event in EVENTS[4:]:
        book.apply(event)
    ledger.close()
    expected = Book()
    for event in EVENTS[:4]:
        expected.apply(event)
    assert is_same_account(read_ledger(path)[0], expected)
    assert verify_ledger(path) == []


def test_a_failed_commit_leaves_nothing_in_the_file_and_the_next_commit_works(path: Path) -> None:
    ledger = Ledger(path)
    book = fold(ledger, EVENTS[:3])
    before = read_ledger(path)
    broken = Book()
    broken.changed_rows.orders.add("an order that is not there")
    with pytest.raises(KeyError):
        ledger.commit([EVENTS[3]], broken, PersistedState(TickCursor(ordinal=99)))
    assert read_ledger(path)[1] == before[1]
    fold(ledger, EVENTS[3:], book)
    ledger.close()
    assert verify_ledger(path) == []
    assert is_same_account(read_ledger(path)[0], book)


def test_a_row_of_an_order_needs_no_page_of_its_own(path: Path) -> None:
    """A new ledger with 200 orders and their events takes less than 3 KB an order; overflow pages would take 4 KB."""
    ledger, book = Ledger(path), Book()
    decision = structs.replace(an_order(1).decision, reason="[RISK] PASS " + "x" * 60, sizing="y" * 80)
    events: list[Event] = [an_opened_stream(), an_instrument_learned()]
    events += [OrderCreated(order=structs.replace(an_order(number), decision=decision)) for number in range(1, 201)]
    for event in events:
        book.apply(event)
    ledger.commit(events, book, PersistedState(TickCursor(stream_id="s")))
    ledger.close()
    assert path.stat().st_size < 200 * 3_000


def test_a_ledger_has_one_writer_and_any_number_of_readers(path: Path) -> None:
    ledger = Ledger(path)
    with pytest.raises(StartError, match="in use by another process"):
        Ledger(path)
    assert read_ledger(path)[1] == PersistedState()
    ledger.close()
    Ledger(path).close()


def test_reading_a_missing_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError):
        read_ledger(tmp_path / LEDGER_FILE_NAME)
    with pytest.raises(StartError):
        verify_ledger(tmp_path / LEDGER_FILE_NAME)


def test_a_file_that_is_no_ledger_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to look at" * 50)
    for open_it in (Ledger, read_ledger, verify_ledger):
        with pytest.raises(StartError):
            open_it(path)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["UPDATE events SET payload = replace(payload, '10000', '90000') WHERE number = 3"], "event 3 does not fit"),
        (["UPDATE events SET hash = zeroblob(32) WHERE number = 2"], "event 2 does not fit"),
        (["DELETE FROM events WHERE number = 4"], "event 4 is missing"),
        (["DELETE FROM events WHERE number = 1"], "event 1 is missing"),
        (
            [
                "UPDATE events SET number = 99 WHERE number = 3",
                "UPDATE events SET number = 3 WHERE number = 4",
                "UPDATE events SET number = 4 WHERE number = 99",
            ],
            "event 3 does not fit",
        ),
        (
            ["DELETE FROM events WHERE number = (SELECT max(number) FROM events)"],
            "differs from the result of the events",
        ),
        (["UPDATE events SET payload = CAST('{}' AS BLOB) WHERE number = 1"], "event 1 does not fit"),
        (["DELETE FROM orders"], "the table orders differs"),
        (["UPDATE orders SET payload = replace(payload, '0.01', '0.10')"], "the table orders differs"),
        (["DELETE FROM deals WHERE deal = 2"], "the table deals differs"),
        (["DELETE FROM lots"], "the table lots differs"),
        (["UPDATE lots SET direction = 1", "UPDATE lots SET symbol = 'GBPUSD'"], "cannot be read to its end"),
        (["UPDATE lots SET direction = 0"], "cannot be read to its end"),
        (["UPDATE orders SET number = 3 - number"], "the table orders differs"),
        (["UPDATE account SET payload = replace(payload, '10000', '90000')"], "the table account differs"),
        (["DELETE FROM account"], "cannot be read to its end"),
        (["UPDATE orders SET payload = CAST('nothing' AS BLOB)"], "cannot be read to its end"),
        (["DROP TABLE lots"], "cannot be read to its end"),
        (["DELETE FROM cursor"], "the row of table cursor is missing"),
    ],
)
def test_verify_finds_a_change_of_the_file(closed: Path, statements: list[str], message: str) -> None:
    blobs = [
        # replace() returns text; a STRICT blob column needs a blob.
        statement.replace("replace(payload", "CAST(replace(CAST(payload AS TEXT)").replace("')", "') AS BLOB)")
        if "replace(" in statement
        else statement
        for statement in statements
    ]
    found = tamper(closed, *blobs)
    assert found
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM events WHERE number = 2", "event 2 is missing"),
        ("UPDATE events SET hash = zeroblob(32) WHERE number = 2", "event 2 does not fit the chain"),
    ],
)
def test_a_desk_does_not_start_on_a_broken_chain(closed: Path, statement: str, message: str) -> None:
    tamper(closed, statement)
    with pytest.raises(StartError, match=message):
        Ledger(closed)


@pytest.mark.parametrize("table", ["orders", "lots", "deals", "account", "cursor"])
def test_unreadable_rows_are_refused_with_a_message(closed: Path, table: str) -> None:
    assert tamper(closed, f"UPDATE {table} SET payload = CAST('nothing' AS BLOB)") != []
    with pytest.raises(StartError, match=r"ledger\.db cannot be read"):
        read_ledger(closed)


@pytest.mark.parametrize(
    "column", ["direction = -1", """payload = CAST(replace(payload, '"sign":1', '"sign":-1') AS BLOB)"""]
)
def test_verify_finds_a_lot_with_its_side_reversed(path: Path, column: str) -> None:
    """The row has the side in two columns. A change of one column contradicts the other, so the row cannot be read."""
    ledger = Ledger(path)
    fold(ledger, EVENTS[:5])
    ledger.close()
    [found] = tamper(path, f"UPDATE lots SET {column}")
    assert "cannot be read to its end" in found


def cash_text(book: Book) -> dict[str, str]:
    return {account.value: str(amount) for account, amount in book.cash.items()}


def test_a_ledger_without_stored_legs_and_cash_is_read_by_applying_its_deals(path: Path) -> None:
    ledger = Ledger(path)
    fold(ledger, EVENTS[:5])
    ledger.close()
    before, _ = read_ledger(path)
    assert before.cash
    old_lots = '[{"volume":"0.01","price":"1.1001","opened_by":"2","time_ns":1}]'
    no_cash = replace_in("account", '"cash":' + json.dumps(cash_text(before), separators=(",", ":")), '"cash":{}')
    edit_skilfully(path, f"UPDATE lots SET payload = CAST('{old_lots}' AS BLOB)", no_cash)
    assert account_state(read_ledger(path)[0]) == account_state(before)


def test_amounts_are_stored_as_exact_text(closed: Path) -> None:
    book, _ = read_ledger(closed)
    assert book.balance == Decimal(10_000)
    assert isinstance(book.balance, Decimal)


def test_a_note_is_kept_when_the_ledger_is_opened_again(path: Path) -> None:
    ledger = Ledger(path)
    assert ledger.meta("incarnation") is None
    ledger.set_meta("incarnation", "a")
    ledger.set_meta("incarnation", "b")
    assert ledger.meta("incarnation") == "b"
    ledger.close()


READERS: list[Callable[[Path], object]] = [read_ledger, verify_ledger]


@pytest.mark.parametrize("reader", READERS)
def test_reading_a_ledger_does_not_change_its_file(closed: Path, reader: Callable[[Path], object]) -> None:
    before = closed.read_bytes()
    reader(closed)
    assert closed.read_bytes() == before


@pytest.mark.parametrize("table", ["orders", "lots", "deals", "account", "cursor"])
def test_a_changed_row_is_refused_with_file_table_and_row(closed: Path, table: str) -> None:
    key = {"orders": an_order(1).order_id, "lots": "EURUSD", "account": "account", "cursor": "1"}.get(table, "")
    edit(closed, replace_in(table, "0", "1"))
    for reader in (lambda path: Ledger(path).load(), read_ledger):
        with pytest.raises(DamagedRowError, match=rf"ledger\.db: row {key}.* of table {table} is damaged"):
            reader(closed)
    [found] = verify_ledger(closed)
    assert f"of table {table} is damaged" in found


@pytest.mark.parametrize(
    ("table", "rows"), [("orders", "1, 3, 1"), ("deals", "2, 2, 1"), ("lots", "2, 3, 0")], ids=lambda one: str(one)
)
def test_missing_rows_are_found_by_the_row_counts(closed: Path, table: str, rows: str) -> None:
    edit(closed, f"DELETE FROM {table} WHERE {FIRST[table]}")
    with pytest.raises(DamagedRowError, match=rf"tables orders, deals, lots have {rows} rows, expected 2, 3, 1"):
        read_ledger(closed)


def test_a_missing_end_of_the_chain_is_found(closed: Path) -> None:
    """The rest of the chain is intact, but the row of the tick cursor was written with a later event."""
    edit(closed, "DELETE FROM events WHERE number = (SELECT max(number) FROM events)")
    for reader in (lambda path: Ledger(path).load(), read_ledger):
        with pytest.raises(DamagedRowError, match=r"table events ends at event \d+, expected event \d+"):
            reader(closed)


FIRST = {"orders": "number = 1", "deals": "deal = 2", "lots": "symbol = 'EURUSD'"}


@pytest.mark.parametrize("field", ["risk", "ordinal", "marks", "volatility"])
def test_a_tick_cursor_without_a_field_is_refused_with_its_name(closed: Path, field: str) -> None:
    """The field was removed and the checksum corrected. A default value would reset the state of the limits."""
    edit_skilfully(closed, f"UPDATE cursor SET payload = CAST(json_remove(CAST(payload AS TEXT), '$.{field}') AS BLOB)")
    with pytest.raises(
        DamagedRowError, match=rf"table cursor differs from the form of this version: {field} is missing"
    ):
        read_ledger(closed)
    [found] = verify_ledger(closed)
    assert f"{field} is missing" in found


def test_a_missing_field_of_the_risk_state_is_refused_with_its_name(closed: Path) -> None:
    edit_skilfully(
        closed, "UPDATE cursor SET payload = CAST(json_remove(CAST(payload AS TEXT), '$.risk.peaks') AS BLOB)"
    )
    with pytest.raises(DamagedRowError, match=r"risk\.peaks is missing"):
        read_ledger(closed)


@pytest.mark.parametrize(("version", "remedy"), [(2, "paperdesk migrate"), (4, "newer paperdesk")])
def test_a_ledger_of_another_version_is_refused_by_every_reader(closed: Path, version: int, remedy: str) -> None:
    edit(closed, f"PRAGMA user_version = {version}")
    for reader in (Ledger, read_ledger, verify_ledger):
        with pytest.raises(StartError, match=rf"has schema version {version}, expected 3; .*{remedy}"):
            reader(closed)


def test_a_persons_rule_reset_requires_a_sync_to_disk() -> None:
    reset = RiskReset(
        rule="DRAWDOWN", symbol="", reason="seen", person="me", time_ns=1, before={}, after={}, equity=None, key="k"
    )
    assert requires_fsync(reset)


def with_points(path: Path, *times_ns: int) -> list[EquityPoint]:
    """Store a point at each of these times in the ledger."""
    points = [EquityPoint(time_ns=at, ordinal=at, balance=D(1), equity=D(2), margin=None) for at in times_ns]
    ledger = Ledger(path)
    book, kept = ledger.load()
    for point in points:
        kept.equity_curve.add(point)
    ledger.commit([], book, kept)
    ledger.close()
    return points


def test_equity_points_are_read_by_time_and_a_point_that_is_stored_again_replaces_the_first(closed: Path) -> None:
    first, second, third = with_points(closed, 10, 20, 30)
    with_points(closed, 20)
    assert load_equity_points(closed) == [first, second, third]
    assert load_equity_points(closed, 20, 30) == [second]
    assert load_equity_points(closed, 11, limit=1) == [second]
    assert verify_ledger(closed) == []


def test_a_damaged_equity_point_is_found_by_verify_and_not_read(closed: Path) -> None:
    with_points(closed, 10, 20)
    edit(closed, "UPDATE equity_points SET equity = '3' WHERE time_ns = 10")
    [found] = verify_ledger(closed)
    assert "row 10 of table equity_points is damaged" in found
    with pytest.raises(StartError, match="row 10 of table equity_points is damaged"):
        load_equity_points(closed)
    assert load_equity_points(closed, 20) != []
