"""Pages of a table of the index: filter by categories, order by an index, and continue after a row.

A page begins after the sort value and number of the last row of the preceding page, not after a count of rows. So each
page costs the same, and added rows shift no page. With a filter, the rows of the selected categories are merged, each
read from its index only as far as the page needs.
"""

from __future__ import annotations

import heapq
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from math import isnan
from operator import neg
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import apsw
import msgspec
from msgspec import Meta, Struct

from services.web.read_model.tables import NUMBER, Table

ROWS_MAX: Final = 500
"""Largest number of rows in a page."""

_NUMBER_MAX: Final = 2**63 - 1

_Key: TypeAlias = tuple[int | float, int]
"""Sort value and number of a row."""


class FilterError(ValueError):
    """A filter, sort, limit or cursor that the table does not have; the text is one line."""


class PageRequest(NamedTuple):
    """A page of a table.

    `wanted` has the accepted values of a category by facet; a facet that is absent accepts all. `from_ns` and `to_ns`
    are both included, None for no limit.
    """

    table: Table
    wanted: Mapping[str, frozenset[str]]
    sort: str = f"-{NUMBER}"
    limit: int = 100
    cursor: str = ""
    from_ns: int | None = None
    to_ns: int | None = None


class FoundPage(NamedTuple):
    """Rows as JSON, the number of all rows that match, and the cursor of the next page, empty after the last row."""

    total: int
    next: str
    rows: list[bytes]


class _Cursor(Struct, frozen=True, array_like=True):
    sort: str
    value: Annotated[int, Meta(ge=-_NUMBER_MAX, le=_NUMBER_MAX)] | float
    number: Annotated[int, Meta(ge=0, le=_NUMBER_MAX)]


def read_page(db: apsw.Connection, request: PageRequest) -> FoundPage:
    """Read a page in one read transaction.

    Raises:
        FilterError: the table has no such sort, the limit is out of range, or the cursor is not from this table's
            pages with the same sort.
    """
    column, is_descending = _order(request)
    after = _position(request)
    if not 1 <= request.limit <= ROWS_MAX:
        raise FilterError(f"limit is {request.limit}, expected 1 to {ROWS_MAX}")
    with db:
        categories = _categories(db, request)
        total = _total(db, request, categories)
        keys = list(islice(_keys(db, request, column, after, is_descending, categories), request.limit + 1))
        rows = [_payload(db, request.table, number) for _, number in keys[: request.limit]]
    following = ""
    if len(keys) > request.limit:
        following = _encode_cursor(_Cursor(request.sort, *keys[request.limit - 1]))
    return FoundPage(total, following, rows)


def matching_payloads(db: apsw.Connection, request: PageRequest) -> Iterator[bytes]:
    """Yield each row that matches, as JSON, in the order of the request, whatever its limit and cursor.

    The caller holds a read transaction until the last row.

    Raises:
        FilterError: the table has no such sort.
    """
    every = request._replace(limit=_NUMBER_MAX - 1)
    column, is_descending = _order(every)
    for _, number in _keys(db, every, column, None, is_descending, _categories(db, every)):
        yield _payload(db, every.table, number)


