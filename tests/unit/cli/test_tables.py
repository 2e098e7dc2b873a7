"""Average prices are rounded in tables."""

from __future__ import annotations

from typing import Any

import pytest

from cli.commands.views import POSITION_COLUMNS
from cli.tables import cell, show_rows


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("avg_entry_price", "1.084433333333", "1.08443333"),
        ("filled_price", "1.084466666667", "1.08446667"),
        ("filled_price", "1.08445", "1.08445"),
        ("avg_entry_price", "150.1", "150.1"),
        ("filled_price", None, "-"),
        ("price", "1.084433333333", "1.084433333333"),
        ("created_ns", 1_577_836_800_000_001_000, "2020-01-01 00:00:00.000001Z"),
    ],
)
def test_only_average_prices_are_rounded_to_eight_decimals(name: str, value: Any, text: str) -> None:
    assert cell(name, value) == text


def test_a_table_of_positions_shows_rounded_average_prices(capsys: pytest.CaptureFixture[str]) -> None:
    row = dict.fromkeys(POSITION_COLUMNS, "1") | {"avg_entry_price": "1.084433333333"}
    show_rows([row], POSITION_COLUMNS, none="none")
    shown = capsys.readouterr().out
    assert "1.08443333 " in shown
    assert "1.084433333" not in shown


def test_a_cell_has_no_characters_that_change_a_terminal() -> None:
    assert cell("text", "a\x1b[2Jb\nc") == "a\\x1b[2Jb\nc"
    assert cell("facts", {"reason": "\x07"}) == "reason \\x07"
