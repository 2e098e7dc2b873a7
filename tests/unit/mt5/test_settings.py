"""Settings of the gateway: how values are read, and the errors for bad values."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import StartError
from common.project_root import ENV_FILE_VARIABLE, PROJECT_ROOT
from common.settings import describe, load
from marketdata.files.tick_input import TickInput
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.settings import Mt5Settings


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Mt5Settings:
    for name, value in {"MT5_TICKS": "/data/e.parquet:EURUSD", **values}.items():
        monkeypatch.setenv(name, value)
    loaded = load(Mt5Settings)
    loaded.require_sound()
    return loaded


@pytest.mark.parametrize(
    ("value", "pace"),
    [
        ("lockstep", Pace(1)),
        ("max", Pace(77)),
        ("10", Pace(1, 10.0)),
        ("0.5", Pace(1, 0.5)),
        ("live", Pace(0, 1.0)),
        ("live:60", Pace(0, 60.0)),
    ],
)
def test_each_form_of_a_pace_is_read(monkeypatch: pytest.MonkeyPatch, value: str, pace: Pace) -> None:
    assert settings(monkeypatch, MT5_PACE=value, MT5_WINDOW="77").pace == pace


def test_tick_files_are_read_with_their_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings(monkeypatch, MT5_TICKS="/data/a:b.parquet:EURUSD; data/n.parquet:NZDUSD")
    assert loaded.mt5_ticks == (
        TickInput(Path("/data/a:b.parquet"), "EURUSD"),
        TickInput(PROJECT_ROOT / "data/n.parquet", "NZDUSD"),
    )


def test_the_symbol_map_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings(monkeypatch, MT5_SYMBOL_MAP="EURUSD=EURUSD.m, NZDUSD=NZDUSD.m")
    assert loaded.mt5_symbol_map == {"EURUSD": "EURUSD.m", "NZDUSD": "NZDUSD.m"}


def test_files_and_the_symbol_map_are_described_in_the_form_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings(monkeypatch, MT5_SYMBOL_MAP="EURUSD=EURUSD.m, NZDUSD=NZDUSD.m")
    described = {name: value for name, value, _ in describe(loaded)}
    assert described["MT5_TICKS"] == "/data/e.parquet:EURUSD"
    assert described["MT5_SYMBOL_MAP"] == "EURUSD=EURUSD.m,NZDUSD=NZDUSD.m"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MT5_PACE", "fast", "lockstep, max"),
        ("MT5_PACE", "0", "lockstep, max"),
        ("MT5_PACE", "nan", "lockstep, max"),
        ("MT5_PACE", "live:-1", "lockstep, max"),
        ("MT5_PACE", "alive:1", "lockstep, max"),
        ("MT5_WINDOW", "0", "ticks from 1"),
        ("MT5_TICKS", "e.parquet", "FILE:SYMBOL"),
        ("MT5_TICKS", ";", "FILE:SYMBOL"),
        ("MT5_CURRENCY", "dollars", "an ISO currency"),
        ("MT5_BALANCE", "-1", "money of 0 or more"),
        ("MT5_BALANCE", "1.001", "in steps of 0.01 USD"),
        ("MT5_BALANCE", "1_0", "expected money of 0 or more"),
        ("MT5_LEVERAGE", "1_00", "expected a whole number from 0 to 10000"),
        ("MT5_SEED", "\u0663", "expected a whole number from 0"),
        ("MT5_TICKS_MAX", "1_000", "expected ticks from 1"),
        ("MT5_PACE", "1_0", "expected lockstep, max, a factor"),
        ("METRICS_PORT_MT5", "9_101", "expected a port from 0 to 65535"),
        ("MT5_REQUEST_URL", "tcp://127.0.0.1:\u0665", "expected tcp://HOST:PORT"),
        ("MT5_CROSSED", "maybe", "reject or accept"),
        ("MT5_ACCOUNT_MODE", "margin", "netting or hedging"),
        ("MT5_LEVERAGE", "-1", "a whole number from 0 to 10000"),
        ("MT5_SYMBOL_MAP", "EURUSD", "DESK=BROKER"),
        ("MT5_SYMBOL_MAP", "A=X,B=X", "each name once"),
        ("MT5_FROM_ROW", "0", "a row from 1"),
        ("MT5_REQUEST_URL", "5555", "tcp://HOST:PORT"),
    ],
)
def test_a_bad_value_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    with pytest.raises(StartError) as caught:
        settings(monkeypatch, **{name: value})
    line = str(caught.value)
    assert line.startswith(f"{name}: value ")
    assert expected in line
    assert "\n" not in line


def test_leverage_account_mode_and_fill_profile_have_defaults_and_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = settings(monkeypatch)
    assert (plain.mt5_fills, plain.mt5_account_mode, plain.mt5_leverage) == ("ideal", "NETTING", 100)
    chosen = settings(monkeypatch, MT5_FILLS="realistic", MT5_ACCOUNT_MODE="hedging", MT5_LEVERAGE="0")
    assert (chosen.mt5_fills, chosen.mt5_account_mode, chosen.mt5_leverage) == ("realistic", "HEDGING", 0)
