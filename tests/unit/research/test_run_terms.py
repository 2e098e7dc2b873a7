"""The terms of account, symbols and fills are part of the stream id, and are passed to the processes of a replay."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from marketdata.files.tick_input import TickInput
from marketdata.instrument_files.writer import instruments_text
from proto.trading.enums import AccountMode
from research.run_spec import RunSpec
from tests.support.builders import an_instrument

SPEC = RunSpec(inputs=(TickInput(Path("may.parquet"), "EURUSD", None),))


TERMS = instruments_text([structs.replace(an_instrument(), volume_max=Decimal(50))], "terms of a test")


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    path = tmp_path / "terms.toml"
    path.write_text(TERMS, encoding="utf-8")
    return path


def test_the_terms_of_a_used_symbol_are_part_of_the_stream_id_but_the_path_is_not(terms: Path, tmp_path: Path) -> None:
    by_file = replace(SPEC, instruments=str(terms))
    assert by_file.stream_id("data") != SPEC.stream_id("data")
    assert by_file.environment("stream", "max")["MT5_INSTRUMENTS"] == str(terms)
    copy = tmp_path / "copy.toml"
    copy.write_text(TERMS, encoding="utf-8")
    assert replace(SPEC, instruments=str(copy)).stream_id("data") == by_file.stream_id("data")
    copy.write_text(TERMS.replace("volume_max = 50", "volume_max = 60"), encoding="utf-8")
    assert replace(SPEC, instruments=str(copy)).stream_id("data") != by_file.stream_id("data")


def test_terms_of_symbols_that_are_not_traded_do_not_change_the_stream_id(terms: Path) -> None:
    terms.write_text(TERMS.replace("[EURUSD]", "[NZDUSD]"), encoding="utf-8")
    assert replace(SPEC, instruments=str(terms)).stream_id("data") == SPEC.stream_id("data")


def test_a_shipped_example_is_given_by_its_name_and_passed_on_by_its_path() -> None:
    path = Path(replace(SPEC, instruments="admirals").environment("stream", "max")["MT5_INSTRUMENTS"])
    assert path.name == "admirals.toml"
    assert path.is_file()


@pytest.mark.parametrize(
    ("changed", "variable", "value"),
    [
        ({"fills": "realistic"}, "MT5_FILLS", "realistic"),
        ({"account_mode": AccountMode.HEDGING}, "MT5_ACCOUNT_MODE", "hedging"),
        ({"leverage": 30}, "MT5_LEVERAGE", "30"),
    ],
)
def test_the_terms_of_the_account_change_the_stream_id(changed: dict[str, Any], variable: str, value: str) -> None:
    other = replace(SPEC, **changed)
    assert other.stream_id("data") != SPEC.stream_id("data")
    assert other.environment("stream", "max")[variable] == value
    assert SPEC.environment("stream", "max")[variable] != value
