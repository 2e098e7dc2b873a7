"""MetaTrader's retcodes: the table is complete, and the constants and the page agree with it."""

from __future__ import annotations

import re

import pytest

from common.project_root import PROJECT_ROOT
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.retcodes import TABLE, RetcodeOutcome, of, outcome_of

PAGE = PROJECT_ROOT / "docs" / "retcodes.md"
ROW = re.compile(r"^\| (\d{5}) \| `(\w+)` \| (\w+) \| (.+?) \| (.+) \|$", re.MULTILINE)


def test_the_table_has_every_official_number_once() -> None:
    assert [row.number for row in TABLE] == [10004, *range(10006, 10037), *range(10038, 10047)]


def test_each_constant_has_the_number_of_the_table() -> None:
    assert {row.name: row.number for row in TABLE} == {row.name: getattr(retcodes, row.name) for row in TABLE}
    assert retcodes.NO_QUOTES == 10021


def test_the_page_shows_the_table() -> None:
    shown = [
        (int(number), name, outcome, meaning, action)
        for number, name, outcome, meaning, action in ROW.findall(PAGE.read_text("utf-8"))
    ]
    assert shown == [(row.number, row.name, row.outcome.value, row.meaning, row.action) for row in TABLE]


@pytest.mark.parametrize("number", [None, 0, 1, 10005, 10011, 10012, 10028, 10031, 10037, 10047, 99999, -1])
def test_unknown_and_inconclusive_retcodes_are_in_doubt(number: int | None) -> None:
    assert outcome_of(number) is RetcodeOutcome.IN_DOUBT


def test_only_three_retcodes_mean_done() -> None:
    assert [row.name for row in TABLE if row.outcome is RetcodeOutcome.DONE] == ["PLACED", "DONE", "DONE_PARTIAL"]
    assert outcome_of(retcodes.NO_MONEY) is RetcodeOutcome.NOT_DONE


def test_a_row_is_found_by_its_number() -> None:
    row = of(10018)
    assert row is not None
    assert row.name == "MARKET_CLOSED"
    assert of(10037) is None
    assert of(None) is None
