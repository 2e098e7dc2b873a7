"""JSON output has exact times and decimals."""

from __future__ import annotations

import json
from decimal import Decimal

from cli.json_output import json_text


def test_every_time_has_its_text_beside_it_to_the_nanosecond() -> None:
    """1764244800 is 2025-11-27T12:00:00Z."""
    value = {"lots": [{"time_ns": 1_764_244_800_000_000_001}], "orders": ({"expires_ns": 0, "ended_ns": None},)}
    assert json.loads(json_text(value)) == {
        "lots": [{"time_ns": 1_764_244_800_000_000_001, "time": "2025-11-27T12:00:00.000000001Z"}],
        "orders": [{"expires_ns": 0, "expires": None, "ended_ns": None, "ended": None}],
    }


def test_the_text_of_a_time_has_the_digits_that_a_double_loses() -> None:
    found = json.loads(json_text({"time_ns": 2**53 + 1}), parse_int=float)
    assert found["time_ns"] == 2**53
    assert found["time"] == "1970-04-15T05:59:59.254740993Z"


def test_decimals_are_exact_text() -> None:
    assert json.loads(json_text({"price": Decimal("1.10000")})) == {"price": "1.1"}
