"""What leaves the desk for other programs: orders, fills, round trips and the balance, as rows with columns in a fixed order.

Rows are those of `proto/views.py` as plain fields. CSV and JSON keep decimals as exact text; Parquet has them as Decimal(38, 12), which is
exact but for average prices, which are rounded to 12 decimals. Times are nanoseconds UTC in columns called `..._ns`.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from common.errors import StartError
from proto.units import Side, plain, round_money
from proto.views import FillRow, OrderRow
from services.portfolio.core.position import ZERO, Position

PARQUET_DECIMALS: Final = 12
_CENTS: Final = 2


class TradeRow(Struct, frozen=True, kw_only=True):
    """A round trip: what one closing deal closed of one opening deal, first in first out.

    `profit` is the share of the closing deal's profit, by the price differences of what it closed; `commission` the shares of both deals', and
    `swap` of what the closing deal was charged, by volume. Rounded shares of one deal add up to it. `net` is the sum of the three.
    """

    trade: int
    symbol: str
    direction: str
    volume: Decimal
    open_deal: int
    open_time_ns: int
    open_price: Decimal
    open_order_id: str
    close_deal: int
    close_time_ns: int
    close_price: Decimal
    close_order_id: str
    why: str
    profit: Decimal
    commission: Decimal
    swap: Decimal
    net: Decimal
    tag: str


class EquityRow(Struct, frozen=True, kw_only=True):
    """The balance after a deal. The last row is the present: its `equity` is the balance and what is unrealised at the latest marks."""

    time_ns: int
    deal: int
    kind: str
    symbol: str
    change: Decimal
    balance: Decimal
    equity: Decimal | None


def trades_of(deals: Sequence[Mapping[str, Any]], tags: Mapping[str, str], *, is_hedging: bool) -> list[TradeRow]:
    """Round trips out of all deals of an account, in their order; `tags` has an order's tag by its id."""
    found: list[TradeRow] = []
    held: dict[tuple[str, int], _Held] = {}
    for deal in deals:
        if deal["kind"] not in list(Side):
            continue
        ticket = int(deal["position"]) if is_hedging else 0
        one = held.setdefault((deal["symbol"], ticket), _Held(deal["symbol"]))
        for trade in one.fold(deal, tags):
            found.append(msgspec.structs.replace(trade, trade=len(found) + 1))
    return found


class _Held:
    """One position with the deals that opened what is left of it."""

    def __init__(self, symbol: str) -> None:
        self._position = Position(symbol, Decimal(1))
        self._openers: deque[Mapping[str, Any]] = deque()
        self._closed: dict[int, Decimal] = {}

    def fold(self, deal: Mapping[str, Any], tags: Mapping[str, str]) -> list[TradeRow]:
        """Book a deal; what it closed, as trades that are not numbered yet."""
        side, volume = Side(deal["kind"]), Decimal(deal["volume"])
        was = self._position.direction
        closings = self._position.apply(
            side=side, volume=volume, price=Decimal(deal["price"]), deal=str(deal["deal"]), time_ns=deal["time_ns"]
        )
        weights = [closing.gross for closing in closings]
        profits = _shares(Decimal(deal["profit"]), weights if sum(weights) else [one.volume for one in closings])
        rest = volume - sum((closing.volume for closing in closings), ZERO)
        parts = [*(closing.volume for closing in closings), *((rest,) if rest else ())]
        commissions, swaps = _shares(Decimal(deal["commission"]), parts), _shares(Decimal(deal["swap"]), parts)
        found = []
        for closing, profit, commission, swap in zip(closings, profits, commissions, swaps, strict=False):
            opener = next(one for one in self._openers if one["deal"] == int(closing.opened_by))
            opening = self._share_of_opening(opener, closing.volume)
            found.append(
                TradeRow(
                    trade=0,
                    symbol=deal["symbol"],
                    direction="LONG" if was > 0 else "SHORT",
                    volume=closing.volume,
                    open_deal=opener["deal"],
                    open_time_ns=opener["time_ns"],
                    open_price=closing.open_price,
                    open_order_id=opener["order_id"],
                    close_deal=deal["deal"],
                    close_time_ns=deal["time_ns"],
                    close_price=closing.close_price,
                    close_order_id=deal["order_id"],
                    why=deal["why"],
                    profit=profit,
                    commission=commission + opening,
                    swap=swap,
                    net=profit + commission + opening + swap,
                    tag=tags.get(opener["order_id"], ""),
                )
            )
        if rest:
            share = commissions[-1]
            self._openers.append({**deal, "volume": rest, "commission": share})
        while self._openers and not any(int(lot.opened_by) == self._openers[0]["deal"] for lot in self._position.lots):
            self._closed.pop(self._openers.popleft()["deal"], None)
        return found

    def _share_of_opening(self, opener: Mapping[str, Any], volume: Decimal) -> Decimal:
        """What of an opening deal's commission goes with so many lots of it: shares add up when all of it is closed."""
        whole, total = Decimal(opener["volume"]), Decimal(opener["commission"])
        before = self._closed.get(opener["deal"], ZERO)
        after = self._closed[opener["deal"]] = before + volume
        return _rounded(total, after / whole) - _rounded(total, before / whole)


