"""Tables for the terminal, and values as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.json_output import print_json
from cli.printable_text import printable
from proto.time import utc_text
from proto.trading.units import decimal_text

NUMBERS: Final = frozenset(
    {"volume", "price", "profit", "commission", "swap", "filled_volume", "filled_price", "net_volume", "unrealized_pnl"}
    | {"avg_entry_price", "close_price", "limit_price", "slippage", "now", "headroom", "lots_count"}
)
PIPED_WIDTH: Final = 200
"""Width in characters of a table that is not printed on a terminal."""

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
    "past_rules": "overridden rules",
    "why": "reason",
    "now": "current",
    "ordinal": "tick",
}
"""Headings of columns that differ from the names of the fields."""

NOTHING: Final = "-"
AVERAGES: Final = frozenset({"avg_entry_price", "filled_price"})
AVERAGE_DECIMALS: Final = 8
"""Decimals of an average price in a table; JSON and exports have 12."""

FOLDED_CHARS: Final = 30
"""Width in characters above which the text of a cell is folded."""

_TO_THE_SECOND: Final = "2026-11-27 12:00:00Z"


def console() -> Console:
    """A console with the terminal's width, or with PIPED_WIDTH if stdout is no terminal."""
    terminal = Console(soft_wrap=False, highlight=False)
    return terminal if terminal.is_terminal else Console(width=PIPED_WIDTH, soft_wrap=False, highlight=False)


def show_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, none: str, spare: Sequence[str] = ()
) -> None:
    """Print rows as a table, or the text `none` if there are no rows.

    Columns of `spare` without a value are omitted. While the table is too wide, the other columns of `spare` are
    omitted in their order.
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


def show_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    none: str,
    total: int,
    *,
    as_json: bool,
    spare: Sequence[str] = (),
) -> int:
    """Print rows as a table or as JSON, and return the exit code 0.

    Args:
        rows: the rows to print.
        columns: columns of the table. JSON has all fields.
        none: text if there are no rows.
        total: number of all rows, of which `rows` may be the last.
        as_json: whether to print JSON.
        spare: columns that may be omitted, as in `show_rows`.
    """
    if as_json:
        print_json(rows)
        return 0
    show_rows(rows, columns, none=none, spare=spare)
    if total > len(rows):
        print(f"last {len(rows)} of {total:,}; --last N shows more rows, --json all rows")
    return 0


def _title(column: str) -> str:
    return TITLES.get(column, column.removesuffix("_ns"))


def _short(column: str, cells: list[str]) -> list[str]:
    """The cells of a column of times without fractions of a second; other columns unchanged."""
    if not column.endswith("_ns"):
        return cells
    return [text if len(text) <= len(_TO_THE_SECOND) else text[: len(_TO_THE_SECOND) - 1] + "Z" for text in cells]


def _fitting(texts: dict[str, list[str]], spare: Sequence[str], width: int) -> dict[str, list[str]]:
    """The columns that fit into `width`; a cell counts with at most FOLDED_CHARS, because longer texts are folded."""
    kept = {name: cells for name, cells in texts.items() if name not in spare or any(text != NOTHING for text in cells)}
    for name in spare:
        needed = sum(min(max(map(len, (_title(column), *cells))), FOLDED_CHARS) + 3 for column, cells in kept.items())
        if needed < width:
            break
        kept.pop(name, None)
    return kept


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print fields as a table with one line for each."""
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
    """The value of the field `name` as printable text: times in UTC, a missing value as a dash."""
    if value is None or value == "":
        return NOTHING
    if name.endswith("_ns"):
        return utc_text(int(value)) if value else NOTHING
    if name in AVERAGES:
        return average_text(Decimal(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return printable(", ".join(f"{key} {item}" for key, item in value.items())) or NOTHING
    return printable(str(value), keep="\n")


def average_text(price: Decimal) -> str:
    """An average price for a table: rounded to AVERAGE_DECIMALS, without trailing zeros."""
    return decimal_text(price.quantize(Decimal(1).scaleb(-AVERAGE_DECIMALS), rounding=ROUND_HALF_UP))


def format_money(amount: Decimal) -> str:
    """An amount with a comma for thousands, and a sign only if it is negative."""
    return f"{amount:,f}"


def format_signed(amount: Decimal | None, currency: str = "") -> str:
    """An amount with a comma for thousands and always a sign, then the currency; `unknown` for None."""
    return "unknown" if amount is None else f"{amount:+,f} {currency}".strip()


def format_duration(seconds: float) -> str:
    """A duration in `seconds` as `hh:mm:ss`."""
    whole = int(seconds)
    return f"{whole // 3_600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
