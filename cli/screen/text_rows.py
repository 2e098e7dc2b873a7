"""Rows of a list as lines of text in columns, so that a page can scroll them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

from cli.printable_text import one_line

GAP = "  "

CELL_CHARS_MAX = 32
"""Longest text of a cell before the last column; a longer one is cut, so that the columns after it stay visible."""


class Cell(NamedTuple):
    """A text with a style."""

    text: str
    style: str = ""


def text_rows(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[str] = ()) -> list[Text]:
    """A heading and a line for each row, in columns as wide as their longest text; the last column is not padded.

    Each cell is one line of printable text. A text longer than CELL_CHARS_MAX ends with an ellipsis.

    Args:
        columns: the titles.
        rows: the cells of each row, as many as columns.
        right: titles of the columns that are aligned to the right.
    """
    rows = [[cell._replace(text=one_line(cell.text)) for cell in row] for row in rows]
    rows = [[*(_cut(cell) for cell in row[:-1]), row[-1]] for row in rows]
    widths = [
        max(len(title), *(len(row[place].text) for row in rows)) if rows else len(title)
        for place, title in enumerate(columns)
    ]
    headings = [Cell(title, "dim") for title in columns]
    return [_row(cells, columns, widths, right) for cells in (headings, *rows)]


def _cut(cell: Cell) -> Cell:
    is_long = len(cell.text) > CELL_CHARS_MAX
    return cell._replace(text=f"{cell.text[: CELL_CHARS_MAX - 1]}…") if is_long else cell


def _row(cells: Sequence[Cell], columns: Sequence[str], widths: Sequence[int], right: Sequence[str]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for place, (cell, title, width) in enumerate(zip(cells, columns, widths, strict=True)):
        is_last = place == len(columns) - 1
        padded = f"{cell.text:>{width}}" if title in right else cell.text if is_last else f"{cell.text:<{width}}"
        text.append(padded, style=cell.style)
        text.append("" if is_last else GAP)
    return text
