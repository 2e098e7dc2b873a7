"""Options of a run: they reach the run, or are refused in one line with the option and the expected value."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.recorded_runs import run_spec
from cli.run_options import AccountTerms, RunOptions, speed_option
from common.errors import StartError
from proto.trading.enums import AccountMode
from services.portfolio.core.plan.on_opposite import OnOpposite


def a_run(**changed: Any) -> RunOptions:
    return RunOptions(**{"files": ("may.parquet:EURUSD",), **changed})


def test_the_defaults_of_a_run() -> None:
    spec = run_spec(a_run())
    assert (spec.strategy, spec.risk, spec.crossed, str(spec.on_opposite)) == (
        "ema_cross",
        "default",
        "reject",
        "close",
    )
    assert (spec.volume, spec.balance, spec.currency, spec.seed) == (Decimal("0.01"), Decimal(10_000), "USD", 0)
    assert (spec.fills, spec.account_mode, spec.leverage) == ("ideal", "NETTING", 100)
    assert (spec.from_row, spec.to_row, spec.ticks_max) == (None, None, None)
    assert [(str(source.path), source.symbol) for source in spec.inputs] == [("may.parquet", "EURUSD")]


def test_options_reach_the_run() -> None:
    spec = run_spec(
        a_run(
            from_row=2,
            to_row=9,
            on_opposite=OnOpposite.REVERSE,
            crossed="accept",
            risk="none",
            volume="0.30",
            balance="500",
            currency="EUR",
            seed=7,
            fills="realistic",
            account_mode=AccountMode.HEDGING,
            leverage=30,
        )
    )
    assert (spec.fills, spec.account_mode, spec.leverage) == ("realistic", "HEDGING", 30)
    assert (spec.from_row, spec.to_row, spec.crossed, str(spec.on_opposite)) == (2, 9, "accept", "reverse")
    assert (spec.risk, spec.volume, spec.balance, spec.currency, spec.seed) == (
        "none",
        Decimal("0.30"),
        Decimal(500),
        "EUR",
        7,
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ticks": 0}, "--ticks is 0, expected 1 or more"),
        ({"ticks": -3}, "--ticks is -3, expected 1 or more"),
        ({"from_row": 0}, "--from-row is 0, expected 1 or more"),
        ({"to_row": 0}, "--to-row is 0, expected 1 or more"),
        ({"from_row": 5, "to_row": 4}, "--to-row is 4, expected --from-row 5 or more"),
        ({"ticks": 5, "to_row": 4}, "--ticks 5 with --to-row 4, expected one of the two"),
        ({"volume": "-1"}, "--volume is '-1', expected lots above 0"),
        ({"volume": "0"}, "--volume is '0', expected lots above 0"),
        ({"volume": "lots"}, "--volume is 'lots', expected lots above 0"),
        ({"volume": "NaN"}, "--volume is 'NaN', expected lots above 0"),
        ({"volume": "1e300"}, "--volume is '1e300', expected lots above 0"),
        ({"volume": "0_1"}, "--volume is '0_1', expected lots above 0"),
        ({"volume": "\u0660.\u0660\u0661"}, "expected lots above 0"),
        ({"volume": "0.015"}, "--volume is 0.015, expected 0.01 to 100 lots in steps of 0.01 for EURUSD"),
        ({"volume": "0.001"}, "--volume is 0.001, expected 0.01 to 100 lots in steps of 0.01 for EURUSD"),
        ({"volume": "101"}, "--volume is 101, expected 0.01 to 100 lots in steps of 0.01 for EURUSD"),
        ({"balance": "1_0"}, "--balance is '1_0', expected money above 0"),
        ({"balance": "-5"}, "--balance is '-5', expected money above 0"),
        ({"balance": "Infinity"}, "--balance is 'Infinity', expected money above 0"),
        ({"currency": "US"}, "--currency is 'US', expected the code of a currency"),
        ({"currency": "JPY", "balance": "0.5"}, "--balance is 0.5, expected an amount in steps of 1 JPY"),
        ({"currency": "KWD", "balance": "0.0005"}, "--balance is 0.0005, expected an amount in steps of 0.001 KWD"),
        (
            {"instruments": "nowhere.toml"},
            "--instruments: value 'nowhere.toml', expected a TOML file of instruments, or one of activtrades, admirals",
        ),
        ({"leverage": -1}, "--leverage is -1, expected 0 (no margin) to 10000"),
        ({"seed": -1}, "--seed is -1, expected 0 to"),
        ({"strategy": "nope"}, "--strategy: no strategy 'nope', expected"),
        ({"strategy": "no.such.module:Class"}, "--strategy: no strategy 'no.such.module:Class'"),
        ({"risk": "nowhere.toml"}, "--risk is 'nowhere.toml', expected default, demo, none or an existing file"),
        ({"plan": Path("nowhere.toml")}, "--plan is 'nowhere.toml', expected an existing file of a plan"),
        ({"strategy": "GBPUSD=ema_cross"}, "--strategy: GBPUSD=ema_cross, but GBPUSD is not traded, expected EURUSD"),
        ({"strategy": "EURUSD=nope"}, "--strategy: no strategy 'nope', expected"),
        ({"param": ["fast_ticks=0"]}, "--param: fast_ticks is '0', expected a whole number from 1 to 1000000"),
        (
            {"param": ["fast=9"]},
            "--param: fast is '9', but there is no such parameter, expected fast_ticks, slow_ticks",
        ),
        ({"param": ["GBPUSD:fast_ticks=9"]}, "--param: GBPUSD:fast_ticks is '9', but GBPUSD is not traded, expected"),
        ({"param": ["fast_ticks=9", "fast_ticks=9"]}, "--param: fast_ticks is '9' and '9', expected one value"),
        ({"param": [" "]}, "--param is ' ', expected NAME=VALUE such as fast_ticks=20"),
        (
            {"param": ["slow_ticks=50"]},
            "--param: ema_cross for EURUSD: fast_ticks is 50, expected less than slow_ticks, 50",
        ),
        ({"strategy": "tests.support.flipping:Flipping", "param": ["n=1"]}, "tests.support.flipping:Flipping has no"),
        ({"strategy": "EURUSD=ema_cross", "model": Path("m")}, "--model m with --strategy EURUSD=ema_cross, expected"),
        ({"files": ("may.parquet:ABCDEF",)}, "unknown symbol 'ABCDEF', expected a pair of currencies"),
        ({"files": ("may.parquet",)}, "no symbol for may.parquet"),
    ],
)
def test_an_invalid_run_is_refused_in_one_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(StartError) as refusal:
        run_spec(a_run(**changed))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_parameters_come_from_the_command_line_and_from_the_plan(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[strategy]\nfast_ticks = 20\nslow_ticks = 300\n")
    spec = run_spec(a_run(param=["fast_ticks=30"], plan=plan))
    assert spec.deciding_settings()["strategy_params"] == "fast_ticks=30,slow_ticks=300"
    plan.write_text("[strategy]\nfast_ticks = 1.5\n")
    with pytest.raises(StartError, match=r"^--plan: .*plan\.toml: \[strategy\]: fast_ticks is 1\.5, expected a whole"):
        run_spec(a_run(plan=plan))


def test_a_continued_account_keeps_its_terms() -> None:
    spec = run_spec(a_run(), account=AccountTerms("500", "EUR"))
    assert (spec.balance, spec.currency) == (Decimal(500), "EUR")
    assert run_spec(a_run(balance="500.00", currency="EUR"), account=AccountTerms("500", "EUR")) == spec


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"balance": "700"}, "--balance is 700, but the account was opened with 500; expected no --balance"),
        ({"currency": "USD"}, "--currency is 'USD', but the account is in EUR; expected no --currency"),
    ],
)
def test_other_terms_for_a_continued_account_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(StartError, match=message):
        run_spec(a_run(**changed), account=AccountTerms("500", "EUR"))


def test_a_file_of_limits_is_read_before_anything_is_started(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("order_volume_max = -1\n")
    with pytest.raises(StartError, match=r"--risk: .*order_volume_max is -1, expected a number above 0"):
        run_spec(a_run(risk=str(limits)))


def test_the_path_of_limits_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "limits.toml").write_text("order_volume_max = 0.5\n")
    monkeypatch.chdir(tmp_path)
    assert run_spec(a_run(risk="limits.toml")).risk == str(tmp_path / "limits.toml")


def test_a_plan_is_read_before_anything_is_started(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[sizing]\nvolume = -1\n")
    with pytest.raises(StartError, match=r"--plan: .*plan\.toml: sizing\.volume is -1, expected lots above 0"):
        run_spec(a_run(plan=plan))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[sizing]\nvolume = 0.015\n",
            r"sizing\.volume is 0\.015, expected 0\.01 to 100 lots in steps of 0\.01 for EUR",
        ),
        (
            '[strategies.a]\nsymbols = ["EURUSD"]\n[strategies.a.sizing]\nvolume = 0.015\n',
            r"strategies\.a\.sizing\.volume is 0\.015, expected 0\.01 to 100 lots",
        ),
    ],
)
def test_a_fixed_volume_of_a_plan_that_the_broker_rejects_is_refused(tmp_path: Path, text: str, message: str) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(text)
    with pytest.raises(StartError, match=rf"--plan: .*plan\.toml: {message}"):
        run_spec(a_run(plan=plan))


def test_an_unused_volume_is_not_checked(tmp_path: Path) -> None:
    """--volume has no effect with a plan that computes all volumes."""
    plan = tmp_path / "plan.toml"
    plan.write_text('[sizing]\nmethod = "fraction"\nrisk_pct = 1\n[exits]\nstop_loss_points = 100\n')
    assert run_spec(a_run(plan=plan, volume="0.015")).volume == Decimal("0.015")


@pytest.mark.parametrize("text", ["0.3", " 0.30 ", ".3", "+0.3", "3e-1", "0.3000000000000"])
def test_a_volume_may_be_written_in_any_plain_notation(text: str) -> None:
    assert run_spec(a_run(volume=text)).volume == Decimal("0.3")


def test_a_plan_for_a_symbol_without_ticks_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[strategies.a]\nsymbols = ["NOPE"]\n')
    with pytest.raises(
        StartError, match=r"--plan: .*plan\.toml: strategies\.a\.symbols has NOPE, expected symbols that are"
    ):
        run_spec(a_run(plan=plan))


def test_the_path_of_a_plan_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.toml").write_text("[sizing]\nvolume = 0.5\n")
    monkeypatch.chdir(tmp_path)
    spec = run_spec(a_run(plan=Path("plan.toml")))
    assert spec.plan == str(tmp_path / "plan.toml")
    assert spec.desk_config().plan.sizing.volume == Decimal("0.5")
    assert run_spec(a_run()).plan == ""


def test_each_symbol_may_have_its_own_strategy() -> None:
    files = ("may.parquet:EURUSD", "june.parquet:NZDUSD")
    strategy = "EURUSD=ema_cross,NZDUSD=tests.support.flipping:Flipping"
    assert run_spec(a_run(files=files, strategy=strategy)).deciding_settings()["strategy"] == strategy


@pytest.mark.parametrize("speed", ["lockstep", "max", "10", "0.5", "1e3"])
def test_valid_speeds_are_accepted(speed: str) -> None:
    assert speed_option(speed) == speed


@pytest.mark.parametrize("speed", ["live", "live:2", "0", "-1", "nan", "inf", "", "fast", "1e9"])
def test_invalid_speeds_are_refused(speed: str) -> None:
    with pytest.raises(StartError, match=r"--speed is .*expected lockstep, max, or a factor above 0"):
        speed_option(speed)


def test_a_watched_file_is_read_and_its_symbol_may_not_be_traded() -> None:
    spec = run_spec(a_run(files=("gold.csv:XAUUSD",), watch=["eur.csv:EURUSD"], currency="EUR"))
    assert [(str(source.path), source.symbol) for source in spec.watched] == [("eur.csv", "EURUSD")]
    assert (spec.symbols, spec.watched_symbols) == (("XAUUSD",), ("EURUSD",))
    with pytest.raises(StartError, match=r"^--watch has EURUSD, expected symbols that are not traded"):
        run_spec(a_run(watch=["again.csv:EURUSD"]))
    with pytest.raises(StartError, match=r"^no symbol for eur.csv, expected eur.csv:SYMBOL"):
        run_spec(a_run(watch=["eur.csv"]))


def test_a_run_without_any_conversion_rate_is_refused_and_one_without_some_rates_gives_a_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(StartError) as refused:
        run_spec(a_run(files=("gold.csv:XAUUSD",), currency="EUR"))
    assert str(refused.value) == (
        "no rate converts the profit of XAUUSD in USD into the account's EUR, expected --watch with quotes of a pair "
        "such as EURUSD"
    )
    spec = run_spec(a_run(files=("gold.csv:XAUUSD", "cross.csv:GBPJPY"), watch=["eur.csv:EURUSD"], currency="EUR"))
    assert spec.symbols == ("XAUUSD", "GBPJPY")
    assert (
        "GBPJPY in JPY into the account's EUR, expected --watch with quotes of a pair such as EURJPY"
        in capsys.readouterr().err
    )
