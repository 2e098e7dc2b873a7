"""The desk of `paperdesk run`: its limits, its traded symbols and its watched symbols."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.desk_defaults import given_parameters
from cli.desk_options import DeskOptions
from cli.desk_runs import desk_spec, last_watched
from common.errors import StartError
from orchestration.desk_view import DeskRunSpec
from services.portfolio.core.account.book import Book
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.support.builders import an_opened_stream


def a_desk(folder: Path, **changed: Any) -> DeskRunSpec:
    """A desk on a generated market of EURUSD."""
    return desk_spec(DeskOptions(**{"symbols": "EURUSD", "strategy": "ema_cross", "data_dir": folder, **changed}))


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [(None, None, "demo"), (None, "default", "default"), ("none", "default", "none"), ("demo", "none", "demo")],
)
def test_a_desk_has_the_demo_limits_by_default(
    option: str | None, environment: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RISK", raising=False)
    if environment is not None:
        monkeypatch.setenv("RISK", environment)
    spec = a_desk(tmp_path / "desk", risk=option)
    assert spec.settings["RISK"] == expected


def test_parameters_reach_the_processes_of_a_desk(tmp_path: Path) -> None:
    spec = a_desk(tmp_path / "desk", param=["fast_ticks=20", "EURUSD:slow_ticks=300"])
    assert spec.settings["STRATEGY_PARAMS"] == "fast_ticks=20,EURUSD:slow_ticks=300"
    with pytest.raises(StartError, match=r"^--param: fast_ticks is 'x', expected a whole number"):
        a_desk(tmp_path / "desk", param=["fast_ticks=x"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "slow_ticks=300,fast_ticks=10"),
        ({"param": ["fast_ticks=20"]}, "slow_ticks=300,fast_ticks=20"),
        ({"strategy": "ema_cross"}, "slow_ticks=300,fast_ticks=10"),
        ({"strategy": "EURUSD=ema_cross"}, ""),
        ({"strategy": "EURUSD=ema_cross", "param": ["fast_ticks=20"]}, "fast_ticks=20"),
    ],
)
def test_parameters_of_the_setting_are_for_the_strategy_of_the_setting(options: dict[str, Any], expected: str) -> None:
    settings = {"STRATEGY": "ema_cross", "STRATEGY_PARAMS": "slow_ticks=300,fast_ticks=10"}
    higher, lower = given_parameters(DeskOptions(**options), settings)
    assert higher.with_lower(lower).text() == expected
    assert (higher.source, lower.source) == ("--param", "STRATEGY_PARAMS")


def test_a_watched_symbol_reaches_the_processes_and_is_not_traded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MT5_CURRENCY", "EUR")
    spec = a_desk(tmp_path / "desk", symbols="XAUUSD", watch=["EURUSD"])
    assert spec.symbols == ("XAUUSD",)
    assert (spec.settings["TRADING_SYMBOL"], spec.settings["WATCHED_SYMBOL"]) == ("XAUUSD", "EURUSD")
    with pytest.raises(StartError, match=r"^no rate converts the profit of XAUUSD in USD into the account's EUR"):
        a_desk(tmp_path / "desk", symbols="XAUUSD")
    with pytest.raises(StartError, match=r"^--watch has XAUUSD, expected symbols that are not traded"):
        a_desk(tmp_path / "desk", symbols="XAUUSD", watch=["XAUUSD"])


def test_an_account_continues_with_its_watched_symbols(tmp_path: Path) -> None:
    assert last_watched(tmp_path) == ()
    book, opened = Book(), an_opened_stream(settings={"risk": "none", "watched": "EURUSD,USDJPY"})
    book.apply(opened)
    with closing(Ledger(tmp_path / LEDGER_FILE_NAME)) as ledger:
        ledger.commit([opened], book, PersistedState())
    assert last_watched(tmp_path) == ("EURUSD", "USDJPY")
