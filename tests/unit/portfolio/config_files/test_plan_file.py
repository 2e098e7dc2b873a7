"""Plan files: their values, the names derived from the values, and errors that prevent the start."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import StartError
from proto.trading.enums import OrderType, TimeInForce
from services.portfolio.config_files.plan_file import load_plan
from services.portfolio.core.plan.plan import PLAIN, Plan, SizingMethod

D = Decimal
FRACTION = '[sizing]\nmethod = "fraction"\nrisk_pct = 1\n[exits]\nstop_loss_points = 50\n'
WEIGHTS = '[sizing]\nmethod = "weights"\n'


def a_plan(folder: Path, text: str) -> Plan:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return load_plan(str(path))


def test_an_empty_name_is_the_plain_plan() -> None:
    assert load_plan("") is PLAIN
    assert PLAIN.name == "plain"


def test_a_file_without_changes_is_the_plain_plan(tmp_path: Path) -> None:
    assert a_plan(tmp_path, '[sizing]\nmethod = "fixed"\n[entry]\ntype = "MARKET"\n') == PLAIN


def test_values_of_strategies_parameters_are_no_part_of_the_plan(tmp_path: Path) -> None:
    """The signal process reads them, and the parameters are named apart from the plan."""
    table = "[strategy]\nfast_ticks = 20\n[strategy.EURUSD]\nslow_ticks = 300\n"
    assert a_plan(tmp_path, table) == PLAIN
    assert a_plan(tmp_path, FRACTION + table) == a_plan(tmp_path, FRACTION)


def test_parameters_that_are_no_table_prevent_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"plan\.toml: strategy is 3, expected a table of parameters"):
        a_plan(tmp_path, "strategy = 3")


def test_a_plan_sets_volumes_and_exits(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, FRACTION + 'take_profit_points = 100\n[entry]\ntype = "LIMIT"\noffset_points = 3\n')
    assert (plan.sizing.method, plan.sizing.risk_pct) == (SizingMethod.FRACTION, D(1))
    assert (plan.exits.stop_loss_points, plan.exits.take_profit_points) == (50, 100)
    assert (plan.entry.type, plan.entry.offset_points) == (OrderType.LIMIT, 3)
    assert plan.for_symbol("EURUSD").tag == "desk"


def test_plans_with_equal_values_have_one_name_whatever_their_path_or_notation(tmp_path: Path) -> None:
    one = a_plan(tmp_path, FRACTION)
    other = tmp_path / "elsewhere.toml"
    other.write_text('# the same\n[exits]\nstop_loss_points = 50\n[sizing]\nrisk_pct = 1.0\nmethod = "fraction"\n')
    assert (
        one.name == load_plan(str(other)).name == "sizing.method=fraction,sizing.risk_pct=1,exits.stop_loss_points=50"
    )


def test_a_long_plan_is_named_by_a_digest(tmp_path: Path) -> None:
    text = (
        FRACTION + "take_profit_points = 100\ntrailing_stop_points = 30\ntrailing_step_points = 5\ntime_exit_s = 60\n"
    )
    name = a_plan(tmp_path, text).name
    assert name.startswith("sha256-")
    assert len(name) == 23
    assert a_plan(tmp_path, text.replace("60", "61")).name != name


def test_a_strategy_applies_to_its_symbols_and_the_plans_own_sections_to_all_others(tmp_path: Path) -> None:
    plan = a_plan(
        tmp_path,
        FRACTION
        + '[strategies.trend]\nsymbols = ["GBPUSD", "EURUSD"]\nvolume_max = 3\n'
        + '[strategies.model]\nsymbols = ["NZDUSD"]\nsizing = { method = "fixed", volume = 0.2 }\n',
    )
    trend, model, rest = plan.for_symbol("EURUSD"), plan.for_symbol("NZDUSD"), plan.for_symbol("USDJPY")
    assert (trend.tag, model.tag, rest.tag) == ("trend", "model", "desk")
    assert trend.strategy is not None
    assert trend.strategy.volume_max == D(3)
    assert trend.sizing is plan.sizing
    assert (model.sizing.method, model.sizing.volume) == (SizingMethod.FIXED, D("0.2"))
    assert model.exits is plan.exits


def test_the_sequence_of_strategies_and_symbols_does_not_change_the_name(tmp_path: Path) -> None:
    one = '[strategies.a]\nsymbols = ["EURUSD", "GBPUSD"]\n'
    two = '[strategies.b]\nsymbols = ["NZDUSD"]\n'
    name = a_plan(tmp_path, one + two).name
    assert name == "strategies.a.symbols=EURUSD+GBPUSD,strategies.b.symbols=NZDUSD"
    assert a_plan(tmp_path, two + one.replace('"EURUSD", "GBPUSD"', '"GBPUSD", "EURUSD"')).name == name


def test_the_limits_of_a_strategy_are_in_the_name(tmp_path: Path) -> None:
    text = '[strategies.a]\nsymbols = ["EURUSD"]\ndaily_loss_pct_max = 1.50\nvolume_max = 3\n'
    expected = "strategies.a.symbols=EURUSD,strategies.a.volume_max=3,strategies.a.daily_loss_pct_max=1.5"
    assert a_plan(tmp_path, text).name == expected


def test_a_strategys_section_is_in_the_name_even_with_default_values(tmp_path: Path) -> None:
    """The strategy's section replaces the plan's section, so that the volume of the plan no longer applies."""
    bare = '[sizing]\nvolume = 2\n[strategies.a]\nsymbols = ["EURUSD"]\n'
    assert a_plan(tmp_path, bare).for_symbol("EURUSD").sizing.volume == D(2)
    own = a_plan(tmp_path, bare + 'sizing = { method = "fixed" }\n')
    assert own.for_symbol("EURUSD").sizing.volume is None
    assert own.name == "sizing.volume=2,strategies.a.symbols=EURUSD,strategies.a.sizing=plain"


def test_a_weights_file_is_found_relative_to_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is relative to the folder of the plan, not to the working directory."""
    (tmp_path / "weights.json").write_text('{"XAUUSD": 10.5, "EURUSD": 40}')
    monkeypatch.chdir("/")
    of_file = a_plan(tmp_path, WEIGHTS + 'weights_file = "weights.json"\n')
    assert of_file.sizing.weights_pct == {"EURUSD": D(40), "XAUUSD": D("10.5")}
    written = a_plan(tmp_path, WEIGHTS + "weights_pct = { EURUSD = 40, XAUUSD = 10.50 }\n")
    assert written.name == of_file.name == "sizing.method=weights,sizing.weights_pct=EURUSD:40+XAUUSD:10.5"