def page_statements(request: PageRequest) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield each statement with its values that a page may execute, with category 1, for a check of their plans."""
    column, is_descending = _order(request)
    after = _position(request)
    yield _category_statement(request)
    if _has_interval(request):
        yield _count_statement(request, 1)
    yield _key_statement(request, column, after, is_descending, None if _is_plain(request) else 1)
    yield _payload_statement(request.table, 1)


def _order(request: PageRequest) -> tuple[str, bool]:
    column = request.sort.removeprefix("-")
    if column not in request.table.sort_names:
        expected = ", ".join(request.table.sort_names)
        raise FilterError(f"sort is {request.sort!r}, expected one of {expected}, or one after a minus sign")
    return column, request.sort.startswith("-")


def _position(request: PageRequest) -> _Key | None:
    if not request.cursor:
        return None
    try:
        found = msgspec.msgpack.decode(urlsafe_b64decode(request.cursor.encode("ascii")), type=_Cursor)
    except (msgspec.MsgspecError, Base64Error, UnicodeError):
        found = None
    if found is None or found.sort != request.sort or isnan(found.value):
        raise FilterError(f"cursor is {request.cursor[:40]!r}, expected `next` of a page with sort {request.sort}")
    return found.value, found.number


def _encode_cursor(cursor: _Cursor) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode()


def _has_interval(request: PageRequest) -> bool:
    return request.from_ns is not None or request.to_ns is not None


def _is_plain(request: PageRequest) -> bool:
    """Whether the page is read from the table itself, which is in the order of the numbers."""
    return not request.wanted and not _has_interval(request) and request.sort.removeprefix("-") == NUMBER


def _category_statement(request: PageRequest) -> tuple[str, tuple[Any, ...]]:
    values = tuple(value for facet in request.wanted for value in sorted(request.wanted[facet]))
    terms = [f"{facet} IN ({', '.join('?' * len(accepted))})" for facet, accepted in request.wanted.items()]
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    return f"SELECT category, rows FROM {request.table.categories}{where}", values  # noqa: S608 - names of our own


def _categories(db: apsw.Connection, request: PageRequest) -> dict[int, int]:
    """Number of rows of each selected category, without those that have none."""
    found: Iterable[Any] = db.execute(*_category_statement(request))
    return {category: rows for category, rows in found if rows}


def _interval(request: PageRequest) -> tuple[str, tuple[int, ...]]:
    text = ""
    values: tuple[int, ...] = ()
    for sign, bound in ((">=", request.from_ns), ("<=", request.to_ns)):
        if bound is not None:
            text, values = f"{text} AND {request.table.time} {sign} ?", (*values, bound)
    return text, values


def _count_statement(request: PageRequest, category: int) -> tuple[str, tuple[Any, ...]]:
    table, (interval, values) = request.table, _interval(request)
    text = f"SELECT count(*) FROM {table.name} INDEXED BY {table.index(table.time)} WHERE category = ?{interval}"  # noqa: S608
    return text, (category, *values)


def _total(db: apsw.Connection, request: PageRequest, categories: Mapping[int, int]) -> int:
    if not _has_interval(request):
        return sum(categories.values())
    total = 0
    for category in categories:
        row: Any = db.execute(*_count_statement(request, category)).fetchone()
        total += row[0]
    return total


def _key_statement(
    request: PageRequest, column: str, after: _Key | None, is_descending: bool, category: int | None
) -> tuple[str, tuple[Any, ...]]:
    table, (interval, values) = request.table, _interval(request)
    sign, direction = ("<", "DESC") if is_descending else (">", "ASC")
    terms, bound = [], list[Any]()
    if category is not None:
        terms, bound = ["category = ?"], [category]
    if column == NUMBER:
        begin = (_NUMBER_MAX if is_descending else 0) if after is None else after[1]
        terms, bound = [*terms, f"number {sign} ?"], [*bound, begin]
    elif after is not None:
        terms, bound = [*terms, f"({column}, number) {sign} (?, ?)"], [*bound, *after]
    hint = "" if category is None else f" INDEXED BY {table.index(column)}"
    where = f" WHERE {' AND '.join(terms)}{interval}" if terms else ""
    order = f"number {direction}" if column == NUMBER else f"{column} {direction}, number {direction}"
    text = f"SELECT {column}, number FROM {table.name}{hint}{where} ORDER BY {order} LIMIT ?"  # noqa: S608 - our names
    return text, (*bound, *values, request.limit + 1)


def _keys(
    db: apsw.Connection,
    request: PageRequest,
    column: str,
    after: _Key | None,
    is_descending: bool,
    categories: Iterable[int],
) -> Iterator[_Key]:
    """Yield the sort values and numbers of the matching rows in order, as far as the caller reads."""
    if _is_plain(request):
        yield from _rows(db, *_key_statement(request, column, after, is_descending, None))
        return
    parts = [_rows(db, *_key_statement(request, column, after, is_descending, category)) for category in categories]
    yield from heapq.merge(*parts, key=_negated if is_descending else None)


def _rows(db: apsw.Connection, text: str, values: tuple[Any, ...]) -> Iterator[_Key]:
    rows: Iterator[Any] = db.execute(text, values)
    yield from rows


def _negated(key: _Key) -> _Key:
    return neg(key[0]), neg(key[1])


def _payload_statement(table: Table, number: int) -> tuple[str, tuple[Any, ...]]:
    return f"SELECT payload FROM {table.name} WHERE number = ?", (number,)  # noqa: S608 - names of our own


def _payload(db: apsw.Connection, table: Table, number: int) -> bytes:
    row: Any = db.execute(*_payload_statement(table, number)).fetchone()
    payload: bytes = row[0]
    return payload
