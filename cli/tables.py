"""Tables on the terminal: rows, fields and numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proto.time import utc_text
from proto.trading.units import decimal_text

NUMBERS: Final = frozenset(
    {"volume", "price", "profit", "commission", "swap", "filled_volume", "filled_price", "net_volume", "unrealized_pnl"}
    | {"avg_entry_price", "close_price", "limit_price", "slippage", "now", "headroom", "lots_count"}
)
PIPED_WIDTH: Final = 200
"""Columns of a table that does not go to a terminal: wide enough that nothing is folded."""

TITLES: Final = {
    "order_id": "order",
    "limit_price": "limit/stop",
    "filled_volume": "filled",
    "filled_price": "filled at",
    "net_volume": "volume",
    "avg_entry_price": "entry",
    "close_price": "market",
    "unrealized_pnl": "open P&L",
    "lots_count": "lots",
    "past_rules": "let past",
}
"""How columns are headed where their field's name is long."""

NOTHING: Final = "-"
AVERAGES: Final = frozenset({"avg_entry_price", "filled_price"})
AVERAGE_DECIMALS: Final = 8
"""Of an average price in a table: three more than prices of the finest pairs have; JSON and exports have twelve."""

FOLDED_CHARS: Final = 30
"""Of a cell, what has to fit: longer words are folded."""

_TO_THE_SECOND: Final = "2026-11-27 12:00:00Z"


def console() -> Console:
    """Where people read: the terminal's width, or a wide page when there is none."""
    made = Console(soft_wrap=False, highlight=False)
    return made if made.is_terminal else Console(width=PIPED_WIDTH, soft_wrap=False, highlight=False)


def show_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, none: str, spare: Sequence[str] = ()
) -> None:
    """Rows as a table; `none` is said when there are none.

    `spare` columns may be left out: those without a single value, and then one after the other while the page is too narrow.
    """
    out = console()
    if not rows:
        out.print(none)
        return
    texts = {column: [cell(column, row.get(column)) for row in rows] for column in columns}
    if spare:
        texts = _fitting({column: _short(column, cells) for column, cells in texts.items()}, spare, out.width)
    table = Table()
    for column in texts:
        table.add_column(_title(column), justify="right" if column in NUMBERS else "left", overflow="fold")
    for cells in zip(*texts.values(), strict=True):
        table.add_row(*map(Text, cells))
    out.print(table)


def _title(column: str) -> str:
    return TITLES.get(column, column.removesuffix("_ns"))


def _short(column: str, cells: list[str]) -> list[str]:
    """Times to the second."""
    if not column.endswith("_ns"):
        return cells
    return [text if len(text) <= len(_TO_THE_SECOND) else text[: len(_TO_THE_SECOND) - 1] + "Z" for text in cells]


def _fitting(texts: dict[str, list[str]], spare: Sequence[str], width: int) -> dict[str, list[str]]:
    """The columns that the page has room for; words may be folded, so that only their beginning counts."""
    left = {name: cells for name, cells in texts.items() if name not in spare or any(text != NOTHING for text in cells)}
    for name in spare:
        needed = sum(min(max(map(len, (_title(column), *cells))), FOLDED_CHARS) + 3 for column, cells in left.items())
        if needed < width:
            break
        left.pop(name, None)
    return left


def show_fields(fields: Mapping[str, Any]) -> None:
    """One thing's fields, a line each."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in fields.items():
        if isinstance(value, Mapping) and value:
            for key, item in value.items():
                table.add_row(Text(f"{name.removesuffix('_ns')}, {key}"), Text(cell("", item)))
        else:
            table.add_row(Text(name.removesuffix("_ns")), Text(cell(name, value)))
    console().print(table)


def cell(name: str, value: Any) -> str:
    """A value as text: times as UTC, what is not there as a dash."""
    if value is None or value == "":
        return NOTHING
    if name.endswith("_ns"):
        return utc_text(int(value)) if value else NOTHING
    if name in AVERAGES:
        return average_text(Decimal(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or NOTHING
    return str(value)


def average_text(price: Decimal) -> str:
    """An average price as tables show it: rounded to AVERAGE_DECIMALS, without zeros at its end."""
    return decimal_text(price.quantize(Decimal(1).scaleb(-AVERAGE_DECIMALS), rounding=ROUND_HALF_UP))
