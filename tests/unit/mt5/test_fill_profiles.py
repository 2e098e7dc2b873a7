"""Fill profiles from files: changed values, names, and refused files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from common.errors import StartError
from services.mt5.core.simulated.fill_model import IDEAL, REALISTIC, Slippage, SlippageByType
from services.mt5.core.simulated.latency_model import ConstantLatency, MeasuredLatency
from services.mt5.fill_profiles import load_fill_profile


def a_file(folder: Path, text: str) -> str:
    """The path of a profile's file with this text."""
    path = folder / "fills.toml"
    path.write_text(text)
    return str(path)


def test_the_built_in_profiles_are_found_by_name() -> None:
    assert load_fill_profile("ideal") is IDEAL
    assert load_fill_profile("realistic") is REALISTIC


def test_a_file_changes_only_the_values_that_it_has(tmp_path: Path) -> None:
    text = """
    charges = false
    stop_out_level_pct = 30
    slippage = "none"

    [request_latency]
    model = "constant"
    ms = 7.5

    [reply_latency]
    model = "measured"
    upper_bounds_ms = [10, 50]
    counts = [3, 1]
    """
    profile = load_fill_profile(a_file(tmp_path, text))
    assert profile == structs.replace(
        REALISTIC,
        name=profile.name,
        charges=False,
        stop_out_level_pct=Decimal(30),
        slippage=None,
        request_latency=ConstantLatency(ms=7.5),
        reply_latency=MeasuredLatency(upper_bounds_ms=(10.0, 50.0), counts=(3, 1)),
    )
    assert profile.name.startswith("realistic-")


def test_a_file_may_change_the_ideal_profile(tmp_path: Path) -> None:
    profile = load_fill_profile(a_file(tmp_path, 'like = "ideal"\ncharges = true'))
    assert profile == structs.replace(IDEAL, name=profile.name, charges=True)


def test_slippage_may_be_given_for_one_order_type_or_for_all(tmp_path: Path) -> None:
    own = Slippage(against=0.1, against_mean_spreads=1.0, favourable=0.5, favourable_mean_spreads=2.0)
    numbers = "against = 0.1\nagainst_mean_spreads = 1.0\nfavourable = 0.5\nfavourable_mean_spreads = 2.0"
    assert REALISTIC.slippage is not None
    of_stops = load_fill_profile(a_file(tmp_path, f"[slippage]\nlimit = 'none'\n[slippage.stop]\n{numbers}")).slippage
    assert of_stops == structs.replace(REALISTIC.slippage, stop=own, limit=None)
    of_all = load_fill_profile(a_file(tmp_path, f"[slippage]\n{numbers}")).slippage
    assert of_all == SlippageByType(market=own, stop=own, limit=own)
    of_one = load_fill_profile(a_file(tmp_path, f"like = 'ideal'\n[slippage.market]\n{numbers}")).slippage
    assert of_one == SlippageByType(market=own)


def test_the_name_of_a_profile_depends_on_its_contents_and_not_on_its_path(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one = load_fill_profile(a_file(tmp_path, "charges = false"))
    other = load_fill_profile(a_file(tmp_path / "other", "# the same\ncharges = false"))
    assert one == other
    assert load_fill_profile(a_file(tmp_path, "charges = true")) == REALISTIC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("charges = 3", "charges is 3, expected true or false"),
        ("fees = true", "unknown field fees, which is true; expected settings such as"),
        (
            "[depth]\nmedian_lots = -1\nsigma = 1",
            "depth.median_lots is -1, expected a number above 0 and at most 1000000.0",
        ),
        (
            '[request_latency]\nmodel = "slow"',
            "request_latency.model is 'slow', expected 'constant', 'lognormal' or 'measured'",
        ),
        ("stop_out_level_pct = 150", "margin_call_level_pct of realistic is 100, expected at least the stop-out's 150"),
        ('like = "perfect"', "like is 'perfect', expected ideal or realistic"),
        ('name = "mine"', "name is 'mine', expected no name, because the settings give the name"),
        ("charges = ", "Invalid value"),
        ("[slippage.targets]\nagainst = 0.1", "unknown field slippage.targets, which is"),
        ('limit_fills = "touch"', "limit_fills is 'touch', expected 'limit' or 'quote'"),
        ("quote_age_ms_max = -1", "quote_age_ms_max is -1, expected a whole number from 0 to 604800000"),
    ],
)
def test_an_error_in_a_file_is_reported_with_its_path(text: str, message: str, tmp_path: Path) -> None:
    path = a_file(tmp_path, text)
    with pytest.raises(StartError) as refused:
        load_fill_profile(path)
    assert str(refused.value).startswith(f"MT5_FILLS: {path}: ")
    assert message in str(refused.value)


def test_a_missing_file_is_reported_with_what_was_expected() -> None:
    with pytest.raises(StartError, match=r"MT5_FILLS: value 'nowhere\.toml', expected ideal, realistic or a TOML file"):
        load_fill_profile("nowhere.toml")
