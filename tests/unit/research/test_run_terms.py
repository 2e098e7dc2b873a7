"""What the account and its fills are like is part of a run's name, and gets to the processes of its replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketdata.files import TickInput
from proto.trading.enums import AccountMode
from research.run_spec import RunSpec

SPEC = RunSpec(inputs=(TickInput(Path("may.parquet"), "EURUSD", None),))


@pytest.mark.parametrize(
    ("changed", "variable", "value"),
    [
        ({"fills": "realistic"}, "MT5_FILLS", "realistic"),
        ({"account_mode": AccountMode.HEDGING}, "MT5_ACCOUNT_MODE", "hedging"),
        ({"leverage": 30}, "MT5_LEVERAGE", "30"),
    ],
)
def test_the_terms_of_the_account_decide(changed: dict[str, Any], variable: str, value: str) -> None:
    other = replace(SPEC, **changed)
    assert other.stream_id("data") != SPEC.stream_id("data")
    assert other.environment("stream", "max")[variable] == value
    assert SPEC.environment("stream", "max")[variable] != value
