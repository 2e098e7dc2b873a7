"""Makes a failing case small: fewer ticks, fewer symbols, fewer settings, as long as a check still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from marketdata.tick_stream import SymbolRows
from tests.property.engines.cases import Case

PLAIN_FIELDS: Final[Mapping[str, str | int]] = {
    "on_opposite": "close",
    "account_mode": "NETTING",
    "volume": "0.01",
    "balance": 10_000,
    "leverage": 0,
    "seed": 0,
    "crossed": "reject",
}


def reduced(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The smallest case found for which `fails` is still true."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _smaller(case):
            if fails(smaller):
                case, is_smaller = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Smaller cases, those with the largest step first."""
    yield from _with_fewer_ticks(case)
    for name in ("plan", "limits", "fills"):
        contents = getattr(case, name)
        if isinstance(contents, Mapping):
            for smaller in _without_one(contents):
                changes: dict[str, Any] = {name: smaller}
                yield replace(case, **changes)
    if case.limits != "none":
        yield replace(case, limits="none", news="")
    if case.fills != "ideal":
        yield replace(case, fills="ideal")
    for name, value in PLAIN_FIELDS.items():
        if case.fields[name] != value:
            yield replace(case, fields={**case.fields, name: value})
    if case.commit_every_ticks != 5_000:
        yield replace(case, commit_every_ticks=5_000)


def _with_fewer_ticks(case: Case) -> Iterator[Case]:
    times = sorted(int(time_ns) for rows in case.rows for time_ns in rows.time_ns)
    count = len(times)
    size = count // 2
    while size:
        for start in range(count - size, -1, -size):
            first_ns, last_ns = times[start], times[start + size - 1]
            rows = tuple(_without(of_symbol, first_ns, last_ns) for of_symbol in case.rows)
            if all(len(of_symbol) for of_symbol in rows) and sum(map(len, rows)) < count:
                yield replace(case, rows=rows)
        size //= 2


def _without(rows: SymbolRows, first_ns: int, last_ns: int) -> SymbolRows:
    kept = (rows.time_ns < first_ns) | (rows.time_ns > last_ns)
    return SymbolRows(rows.symbol, rows.time_ns[kept], rows.bid[kept], rows.ask[kept], rows.volume[kept])


def _without_one(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The table without one of its keys, at any depth."""
    for key, value in table.items():
        yield {name: other for name, other in table.items() if name != key}
        if isinstance(value, Mapping):
            for smaller in _without_one(value):
                yield {**table, key: smaller}
