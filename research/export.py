"""Exports for other programs: orders, fills, round trips and the equity, as rows with a fixed order of columns.

Orders, fills and round trips are the rows of `proto/control/views.py` as plain fields. CSV and JSON have decimals as
exact text. Parquet has decimals as Decimal(38, 12): average prices are rounded to 12 decimals, other values are exact.
Times are nanoseconds UTC in columns called `..._ns`. CSV and JSON also have each time as text, under the same name
without `_ns`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from proto.control.views import FillRow, OrderRow, TradeRow
from proto.time import with_time_texts
from proto.trading.units import ZERO, decimal_text

PARQUET_DECIMALS: Final = 12


class EquityRow(Struct, frozen=True, kw_only=True):
    """The balance after a deal, and the change of the balance by the deal, both in account currency.

    A row with `deal` 0 is not a deal: an equity point of the ledger (`POINT`), or as the last row the current state
    (`PRESENT`). Only these rows have an equity, the balance plus the unrealized profit at the marks, and a margin.
    """

    time_ns: int
    deal: int
    kind: str
    symbol: str
    change: Decimal
    balance: Decimal
    equity: Decimal | None
    margin: Decimal | None


def equity_rows(
    deals: Iterable[Mapping[str, Any]], account: Mapping[str, Any], points: Iterable[Mapping[str, Any]]
) -> list[EquityRow]:
    """The balance after each deal and the equity points in the order of their times, and the current state last.

    Args:
        deals: deals in the order of their numbers, as plain fields.
        account: the account view, as plain fields.
        points: equity points in the order of their times, as plain fields.
    """
    rows, balance = [], ZERO
    for deal in deals:
        change = sum((Decimal(deal[part]) for part in ("profit", "commission", "swap")), ZERO)
        balance += change
        rows.append(
            EquityRow(
                time_ns=deal["time_ns"],
                deal=deal["deal"],
                kind=deal["kind"],
                symbol=deal["symbol"],
                change=change,
                balance=balance,
                equity=None,
                margin=None,
            )
        )
    # The account view may be slightly older than the deals; the unrealized profit is that of the account view.
    unrealized = account["unrealized_pnl"]
    present = EquityRow(
        time_ns=account["time_ns"],
        deal=0,
        kind="PRESENT",
        symbol="",
        change=ZERO,
        balance=balance,
        equity=None if unrealized is None else balance + Decimal(unrealized),
        margin=_decimal(account["margin"]),
    )
    return [*_merged(rows, map(_point_row, points)), present]


def _point_row(point: Mapping[str, Any]) -> EquityRow:
    return EquityRow(
        time_ns=point["time_ns"],
        deal=0,
        kind="POINT",
        symbol="",
        change=ZERO,
        balance=Decimal(point["balance"]),
        equity=Decimal(point["equity"]),
        margin=_decimal(point["margin"]),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _merged(deals: Sequence[EquityRow], points: Iterable[EquityRow]) -> Iterator[EquityRow]:
    """The rows of deals and points by time; a point at the time of deals is before those that it does not contain."""
    at, balance = 0, ZERO
    for point in points:
        while at < len(deals) and (
            deals[at].time_ns < point.time_ns or (deals[at].time_ns == point.time_ns and balance != point.balance)
        ):
            yield deals[at]
            balance = deals[at].balance
            at += 1
        yield point
    yield from deals[at:]


COLUMNS: Final[dict[str, type[Struct]]] = {
    "orders": OrderRow,
    "fills": FillRow,
    "trades": TradeRow,
    "equity": EquityRow,
}
"""The row type of each export; the fields of the type are the columns."""

_PLACES: Final = Decimal(1).scaleb(-PARQUET_DECIMALS)


def csv_text(rows: Sequence[Mapping[str, Any]], kind: type[Struct]) -> str:
    """Rows as CSV with a header; a missing value is an empty field."""
    out = io.StringIO()
    columns = with_time_texts(dict.fromkeys(kind.__struct_fields__, 0))
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in with_time_texts(row).items()})
    return out.getvalue()


def _text(value: Any) -> Any:
    return decimal_text(value) if isinstance(value, Decimal) else value


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], kind: type[Struct]) -> None:
    """Write rows as a Parquet file, with the column types of `kind` even without rows.

    Raises:
        OSError: the file cannot be written.
    """
    import polars as pl  # the import takes 0.3 s, and only this format needs it

    decimals = pl.Decimal(38, PARQUET_DECIMALS)
    types: dict[Any, Any] = {Decimal: decimals, int: pl.Int64, str: pl.String}
    schema = {field.name: types[_plain_type(field.type)] for field in msgspec.structs.fields(kind)}
    columns: dict[str, list[Any]] = {
        name: [_column_value(row.get(name), is_decimal=type_ == decimals) for row in rows]
        for name, type_ in schema.items()
    }
    pl.DataFrame(columns, schema=schema).write_parquet(path)


def _column_value(value: Any, *, is_decimal: bool) -> Any:
    return Decimal(value).quantize(_PLACES) if is_decimal and value is not None else value


def _plain_type(annotation: Any) -> Any:
    """The type of a field, without its bounds and without None."""
    for part in get_args(annotation):
        if part is not type(None):
            return _plain_type(part)
    return annotation
