"""Sets of limits: three are built in; a set from a file is named by its changes from the default set."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import StartError
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, NO_LIMITS, Limits

D = Decimal


def a_file(folder: Path, text: str) -> Limits:
    path = folder / "limits.toml"
    path.write_text(text)
    return load_limits(str(path))


def test_the_names_default_and_none_load_their_sets() -> None:
    assert load_limits("default") is DEFAULT_LIMITS
    assert load_limits("none") is NO_LIMITS


def test_a_set_from_a_file_is_named_by_its_changed_limit(tmp_path: Path) -> None:
    one = a_file(tmp_path, "order_volume_max = 0.5\n")
    other = a_file(tmp_path, "# the same\norder_volume_max = 0.50\n")
    assert one.order_volume_max == D("0.5")
    assert one.name == other.name == "order_volume_max=0.5"
    assert one.orders_per_minute_max == DEFAULT_LIMITS.orders_per_minute_max


def test_a_file_without_changed_limits_has_the_name_default(tmp_path: Path) -> None:
    assert a_file(tmp_path, "order_volume_max = 1\n").name == "default"


def test_a_limit_of_the_default_set_can_be_removed(tmp_path: Path) -> None:
    limits = a_file(tmp_path, 'spread_factor_max = "none"\ntrading_hours = "07:00-20:00"\n')
    assert limits.spread_factor_max is None
    assert limits.name == "spread_factor_max=none,trading_hours=07:00-20:00"


def test_rearm_at_day_end_is_part_of_the_name(tmp_path: Path) -> None:
    limits = a_file(tmp_path, "rearm_at_day_end = true\n")
    assert limits.rearm_at_day_end
    assert limits.name == "rearm_at_day_end=true"
    assert not DEFAULT_LIMITS.rearm_at_day_end


def test_a_set_with_many_changes_is_named_by_a_digest(tmp_path: Path) -> None:
    fields = [name for name in Limits.__struct_fields__ if name.endswith("_pct_of_power_max")]
    name = a_file(tmp_path, "".join(f"{field} = 7\n" for field in fields)).name
    assert name.startswith("sha256-")
    assert len(name) == 23


@pytest.mark.parametrize("text", [
    "order_volume_max = 0", "order_volume_max = -1", "order_volume_max = nan", "other = 1", "= 1", "a = '\0'",
    "orders_per_day_max = -1", "orders_per_day_max = 1.5", 'trading_hours = "7-20"', 'friday_close = "24:30"',
    "position_legs_max = 0", 'leverage = "none"', 'position_legs_max = "none"',
    "rearm_at_day_end = 1", 'rearm_at_day_end = "none"', 'news_impact_min = "huge"', "news_before_min = -1",
])  # fmt: skip
def test_a_file_with_a_wrong_limit_prevents_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartError, match="RISK: "):
        a_file(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("position_legs_max = 0", "position_legs_max is 0, expected a whole number from 1 to 1000"),
        ("orders_per_day_max = 1.5", "orders_per_day_max is 1.5, expected a whole number from 0 to 1000000, or 'none'"),
        ('order_volume_max = "much"', "order_volume_max is 'much', expected a decimal of ASCII digits"),
        ('order_volume_max = "0_1"', "order_volume_max is '0_1', expected a decimal of ASCII digits"),
        ("order_volume_max = true", "order_volume_max is true, expected a number above 0, or 'none'"),
        ("order_volume_max = -1", "order_volume_max is -1, expected a number above 0, or 'none'"),
        ('leverage = "none"', "leverage is 'none', expected a decimal of ASCII digits"),
        (
            "order_volum_max = 3",
            "unknown field order_volum_max, which is 3; expected limits such as order_volume_max",
        ),
        ("[order_volume_max]\nlots = 3", "order_volume_max is {'lots': 3}, expected a number above 0"),
        ('name = "mine"', "name is 'mine', expected no name: it is made from the changed limits"),
        ('foreign_orders = "shoot"', "foreign_orders is 'shoot', expected 'halt', 'adopt' or 'ignore'"),
        ('news_impact_min = "huge"', "news_impact_min is 'huge', expected 'low', 'medium' or 'high'"),
        ('trading_hours = "0\u0668:00-20:00"', "expected hours and minutes such as '07:00-20:00'"),
        ('friday_close = "2\u0660:00"', "expected hours and minutes such as '20:00'"),
        ('trading_hours = "8-20"', "trading_hours is '8-20', expected hours and minutes such as '07:00-20:00'"),
        ('trading_hours = "20:00-24:30"', "trading_hours is '20:00-24:30', expected hours and minutes such as"),
        ('trading_hours = "08:00-08:00"', "trading_hours is '08:00-08:00', which contains no time"),
        ('friday_close = "8 pm"', "friday_close is '8 pm', expected hours and minutes such as '20:00', or 'none'"),
        (
            "drawdown_warn_pct = 6",
            "drawdown_warn_pct is 6, expected at most drawdown_reduce_pct, which is 5 by default",
        ),
        ("drawdown_reduce_pct = 9\ndrawdown_halt_pct = 8.5", "is 9, expected at most drawdown_halt_pct, which is 8.5"),
        (
            'drawdown_reduce_pct = "none"\ndrawdown_halt_pct = 2',
            "drawdown_warn_pct is 3 by default, expected at most drawdown_halt_pct, which is 2",
        ),
    ],
)
def test_an_error_names_file_limit_value_and_expectation(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StartError) as refusal:
        a_file(tmp_path, text)
    assert str(refusal.value).startswith(f"RISK: {tmp_path / 'limits.toml'}: ")
    assert message in str(refusal.value)
    assert "^" not in str(refusal.value)


def test_equal_drawdown_levels_and_trading_hours_over_midnight_are_allowed(tmp_path: Path) -> None:
    limits = a_file(tmp_path, 'drawdown_reduce_pct = 7\ntrading_hours = "22:00-06:00"\n')
    assert limits.drawdown_reduce_pct == limits.drawdown_halt_pct == 7
    assert a_file(tmp_path, 'trading_hours = "00:00-24:00"').trading_hours == "00:00-24:00"


def test_a_missing_file_prevents_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="expected default, demo, none or a TOML file"):
        load_limits(str(tmp_path / "none.toml"))
