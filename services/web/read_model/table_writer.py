"""Writes rows of one table of the index and keeps the number of rows of each category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import apsw

from services.web.read_model.tables import Table


class TableWriter:
    """Writes to one table, within transactions of the caller. After a rollback the caller makes a new writer."""

    def __init__(self, db: apsw.Connection, table: Table) -> None:
        """Read the known categories."""
        self._db, self._table = db, table
        columns = ", ".join(table.facets)
        rows: Iterable[Any] = db.execute(f"SELECT {columns}, category FROM {table.categories}")  # noqa: S608 - ours
        self._categories: dict[tuple[str, ...], int] = {row[:-1]: row[-1] for row in rows}
        self._changes: Counter[int] = Counter()
        self._insert = _insert_text(table.name, 3 + len(table.sorts) + len(table.extra))

    def put(
        self,
        number: int,
        facets: tuple[str, ...],
        payload: bytes,
        *,
        sorts: tuple[int | float, ...] = (),
        extra: tuple[int | str, ...] = (),
        may_exist: bool = False,
    ) -> None:
        """Write a row.

        Args:
            number: number of the row.
            facets: values of the row's category, in the order of the table's facets.
            payload: the row as JSON.
            sorts: values of the columns in `Table.sorts`, in their order.
            extra: values of the columns in `Table.extra`, in their order.
            may_exist: whether the row may replace one of the same number.
        """
        if may_exist:
            before: Any = self._db.execute(
                f"SELECT category FROM {self._table.name} WHERE number = ?",  # noqa: S608 - names of our own
                (number,),
            ).fetchone()
            if before is not None:
                self._changes[before[0]] -= 1
        category = self._category(facets)
        self._changes[category] += 1
        self._db.execute(self._insert, (number, category, *sorts, *extra, payload))

    def clear(self) -> None:
        """Delete all rows and categories."""
        self._db.execute(f"DELETE FROM {self._table.name}; DELETE FROM {self._table.categories}")  # noqa: S608 - ours
        self._categories.clear()
        self._changes.clear()

    def write_counts(self) -> None:
        """Write the changed numbers of rows, at the end of each transaction."""
        self._db.executemany(
            f"UPDATE {self._table.categories} SET rows = rows + ? WHERE category = ?",  # noqa: S608 - names of our own
            [(change, category) for category, change in self._changes.items() if change],
        )
        self._changes.clear()

    def _category(self, facets: tuple[str, ...]) -> int:
        found = self._categories.get(facets)
        if found is None:
            found = self._categories[facets] = len(self._categories) + 1
            text = _insert_text(self._table.categories, 2 + len(facets))
            self._db.execute(text, (found, 0, *facets))
        return found


def _insert_text(table: str, columns: int) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - names of our own
