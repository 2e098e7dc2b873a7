"""Reasons that differ only in numbers and order ids are counted as one kind."""

from __future__ import annotations

import pytest

from verification.chaos.scorecard import normalize_reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the wall clock stepped by -1.031 s", "the wall clock stepped by +4.400 s"),
        ("the gateway refused BUY 5e2d4988-000987: HALTED", "the gateway refused BUY 5e2d4988-001190: HALTED"),
        ("4 orders in doubt, limit 3", "5 orders in doubt, limit 3"),
    ],
)
def test_reasons_that_differ_only_in_numbers_and_ids_are_one_kind(one: str, other: str) -> None:
    assert normalize_reason(one) == normalize_reason(other) != one