def _shares(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """A total in parts as large as their weights, each rounded so that they add up to it."""
    whole, seen, given = sum(weights, ZERO), ZERO, ZERO
    parts = []
    for weight in weights:
        seen += weight
        upto = _rounded(total, seen / whole)
        parts.append(upto - given)
        given = upto
    return parts


def _rounded(total: Decimal, part: Decimal) -> Decimal:
    exponent = total.as_tuple().exponent
    assert isinstance(exponent, int), total
    return round_money(total * part, max(_CENTS, -exponent))


def equity_of(deals: Iterable[Mapping[str, Any]], account: Mapping[str, Any]) -> list[EquityRow]:
    """The balance after each deal, and the present as the last row."""
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
            )
        )
    # The account may have been asked a moment before the deals: what is unrealised is as of then.
    unrealized = account["unrealized_pnl"]
    present = EquityRow(
        time_ns=account["time_ns"],
        deal=0,
        kind="PRESENT",
        symbol="",
        change=ZERO,
        balance=balance,
        equity=None if unrealized is None else balance + Decimal(unrealized),
    )
    return [*rows, present]


COLUMNS: Final[dict[str, type[Struct]]] = {
    "orders": OrderRow,
    "fills": FillRow,
    "trades": TradeRow,
    "equity": EquityRow,
}
"""What can be exported, and the row whose fields are its columns."""


def csv_text(rows: Sequence[Mapping[str, Any]], kind: type[Struct]) -> str:
    """Rows as CSV with a head; what is not there is an empty field."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(kind.__struct_fields__), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in row.items()})
    return out.getvalue()


def _text(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], kind: type[Struct]) -> None:
    """Rows as a Parquet file; its columns have their types also where there is no row.

    Raises:
        StartError: it cannot be written.
    """
    import polars as pl

    decimals = pl.Decimal(38, PARQUET_DECIMALS)
    types: dict[Any, Any] = {Decimal: decimals, int: pl.Int64, str: pl.String}
    schema = {field.name: types[_plain_type(field.type)] for field in msgspec.structs.fields(kind)}
    places = Decimal(1).scaleb(-PARQUET_DECIMALS)
    columns: dict[str, list[Any]] = {
        name: [
            None if row[name] is None else Decimal(row[name]).quantize(places) if type_ == decimals else row[name]
            for row in rows
        ]
        for name, type_ in schema.items()
    }
    try:
        pl.DataFrame(columns, schema=schema).write_parquet(path)
    except OSError as error:
        raise StartError(f"--out {path} cannot be written: {error.strerror or error}") from None


def _plain_type(annotation: Any) -> Any:
    """The type of a field without its bounds and without None."""
    for part in get_args(annotation):
        if part is not type(None):
            return _plain_type(part)
    return annotation
