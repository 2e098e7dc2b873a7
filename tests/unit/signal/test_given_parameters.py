"""Values of parameters from command line, setting and plan: their precedence, and the line that refuses a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

from common.errors import StartError
from services.signal.core.strategies.ema_cross import EmaCrossParameters
from services.signal.given_parameters import (
    GivenParameters,
    parse_parameters,
    plan_parameters,
    resolved_parameters,
)
from services.signal.parameter_types import ParameterKey

TWO = {"EURUSD": "ema_cross", "NZDUSD": "ema_cross"}
MIXED = {"EURUSD": "ema_cross", "NZDUSD": "xgboost"}
DECLARED: dict[str, type[Struct] | None] = {"ema_cross": EmaCrossParameters, "xgboost": None}


def of_option(text: str) -> GivenParameters:
    return parse_parameters(text, source="--param")


def of_plan(folder: Path, text: str) -> GivenParameters:
    path = folder / "plan.toml"
    path.write_text(text)
    return plan_parameters(str(path))


def lengths(strategies: dict[str, str], *levels: GivenParameters) -> list[tuple[int, int] | None]:
    """The lengths of both averages by symbol."""
    found = resolved_parameters(strategies, DECLARED, levels).values()
    return [(one.fast_ticks, one.slow_ticks) if isinstance(one, EmaCrossParameters) else None for one in found]


def refusal(*levels: GivenParameters, strategies: dict[str, str] = TWO) -> str:
    with pytest.raises(StartError) as refused:
        resolved_parameters(strategies, DECLARED, levels)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_without_values_parameters_have_their_defaults() -> None:
    assert lengths(MIXED) == [(50, 500), None]
    assert parse_parameters(" ", source="--param").values == plan_parameters("").values == {}


def test_a_value_is_for_all_symbols_whose_strategy_has_the_parameter_or_for_one() -> None:
    assert lengths(TWO, of_option("fast_ticks=20")) == [(20, 500), (20, 500)]
    assert lengths(MIXED, of_option("fast_ticks=20")) == [(20, 500), None]
    assert lengths(TWO, of_option("NZDUSD:fast_ticks=30, fast_ticks = 20")) == [(20, 500), (30, 500)]


def test_the_command_line_precedes_settings_and_settings_precede_the_plan(tmp_path: Path) -> None:
    plan = of_plan(tmp_path, "[strategy]\nfast_ticks = 10\nslow_ticks = 100\n[strategy.NZDUSD]\nslow_ticks = 99\n")
    setting = parse_parameters("fast_ticks=20,NZDUSD:fast_ticks=21", source="STRATEGY_PARAMS")
    assert lengths(TWO, plan) == [(10, 100), (10, 99)]
    assert lengths(TWO, setting, plan) == [(20, 100), (21, 99)]
    assert lengths(TWO, of_option("fast_ticks=30"), setting, plan) == [(30, 100), (30, 99)]
    assert lengths(TWO, of_option("EURUSD:fast_ticks=30"), setting, plan) == [(30, 100), (21, 99)]


@pytest.mark.parametrize(
    ("higher", "lower"),
    [
        ("fast_ticks=30", "fast_ticks=20,NZDUSD:fast_ticks=21,slow_ticks=300"),
        ("EURUSD:fast_ticks=30", "fast_ticks=20,EURUSD:fast_ticks=21"),
        ("EURUSD:fast_ticks=30,slow_ticks=100", "NZDUSD:slow_ticks=200"),
        ("", "fast_ticks=20"),
    ],
)
def test_two_levels_in_one_text_give_the_same_parameters(higher: str, lower: str) -> None:
    joined = of_option(higher).with_lower(parse_parameters(lower, source="STRATEGY_PARAMS"))
    assert lengths(TWO, of_option(joined.text())) == lengths(TWO, of_option(higher), of_option(lower))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast_ticks", "--param: 'fast_ticks' gives no parameter a value, expected NAME=VALUE or SYMBOL:NAME=VALUE"),
        ("fast_ticks=", "--param: 'fast_ticks=' gives no"),
        ("=20", "--param: '=20' gives no"),
        (":fast_ticks=20", "--param: ':fast_ticks=20' gives no"),
        ("fast_ticks=20,", "--param: '' gives no"),
        ("fast_ticks=20,fast_ticks=30", "--param: fast_ticks is '20' and '30', expected one value"),
        ("EURUSD:n=1,EURUSD : n=1", "--param: EURUSD:n is '1' and '1', expected one value"),
    ],
)
def test_a_list_of_values_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(StartError) as refused:
        of_option(text)
    assert str(refused.value).startswith(message)


def test_a_wrong_value_is_refused_with_source_name_value_and_expectation(tmp_path: Path) -> None:
    ranged = "expected a whole number from 1 to 1000000"
    assert refusal(of_option("fast_ticks=many")) == f"--param: fast_ticks is 'many', {ranged}"
    assert refusal(of_option("fast_ticks=20.0")) == f"--param: fast_ticks is '20.0', {ranged}"
    assert refusal(of_option("EURUSD:fast_ticks=0")) == f"--param: EURUSD:fast_ticks is '0', {ranged}"
    plan = of_plan(tmp_path, "[strategy.EURUSD]\nfast_ticks = 20.0")
    assert refusal(plan) == f"PLAN: {tmp_path}/plan.toml: [strategy]: EURUSD:fast_ticks is 20.0, {ranged}"
    assert refusal(of_plan(tmp_path, "[strategy]\nfast_ticks = '20'")).endswith(f"fast_ticks is '20', {ranged}")


def test_a_wrong_value_is_refused_although_a_higher_level_overrides_it(tmp_path: Path) -> None:
    plan = of_plan(tmp_path, "[strategy]\nfast_ticks = 0")
    assert "fast_ticks is 0, expected" in refusal(of_option("fast_ticks=20"), plan)


def test_a_name_that_no_strategy_has_is_refused_with_the_names_of_the_strategies() -> None:
    assert refusal(of_option("fast=20")) == (
        "--param: fast is '20', but there is no such parameter, expected fast_ticks, slow_ticks of ema_cross"
    )
    assert refusal(of_option("fast=20"), strategies=dict.fromkeys(TWO, "xgboost")) == (
        "--param: fast is '20', but xgboost has no parameters"
    )
    assert refusal(of_option("NZDUSD:fast_ticks=20"), strategies=MIXED) == (
        "--param: NZDUSD:fast_ticks is '20', but xgboost has no parameters"
    )


def test_a_value_for_a_symbol_that_is_not_traded_is_refused() -> None:
    assert refusal(of_option("GBPUSD:fast_ticks=20")) == (
        "--param: GBPUSD:fast_ticks is '20', but GBPUSD is not traded, expected EURUSD, NZDUSD"
    )


def test_values_that_contradict_each_other_are_refused_with_their_sources(tmp_path: Path) -> None:
    plan = of_plan(tmp_path, "[strategy]\nslow_ticks = 40")
    assert refusal(of_option("fast_ticks=40"), plan) == (
        f"PLAN: {tmp_path}/plan.toml: [strategy], --param: ema_cross for EURUSD: "
        "fast_ticks is 40, expected less than slow_ticks, 40"
    )


def test_values_for_a_strategy_that_cannot_be_loaded_are_not_checked() -> None:
    found = resolved_parameters({**TWO, "NZDUSD": "mine:Gone"}, DECLARED, [of_option("fast_ticks=20,theirs=1")])
    assert found == {"EURUSD": EmaCrossParameters(fast_ticks=20), "NZDUSD": None}


@pytest.mark.parametrize("text", ["strategy = 3", "[[strategy]]\nn = 1"])
def test_a_plan_whose_strategy_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StartError, match=r"plan\.toml: strategy is .*, expected a table of parameters"):
        of_plan(tmp_path, text)


def test_a_plan_that_is_missing_is_refused() -> None:
    with pytest.raises(StartError, match=r"PLAN: value 'gone\.toml', expected a TOML file of a plan"):
        plan_parameters("gone.toml")


def test_a_key_of_a_symbol_shows_both() -> None:
    assert [str(ParameterKey("EURUSD", "n")), str(ParameterKey("", "n"))] == ["EURUSD:n", "n"]
