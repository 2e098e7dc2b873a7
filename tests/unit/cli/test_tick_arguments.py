"""Arguments of the form FILE[:SYMBOL], and the options for symbol and time zone."""

import re
from pathlib import Path

import pytest

from cli.tick_arguments import TickFileArgument, clock_option, parse_tick_files, split_symbol
from common.errors import StartError


def test_a_symbol_follows_the_last_colon() -> None:
    assert split_symbol("may.parquet:EURUSD") == (Path("may.parquet"), "EURUSD")


@pytest.mark.parametrize("symbol", ["EURUSD.m", "XAUUSD#", "US_30", "EUR-USD"])
def test_a_brokers_own_name_of_a_symbol_is_accepted(symbol: str) -> None:
    assert split_symbol(f"may.parquet:{symbol}") == (Path("may.parquet"), symbol)


@pytest.mark.parametrize("text", ["may.parquet", "may.parquet:", ":EURUSD", "may.parquet:E", "a:b c d"])
def test_a_suffix_that_is_no_symbol_belongs_to_the_file_name(text: str) -> None:
    assert split_symbol(text) == (Path(text), None)


def test_an_existing_file_with_a_colon_in_its_name_stays_whole(tmp_path: Path) -> None:
    odd = tmp_path / "ticks:2014"
    odd.touch()
    assert split_symbol(str(odd)) == (odd, None)
    assert split_symbol(f"{odd}:EURUSD") == (odd, "EURUSD")


def test_an_existing_file_without_the_suffix_has_precedence(tmp_path: Path) -> None:
    """If both `ticks` and `ticks:2014` exist, `ticks:2014` is the file `ticks` with the symbol `2014`."""
    (tmp_path / "ticks").touch()
    (tmp_path / "ticks:2014").touch()
    assert split_symbol(f"{tmp_path}/ticks:2014") == (tmp_path / "ticks", "2014")


def test_the_symbol_option_applies_to_files_without_a_symbol() -> None:
    assert parse_tick_files(["a.parquet", "b.parquet:NZDUSD"], "EURUSD") == (
        TickFileArgument(Path("a.parquet"), "EURUSD"),
        TickFileArgument(Path("b.parquet"), "NZDUSD"),
    )


def test_the_symbol_of_a_file_is_never_guessed() -> None:
    with pytest.raises(
        StartError, match=r"^no symbol for eurusd\.parquet, expected eurusd\.parquet:SYMBOL or --symbol"
    ):
        parse_tick_files(["eurusd.parquet"], None)


def test_a_symbol_option_without_effect_is_refused() -> None:
    with pytest.raises(StartError, match="--symbol is 'NZDUSD', but every file is given with a symbol"):
        parse_tick_files(["a.parquet:EURUSD"], "NZDUSD")


def test_a_symbol_option_that_equals_the_argument_is_accepted() -> None:
    assert parse_tick_files(["a.parquet:EURUSD"], "EURUSD") == (TickFileArgument(Path("a.parquet"), "EURUSD"),)


def test_a_file_name_with_a_semicolon_is_refused() -> None:
    with pytest.raises(StartError, match="';' in its name"):
        parse_tick_files(["a;b.parquet:EURUSD"], None)


def test_a_time_zone_is_a_zone_or_an_offset_or_none() -> None:
    assert clock_option("Europe/Athens", None) == "Europe/Athens"
    assert clock_option(None, "+02:00") == "+02:00"
    assert clock_option(None, None) is None


@pytest.mark.parametrize(
    ("zone", "offset", "message"),
    [
        ("Europe/Athens", "+02:00", "--zone Europe/Athens with --utc-offset +02:00, expected one of the two"),
        (None, "2", "--utc-offset is '2', expected hours and minutes such as"),
    ],
)
def test_two_time_zones_or_a_malformed_one_are_refused(zone: str | None, offset: str, message: str) -> None:
    with pytest.raises(StartError, match=re.escape(message)):
        clock_option(zone, offset)
