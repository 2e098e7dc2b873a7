"""The stream id of a run depends only on its data and the settings that decide its trades."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.errors import StartError
from marketdata.files.tick_input import TickInput
from marketdata.generated_market import STREAM_ID_CHARS
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import PLAIN

DATA = "ab" * 32


def a_spec(**changed: Any) -> RunSpec:
    """A run over one file of EURUSD ticks."""
    fields: dict[str, Any] = {"inputs": (TickInput(Path("ticks.parquet"), "EURUSD"),), **changed}
    return RunSpec(**fields)


@pytest.mark.parametrize(
    "changed",
    [
        {"inputs": (TickInput(Path("ticks.parquet"), "GBPUSD"),)},
        {"strategy": "another"},
        {"on_opposite": OnOpposite.REVERSE},
        {"risk": "none"},
        {"crossed": "accept"},
        {"volume": Decimal("0.02")},
        {"balance": Decimal(20_000)},
        {"currency": "EUR"},
        {"seed": 1},
        {"symbol_map": {"EURUSD": "EURUSD.m"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_setting_that_decides_trades_changes_the_stream_id(changed: dict[str, Any]) -> None:
    assert a_spec(**changed).stream_id(DATA) != a_spec().stream_id(DATA)


def test_other_data_changes_the_stream_id() -> None:
    assert a_spec().stream_id(DATA) != a_spec().stream_id("cd" * 32)


def test_the_order_of_the_symbols_changes_the_stream_id() -> None:
    one, other = TickInput(Path("one"), "EURUSD"), TickInput(Path("other"), "GBPUSD")
    assert a_spec(inputs=(one, other)).stream_id(DATA) != a_spec(inputs=(other, one)).stream_id(DATA)


@pytest.mark.parametrize(
    "changed",
    [
        {"inputs": (TickInput(Path("elsewhere/copy.parquet"), "EURUSD"),)},
        {"inputs": (TickInput(Path("a"), "EURUSD"), TickInput(Path("b"), "EURUSD"))},
        {"volume": Decimal("0.010")},
        {"balance": Decimal("1E+4")},
        {"from_row": 1, "to_row": 9, "ticks_max": 5},
    ],
    ids=str,
)
def test_paths_and_spellings_do_not_change_the_stream_id(changed: dict[str, Any]) -> None:
    """The rows and their selection are already in the hash of the data."""
    assert a_spec(**changed).stream_id(DATA) == a_spec().stream_id(DATA)


def test_the_order_of_a_symbol_map_does_not_change_the_stream_id() -> None:
    one, other = {"A": "A.m", "B": "B.m"}, {"B": "B.m", "A": "A.m"}
    assert a_spec(symbol_map=one).stream_id(DATA) == a_spec(symbol_map=other).stream_id(DATA)


def test_the_limits_of_a_risk_file_change_the_stream_id(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("order_volume_max = 0.5")
    other.write_text("order_volume_max = 0.50")
    assert a_spec(risk=str(one)).stream_id(DATA) == a_spec(risk=str(other)).stream_id(DATA)
    other.write_text("order_volume_max = 0.6")
    assert a_spec(risk=str(one)).stream_id(DATA) != a_spec(risk=str(other)).stream_id(DATA)


def test_the_content_of_a_plan_changes_the_stream_id(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("[sizing]\nvolume = 0.5")
    other.write_text("[sizing]\nvolume = 0.50")
    assert a_spec(plan=str(one)).stream_id(DATA) == a_spec(plan=str(other)).stream_id(DATA)
    assert a_spec(plan=str(one)).stream_id(DATA) != a_spec().stream_id(DATA)
    assert a_spec(plan=str(one)).deciding_settings()["plan"] == "sizing.volume=0.5"
    assert a_spec().deciding_settings()["plan"] == "plain"


def test_a_symbols_strategy_changes_the_stream_id_but_its_spelling_does_not() -> None:
    two = (TickInput(Path("a"), "EURUSD"), TickInput(Path("b"), "NZDUSD"))
    one, other = "EURUSD=ema_cross,NZDUSD=mine:Own", "NZDUSD=mine:Own,EURUSD=ema_cross"
    spec = a_spec(inputs=two, strategy=one)
    assert spec.stream_id(DATA) == a_spec(inputs=two, strategy=other).stream_id(DATA)
    assert spec.stream_id(DATA) != a_spec(inputs=two, strategy="EURUSD=mine:Own,NZDUSD=ema_cross").stream_id(DATA)
    assert spec.deciding_settings()["strategy"] == one
    alike = a_spec(inputs=two, strategy="EURUSD=ema_cross,NZDUSD=ema_cross")
    assert alike.stream_id(DATA) == a_spec(inputs=two, strategy="ema_cross").stream_id(DATA)


def test_parameters_that_differ_from_their_defaults_change_the_stream_id(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[strategy]\nfast_ticks = 20\n")
    plain, changed = a_spec(), a_spec(strategy_params="fast_ticks=20")
    assert changed.stream_id(DATA) != plain.stream_id(DATA)
    assert changed.deciding_settings()["strategy_params"] == "fast_ticks=20"
    assert a_spec(plan=str(plan)).stream_id(DATA) == changed.stream_id(DATA)
    assert a_spec(strategy_params="EURUSD:fast_ticks= 20,slow_ticks=500").stream_id(DATA) == changed.stream_id(DATA)
    assert a_spec(strategy_params="fast_ticks=50").stream_id(DATA) == plain.stream_id(DATA)
    assert a_spec(strategy_params="fast_ticks=50", plan=str(plan)).deciding_settings() == plain.deciding_settings()
    assert a_spec(strategy_params="slow_ticks=200").stream_id(DATA) != changed.stream_id(DATA)


def test_a_symbols_own_parameters_are_in_the_name() -> None:
    two = (TickInput(Path("a"), "EURUSD"), TickInput(Path("b"), "NZDUSD"))
    spec = a_spec(inputs=two, strategy_params="NZDUSD:slow_ticks=300,fast_ticks=20")
    assert (
        spec.deciding_settings()["strategy_params"] == "EURUSD:fast_ticks=20,NZDUSD:fast_ticks=20,NZDUSD:slow_ticks=300"
    )
    mixed = a_spec(inputs=two, strategy="EURUSD=ema_cross,NZDUSD=xgboost", strategy_params="fast_ticks=20")
    assert mixed.deciding_settings()["strategy_params"] == "EURUSD:fast_ticks=20"


def test_a_wrong_parameter_prevents_the_run() -> None:
    with pytest.raises(StartError, match="--param: fast_ticks is 'x', expected a whole number"):
        a_spec(strategy_params="fast_ticks=x").stream_id(DATA)


def test_the_model_changes_the_stream_id_if_a_strategy_uses_it() -> None:
    two = (TickInput(Path("a"), "EURUSD"), TickInput(Path("b"), "NZDUSD"))
    assert "model" in a_spec(inputs=two, strategy="EURUSD=ema_cross,NZDUSD=xgboost").deciding_settings()
    assert "model" not in a_spec(inputs=two, strategy="ema_cross").deciding_settings()


def test_a_stream_id_is_short_and_reproducible() -> None:
    assert a_spec().stream_id(DATA) == a_spec().stream_id(DATA)
    assert len(a_spec().stream_id(DATA)) == STREAM_ID_CHARS


def test_symbols_are_listed_once_in_the_order_of_the_command_line() -> None:
    files = [TickInput(Path(name), symbol) for name, symbol in (("a", "USDJPY"), ("b", "EURUSD"), ("c", "USDJPY"))]
    assert a_spec(inputs=tuple(files)).symbols == ("USDJPY", "EURUSD")


def test_the_processes_get_every_setting_and_nothing_from_an_env_file() -> None:
    environment = a_spec(seed=5, symbol_map={"EURUSD": "EURUSD.m"}, ticks_max=9).environment("name", "lockstep")
    assert environment["PAPERDESK_ENV_FILE"] == ""
    assert environment["MT5_STREAM_ID"] == "name"
    assert environment["MT5_PACE"] == "lockstep"
    assert environment["STRATEGY_PARAMS"] == ""
    assert a_spec(strategy_params="fast_ticks=9").environment("name", "max")["STRATEGY_PARAMS"] == "fast_ticks=9"
    assert (environment["MT5_TICKS_MAX"], environment["MT5_FROM_ROW"]) == ("9", "")
    assert environment["MT5_SYMBOL_MAP"] == "EURUSD=EURUSD.m"
    assert all(isinstance(value, str) for value in environment.values())


def test_paths_for_the_processes_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes may run in another folder."""
    monkeypatch.chdir(tmp_path)
    Path("limits.toml").write_text("order_volume_max = 0.5")
    environment = a_spec(risk="limits.toml").environment("name", "max")
    assert environment["MT5_TICKS"] == f"{tmp_path / 'ticks.parquet'}:EURUSD"
    assert environment["RISK"] == str(tmp_path / "limits.toml")
    assert a_spec(risk="none").environment("name", "max")["RISK"] == "none"
    assert a_spec(plan="plan.toml").environment("name", "max")["PLAN"] == str(tmp_path / "plan.toml")
    assert a_spec().environment("name", "max")["PLAN"] == ""


def test_portfolio_gets_the_plan_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text("[exits]\nstop_loss_points = 50")
    rules = a_spec(plan=str(path)).desk_config()
    assert rules.plan.exits.stop_loss_points == 50
    assert rules.settings == {"risk": "default", "plan": "exits.stop_loss_points=50"}
    assert a_spec().desk_config().plan is PLAIN


def test_portfolio_gets_the_settings_of_the_run() -> None:
    rules = a_spec(risk="none", volume=Decimal("0.05"), on_opposite=OnOpposite.REVERSE).desk_config()
    assert rules.symbols == ("EURUSD",)
    assert (rules.default_volume, rules.on_opposite, rules.limits.name) == (Decimal("0.05"), OnOpposite.REVERSE, "none")
