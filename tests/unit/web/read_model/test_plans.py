"""SQLite's plan of each statement of each filter and sort: no table is scanned and nothing is sorted in memory."""

from __future__ import annotations

from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import apsw
import pytest

from services.web.read_model.index_file import IndexFile
from services.web.read_model.paging import PageRequest, page_statements, read_page
from services.web.read_model.pnl import pnl_statement
from services.web.read_model.table_writer import TableWriter
from services.web.read_model.tables import FILLS, TABLES, Table

ROWS = 40
SMALL = {table.categories for table in TABLES}
"""Tables with one row for each combination of filter values, which may be scanned."""


def plan(db: apsw.Connection, statement: tuple[str, tuple[Any, ...]]) -> list[str]:
    text, values = statement
    rows: Any = db.execute(f"EXPLAIN QUERY PLAN {text}", values)
    return [row[3] for row in rows]


def faults(db: apsw.Connection, statement: tuple[str, tuple[Any, ...]]) -> list[str]:
    """The parts of a plan that read a whole large table or sort."""
    return [
        line
        for line in plan(db, statement)
        if "TEMP B-TREE" in line or (line.startswith("SCAN") and line.split()[1] not in SMALL)
    ]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_filter_and_sort_is_served_by_an_index(tmp_path: Path, table: Table) -> None:
    with closing(IndexFile(tmp_path / "web.db")) as file:
        facets = {facet: frozenset({"x"}) for facet in table.facets}
        filters = [{}, *({facet: facets[facet]} for facet in facets), facets]
        intervals = [(None, None), (1, None), (None, 9), (1, 9)] if table.time else [(None, None)]
        seen = 0
        for sort, sign, wanted, (from_ns, to_ns) in product(table.sort_names, ("", "-"), filters, intervals):
            first = PageRequest(table, wanted, f"{sign}{sort}", 2, "", from_ns, to_ns)
            for request in (first, first._replace(cursor=a_cursor(first))):
                for statement in page_statements(request):
                    assert faults(file.writer, statement) == [], statement
                    seen += 1
        assert seen > 2 * len(table.sort_names) * len(filters)


def a_cursor(request: PageRequest) -> str:
    """The cursor of the second page of a table with three rows."""
    with closing(apsw.Connection(":memory:")) as db:
        db.execute(request.table.schema)
        writer = TableWriter(db, request.table)
        for number in range(1, 4):
            sorts = tuple(number for _ in request.table.sorts)
            extra = tuple(number if "INT" in kind else str(number) for kind in request.table.extra.values())
            writer.put(number, tuple("x" for _ in request.table.facets), b"{}", sorts=sorts, extra=extra)
        writer.write_counts()
        found = read_page(db, request._replace(from_ns=None, to_ns=None))
    assert found.next
    return found.next


def test_the_other_statements_use_an_index(tmp_path: Path) -> None:
    with closing(IndexFile(tmp_path / "web.db")) as file:
        for statement in (
            pnl_statement(20_000),
            ("SELECT payload FROM orders WHERE order_id = ?", ("x",)),
            ("SELECT event FROM fills WHERE number > ? ORDER BY number LIMIT ?", (1, 2)),
        ):
            assert faults(file.writer, statement) == [], statement


def test_the_check_finds_a_scan_and_a_sort(tmp_path: Path) -> None:
    with closing(IndexFile(tmp_path / "web.db")) as file:
        assert faults(file.writer, (f"SELECT payload FROM {FILLS.name} WHERE event = 1", ()))
        assert faults(file.writer, (f"SELECT payload FROM {FILLS.name} WHERE number > 1 ORDER BY event", ()))
