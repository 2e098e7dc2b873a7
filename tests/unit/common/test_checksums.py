"""Rows with checksums are read if they are unchanged, and refused if any value changed."""

from __future__ import annotations

import apsw
import pytest

from common.checksums import (
    DamagedRowError,
    add_checksum_column,
    add_sql_function,
    checked_row,
    row_checksum,
    sql_of_checksum,
    with_checksum,
)

ROW = ("EURUSD", -1, b"\x00payload", 1.5, None)


def test_a_written_row_is_read() -> None:
    assert checked_row("a.db", "lots", with_checksum("lots", *ROW)) == ROW


@pytest.mark.parametrize(
    "changed",
    [
        ("EURUSE", *ROW[1:]),
        ("EURUSD", 1, *ROW[2:]),
        (*ROW[:2], b"\x01payload", *ROW[3:]),
        (*ROW[:4], 0),
        (*ROW[:3], 2, None),
    ],
)
def test_a_changed_value_is_refused_and_the_error_names_file_table_and_row(
    changed: tuple[str | int | float | bytes | None, ...],
) -> None:
    stored = (*changed, row_checksum("lots", *ROW))
    with pytest.raises(DamagedRowError, match=rf"a\.db: row {changed[0]!s} of table lots is damaged"):
        checked_row("a.db", "lots", stored)


def test_rows_of_another_table_and_values_in_other_columns_are_refused() -> None:
    with pytest.raises(DamagedRowError):
        checked_row("a.db", "orders", with_checksum("lots", *ROW))
    with pytest.raises(DamagedRowError):
        checked_row("a.db", "lots", ("a", "bc", row_checksum("lots", "ab", "c")))


def test_a_change_of_any_bit_of_a_payload_is_found() -> None:
    payload = bytes(range(256))
    checksum = row_checksum("lots", payload)
    flipped = (
        payload[:place] + bytes([payload[place] ^ (1 << bit)]) + payload[place + 1 :]
        for place in range(len(payload))
        for bit in range(8)
    )
    assert all(row_checksum("lots", one) != checksum for one in flipped)


def test_sql_statements_compute_the_same_checksum() -> None:
    db = apsw.Connection(":memory:")
    add_sql_function(db)
    db.execute("CREATE TABLE lots (symbol TEXT, side INTEGER, payload BLOB, price REAL, note TEXT)")
    db.execute("INSERT INTO lots VALUES (?, ?, ?, ?, ?)", ROW)
    add_checksum_column(db, "lots")
    [row] = db.execute("SELECT * FROM lots").fetchall()
    assert checked_row("a.db", "lots", row) == ROW
    expression = sql_of_checksum("lots", ["symbol", "side", "payload", "price", "note"])
    assert db.execute(f"SELECT {expression} FROM lots").fetchall() == [(row[-1],)]
