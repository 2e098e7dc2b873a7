"""Elements of all pages: widths, plain tables, texts of prices, styles."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from textwrap import wrap
from typing import Final

from rich.table import Table
from rich.text import Text

from cli.printable_text import printable
from proto.control import StatusReply
from proto.trading.units import decimal_text

WIDE: Final = 96
"""Least width in characters of a page with all columns."""

MIDDLE: Final = 66
"""Least width in characters of a page with most columns."""

NAMES: Final = {1: ("BUY", "green"), -1: ("SELL", "red"), 0: ("HOLD", "dim")}
"""Name and style of the direction of a signal."""


def plain_table(columns: Sequence[str], width: int, *, right: Sequence[str] = ()) -> Table:
    """An empty table without lines, for `width` characters; the columns of `right` are aligned to the right."""
    table = Table(box=None, padding=(0, 1), collapse_padding=width < MIDDLE, header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True, overflow="ellipsis")
    return table


def line(text: str, style: str = "") -> Text:
    """One line, which ends with an ellipsis if the terminal is too narrow."""
    return Text(printable(text), style=style, no_wrap=True, overflow="ellipsis")


def wrapped(text: str, width: int, style: str = "", *, indent: str = "") -> list[Text]:
    """Lines of at most `width` characters, each after `indent`."""
    parts = wrap(text, max(width, 20), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line(part, style) for part in parts]


def dim(text: str) -> Text:
    """One line in a weak color."""
    return line(text, "dim")


def sign_style(amount: object) -> str:
    """Green for a gain, red for a loss."""
    if amount is None or (not isinstance(amount, int | float) and not hasattr(amount, "is_signed")):
        return ""
    return "" if amount == 0 else "green" if amount > 0 else "red"  # type: ignore[operator]


def side_style(side: str) -> str:
    """The style of a side, BUY or SELL."""
    return "red" if side == "SELL" else "green"


def price_text(price: float, status: StatusReply, symbol: str) -> str:
    """A price with the symbol's digits, derived from the spread in points."""
    quote = status.quotes[symbol]
    if not quote.spread_points:
        return str(price)
    for digits in range(8):
        if abs((quote.ask - quote.bid) * 10**digits - quote.spread_points) < 0.01:
            return f"{price:.{digits}f}"
    return str(price)


def filled_price_text(price: Decimal, status: StatusReply, symbol: str) -> str:
    """An order's price with the symbol's digits if the symbol has a quote."""
    return price_text(float(price), status, symbol) if symbol in status.quotes else decimal_text(price)


def entry_price_text(price: object, bid: float | None) -> str:
    """An average entry price, with the number of decimals that gives `bid` six digits; 5 decimals without a bid."""
    digits = 5 if bid is None else max(0, 6 - len(str(int(bid))))
    return f"{price:.{digits}f}"


def scrolled(rows: Sequence[Text], first: int, height: int) -> list[Text]:
    """The rows from `first` that fit into `height` lines; further ones are counted in the last line."""
    first = max(0, min(first, len(rows) - height))
    shown = list(rows[first : first + max(height, 1)])
    below = len(rows) - first - len(shown)
    if below and shown:
        shown[-1] = dim(f"{below + 1} more rows below: arrow down, page down")
    return shown