def test_a_resting_entry_may_have_a_lifetime(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, '[entry]\ntype = "STOP"\noffset_points = 9\nlifetime_s = 60\ntime_in_force = "GTD"\n')
    assert (plan.entry.time_in_force, plan.entry.lifetime_s) == (TimeInForce.GTD, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 1", "expected sections such as [sizing]"),
        ("other = 1", "unknown field other, which is 1; expected sections such as [sizing]"),
        ("[sizing]\nother = 1", "unknown field sizing.other, which is 1"),
        ('name = "mine"', "name is 'mine', expected no name: it is made from the plan's contents"),
        ("sizing = 1", "sizing is 1, expected a table"),
        (
            '[sizing]\nmethod = "double"',
            "sizing.method is 'double', expected 'fixed', 'fraction', 'kelly', 'volatility' or 'weights'",
        ),
        ("[exits]\nstop_loss_points = 0", "exits.stop_loss_points is 0, expected a whole number from 1 to 1000000"),
        ("[exits]\nstop_loss_points = 1.5", "exits.stop_loss_points is 1.5, expected a whole number"),
        ("[exits]\ntime_exit_s = -1", "exits.time_exit_s is -1, expected a whole number from 1 to 31536000"),
        ('[sizing]\nvolume = "much"', "sizing.volume is 'much', expected a decimal of ASCII digits such as 0.01"),
        ('[sizing]\nvolume = "0_1"', "sizing.volume is '0_1', expected a decimal of ASCII digits such as 0.01"),
        (
            '[strategies.a]\nsymbols = ["EURUSD"]\nvolume_max = "1_0"',
            "strategies.a.volume_max is '1_0', expected a decimal of ASCII digits",
        ),
        (
            '[sizing]\nmethod = "weights"\nweights_pct = { EURUSD = "\uff11" }',
            "sizing.weights_pct.EURUSD is '\uff11', expected a decimal of ASCII digits",
        ),
        ("[sizing]\nvolume = 0", "sizing.volume is 0, expected lots above 0 and at most 1000000"),
        ("[sizing]\nvolume = 1e999999", "sizing.volume is 1E+999999, expected lots above 0"),
        ("[sizing]\nvolume = 1e99999999999999999999", "expected sections such as [sizing]"),
        ("[sizing]\nvolume = nan", "sizing.volume is NaN, expected lots above 0"),
        ("[sizing]\nvolume_max = -1", "sizing.volume_max is -1, expected lots above 0"),
        (FRACTION.replace("1", "101"), "sizing.risk_pct is 101, expected percent above 0 and at most 100"),
        (FRACTION.replace("1", "-0.5"), "sizing.risk_pct is -0.5, expected percent above 0 and at most 100"),
        (
            '[sizing]\nmethod = "kelly"\npayoff = 2\nkelly_fraction = 1.1\n[exits]\nstop_loss_points = 5',
            "sizing.kelly_fraction is 1.1, expected a part above 0 and at most 1",
        ),
        (
            '[sizing]\nmethod = "kelly"\nkelly_risk_pct_max = inf',
            "sizing.kelly_risk_pct_max is Infinity, expected percent above 0",
        ),
        (FRACTION.replace("risk_pct = 1\n", ""), "sizing.method is 'fraction', expected sizing.risk_pct with it"),
        (FRACTION.replace("stop_loss_points = 50", ""), "'fraction', expected exits.stop_loss_points with it"),
        ('[sizing]\nmethod = "kelly"\npayoff = 2', "sizing.method is 'kelly', expected exits.stop_loss_points with it"),
        (
            '[sizing]\nmethod = "kelly"\n[exits]\nstop_loss_points = 5',
            "sizing.method is 'kelly', expected sizing.payoff or exits.take_profit_points with it",
        ),
        ('[sizing]\nmethod = "volatility"', "'volatility', expected sizing.volatility_pct_per_day with it"),
        (WEIGHTS, "sizing.method is 'weights', expected sizing.weights_pct or sizing.weights_file with it"),
        (WEIGHTS + "weights_pct = { EURUSD = -1 }", "sizing.weights_pct.EURUSD is -1, expected percent of at least 0"),
        (
            WEIGHTS + "weights_pct = { EURUSD = 1e5 }",
            "EURUSD is 100000, expected percent of at least 0 and at most 10000",
        ),
        (WEIGHTS + 'weights_file = "none.json"', "weights_file is 'none.json', expected a JSON file such as"),
        (WEIGHTS + "weights_file = 3", "weights_file is 3, expected a path of a JSON file"),
        (
            WEIGHTS + 'weights_file = "w.json"\nweights_pct = { EURUSD = 1 }',
            "weights_file is 'w.json' and there is weights_pct, expected one of the two",
        ),
        (
            "[sizing]\nrisk_pct = 1",
            "sizing.risk_pct with method = 'fixed', expected it only with method = 'fraction'",
        ),
        (
            FRACTION.replace("risk_pct", "volatility_half_life_min = 9\nrisk_pct"),
            "sizing.volatility_half_life_min with method = 'fraction', expected it only with method = 'volatility'",
        ),
        (
            "[exits]\ntrailing_step_points = 2",
            "exits.trailing_step_points is 2, expected it only with trailing_stop_points",
        ),
        (
            "[exits]\ntrailing_stop_points = 5\ntrailing_step_points = 6",
            "exits.trailing_step_points is 6, expected at most trailing_stop_points, which is 5",
        ),
        (
            '[strategies.a]\nsymbols = ["EURUSD"]\nexits = { trailing_stop_points = 5, trailing_step_points = 6 }',
            "strategies.a.exits.trailing_step_points is 6, expected at most trailing_stop_points, which is 5",
        ),
        ('[entry]\ntype = "market"', "entry.type is 'market', expected 'MARKET', 'LIMIT' or 'STOP'"),
        ('[entry]\ntype = "LIMIT"', "entry.type is 'LIMIT', expected entry.offset_points with it"),
        ('[entry]\ntype = "STOP"', "entry.type is 'STOP', expected entry.offset_points with it"),
        ("[entry]\noffset_points = 3", "entry.offset_points is 3, expected none with type = 'MARKET'"),
        ("[entry]\nlifetime_s = 3", "entry.lifetime_s is 3, expected none with type = 'MARKET'"),
        ('[entry]\ntime_in_force = "GTD"', "entry.time_in_force is 'GTD', expected another with type = 'MARKET'"),
        (
            '[entry]\ntype = "LIMIT"\noffset_points = 1\ntime_in_force = "IOC"',
            "entry.time_in_force is 'IOC', expected GTC, DAY or GTD for an order that rests",
        ),
        (
            '[entry]\ntype = "LIMIT"\noffset_points = 1\ntime_in_force = "GTD"',
            "entry.time_in_force is 'GTD', expected entry.lifetime_s with it",
        ),
        (
            '[entry]\ntype = "LIMIT"\noffset_points = 1\ntime_in_force = "DAY"\nlifetime_s = 60',
            "entry.lifetime_s is 60, expected no time_in_force, or 'GTD', with it",
        ),
        (
            '[entry]\ntype = "LIMIT"\noffset_points = 1\ndeviation_points = 1',
            "entry.deviation_points is 1, expected it only with type = 'MARKET'",
        ),
        ("[strategies.a]\nvolume_max = 1", "strategies.a.symbols is missing; expected sections such as"),
        ("[strategies.a]\nsymbols = []", "strategies.a.symbols is [], expected a list of 1 to 1000 symbols"),
        ('[strategies.A]\nsymbols = ["EURUSD"]', "strategies.A: the name is 'A', expected 1 to 32 lower-case letters"),
        ('[strategies.desk]\nsymbols = ["EURUSD"]', "strategies.desk: the tag is reserved for the desk"),
        ('[strategies.manual]\nsymbols = ["EURUSD"]', "strategies.manual: the tag is reserved for the desk"),
        (
            '[strategies.a]\nsymbols = ["EURUSD"]\n[strategies.b]\nsymbols = ["NZDUSD", "EURUSD"]',
            "strategies.b.symbols has EURUSD, which is in strategies.a.symbols, expected each symbol once",
        ),
        (
            '[strategies.a]\nsymbols = ["EURUSD", "EURUSD"]',
            "strategies.a.symbols has EURUSD, which is in strategies.a.symbols, expected each symbol once",
        ),
        (
            '[strategies.a]\nsymbols = ["EURUSD"]\ndaily_loss_pct_max = 0',
            "strategies.a.daily_loss_pct_max is 0, expected percent above 0 and at most 100",
        ),
        (
            FRACTION + '[strategies.a]\nsymbols = ["EURUSD"]\nexits = { time_exit_s = 5 }',
            "strategies.a.sizing.method is 'fraction', expected exits.stop_loss_points with it",
        ),
        (
            '[strategies.a]\nsymbols = ["EURUSD"]\nsizing = { method = "weights", weights_pct = { EURUSD = nan } }',
            "strategies.a.sizing.weights_pct.EURUSD is NaN, expected percent of at least 0",
        ),
    ],
)  # fmt: skip
def test_a_contradictory_or_impossible_plan_prevents_the_start(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StartError) as refusal:
        a_plan(tmp_path, text)
    assert str(refusal.value).startswith(f"PLAN: {tmp_path / 'plan.toml'}: ")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["[", "[1]", '{"EURUSD": 40, "EURUSD": 50}', '{"EURUSD": "much"}', '{"EURUSD": null}', "NaN"]
)
def test_a_weights_file_without_weights_prevents_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(StartError, match=r"weights_file is 'weights.json', expected a JSON file such as"):
        a_plan(tmp_path, WEIGHTS + 'weights_file = "weights.json"\n')


def test_a_strategy_with_an_untraded_symbol_prevents_the_start(tmp_path: Path) -> None:
    text = '[strategies.a]\nsymbols = ["EURUSD", "NOPE"]\n'
    assert a_plan(tmp_path, text).strategies["a"].symbols == ("EURUSD", "NOPE")
    path = tmp_path / "plan.toml"
    with pytest.raises(StartError) as refusal:
        load_plan(str(path), ("EURUSD", "NZDUSD"))
    expected = "strategies.a.symbols has NOPE, expected symbols that are traded: EURUSD, NZDUSD"
    assert str(refusal.value) == f"PLAN: {path}: {expected}"
    assert load_plan(str(path), ("NOPE", "NZDUSD", "EURUSD")).name == "strategies.a.symbols=EURUSD+NOPE"


def test_a_missing_file_prevents_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"PLAN: value '.*none\.toml', expected a TOML file of a plan \(No such file"):
        load_plan(str(tmp_path / "none.toml"))


def test_a_file_that_is_not_utf8_prevents_the_start(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_bytes(b"\xff\xff")
    with pytest.raises(StartError, match="PLAN: "):
        load_plan(str(tmp_path / "plan.toml"))
