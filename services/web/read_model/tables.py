"""Tables of the index, their columns and their indexes.

Each row has a number, a category, the values by which pages are sorted, and the row of the API as JSON. A category is
one combination of the values that a page can be filtered by, such as symbol, tag and status. There are few
combinations, so that a filter selects some categories, and in each of them an index has the rows in every order. The
number of rows of each category is kept, so that totals need no count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NUMBER: Final = "number"
"""Name of the sort by row number, which every table has."""


@dataclass(frozen=True)
class Table:
    """One table of rows that are served in pages.

    `facets` are the values of a category, all text. `sorts` are the columns by which a page can be sorted, with their
    SQL types. `time` is the one of them to which an interval of time applies, empty for a table without one. `extra`
    are definitions of further columns.
    """

    name: str
    facets: tuple[str, ...]
    time: str = ""
    sorts: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def categories(self) -> str:
        """Name of the table of categories."""
        return f"{self.name}_categories"

    @property
    def sort_names(self) -> tuple[str, ...]:
        """The columns by which pages can be sorted."""
        return (NUMBER, *self.sorts)

    def index(self, sort: str) -> str:
        """Name of the index with the rows of each category in the order of `sort`."""
        return f"{self.name}_by_{sort}"

    @property
    def schema(self) -> str:
        """SQL that creates the table, its categories and its indexes."""
        columns = ["number INTEGER PRIMARY KEY", "category INTEGER NOT NULL"]
        columns += [f"{name} {kind}" for name, kind in (*self.sorts.items(), *self.extra.items())]
        texts = [f"{name} TEXT NOT NULL" for name in self.facets]
        made = [
            f"CREATE TABLE {self.name} ({', '.join(columns)}, payload BLOB NOT NULL) STRICT;",
            f"CREATE TABLE {self.categories} (category INTEGER PRIMARY KEY, rows INTEGER NOT NULL, "
            f"{', '.join(texts)}) STRICT;",
        ]
        for sort in self.sort_names:
            # SQLite appends the number, which is the row id, to each index.
            keys = ["category", *([] if sort == NUMBER else [sort])]
            if self.time not in ("", sort):
                keys += [NUMBER, self.time]  # an interval of time is then checked without reading the rows
            made.append(f"CREATE INDEX {self.index(sort)} ON {self.name} ({', '.join(keys)});")
        return "".join(made)


ORDERS: Final = Table(
    "orders",
    ("symbol", "side", "tag", "cause", "status"),
    "created_ns",
    {"created_ns": "INTEGER NOT NULL", "profit": "REAL NOT NULL"},
    {"order_id": "TEXT NOT NULL UNIQUE"},
)
FILLS: Final = Table(
    "fills",
    ("symbol", "side", "tag", "cause"),
    "time_ns",
    {"time_ns": "INTEGER NOT NULL", "profit": "REAL NOT NULL"},
    {"event": "INTEGER NOT NULL"},
)
TRADES: Final = Table(
    "trades",
    ("symbol", "side", "tag", "cause"),
    "close_time_ns",
    {
        "close_time_ns": "INTEGER NOT NULL",
        "profit": "REAL NOT NULL",
        "net": "REAL NOT NULL",
        "duration": "INTEGER NOT NULL",
        "mae": "REAL NOT NULL",
        "mfe": "REAL NOT NULL",
    },
)
DENIALS: Final = Table("denials", ("symbol", "tag", "code", "cause"), "time_ns", {"time_ns": "INTEGER NOT NULL"})
EVENTS: Final = Table("events", ("symbol", "tag", "code", "type"))

TABLES: Final = (ORDERS, FILLS, TRADES, DENIALS, EVENTS)

SCHEMA: Final = (
    "".join(table.schema for table in TABLES)
    + """
CREATE TABLE pnl (day INTEGER NOT NULL, symbol TEXT NOT NULL, tag TEXT NOT NULL, gross_profit TEXT NOT NULL,
  gross_loss TEXT NOT NULL, commission TEXT NOT NULL, swap TEXT NOT NULL, trades INTEGER NOT NULL,
  PRIMARY KEY (day, symbol, tag)) STRICT, WITHOUT ROWID;
CREATE TABLE cash (day INTEGER PRIMARY KEY, amount TEXT NOT NULL) STRICT;
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
)
