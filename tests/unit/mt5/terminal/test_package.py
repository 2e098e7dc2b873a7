"""The published MetaTrader5 package: its numbers and row fields, and a start without the package."""

from __future__ import annotations

import ast
import importlib.metadata
from pathlib import Path

import pytest

from common.errors import StartError
from common.project_root import ENV_FILE_VARIABLE
from common.settings import load
from services.mt5.settings import Mt5Settings
from services.mt5.terminal import mt5_types
from services.mt5.terminal.gateway_process import serve, terminal_setup
from services.mt5.terminal.mt5_package import load_mt5_package
from tests.support.fake_terminal.module import LOGIN, FakeTerminal

PUBLISHED_NAMES = {
    "REASON_SL": "DEAL_REASON_SL",
    "REASON_TP": "DEAL_REASON_TP",
    "REASON_SO": "DEAL_REASON_SO",
    "REASON_ROLLOVER": "DEAL_REASON_ROLLOVER",
}
NOT_PUBLISHED = {"SYMBOL_FILLING_FLAG_FOK", "SYMBOL_FILLING_FLAG_IOC"}


def stubs() -> ast.Module:
    """The syntax tree of the published type stubs, which cannot be imported."""
    files = importlib.metadata.files("metatrader5-stubs") or []
    [stub] = [file for file in files if file.name == "__init__.pyi"]
    return ast.parse(Path(str(stub.locate())).read_text(encoding="utf-8"))


def published_numbers() -> dict[str, int]:
    return {
        node.target.id: ast.literal_eval(node.value)
        for node in stubs().body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.value is not None
        and not isinstance(node.value, ast.BinOp)
    }


def test_the_constants_have_the_published_numbers() -> None:
    published = published_numbers()
    ours = {name: value for name, value in vars(mt5_types).items() if name.isupper() and name not in NOT_PUBLISHED}
    assert len(ours) > 40
    assert {name: published[PUBLISHED_NAMES.get(name, name)] for name in ours} == ours


def test_the_fake_has_the_fields_of_the_published_rows() -> None:
    """The order of the fields counts, because named tuples can be read by position."""
    from tests.support.fake_terminal import rows

    published = {
        node.name: [
            field.target.id
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        ]
        for node in stubs().body
        if isinstance(node, ast.ClassDef)
    }
    shared = [name for name in published if hasattr(rows, name)]
    assert sorted(shared) == ["OrderSendResult", "TerminalInfo", "Tick", "TradeOrder", "TradePosition"]
    for name in shared:
        assert list(getattr(rows, name)._fields) == published[name], name
    assert list(mt5_types.TradeRequest.__annotations__) == published["TradeRequest"]


def test_a_start_without_the_package_reports_the_supported_platforms() -> None:
    with pytest.raises(StartError, match="only runs on Windows or under Wine"):
        load_mt5_package()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mt5Settings:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    monkeypatch.setenv("PAPERDESK_DATA_DIR", str(tmp_path))
    return load(Mt5Settings)


def test_a_start_without_an_account_number_is_refused(settings: Mt5Settings) -> None:
    with pytest.raises(StartError, match="MT5_LOGIN: value '0', expected the number of the account"):
        serve(settings, FakeTerminal(utc_ms=lambda: 0))


def test_the_connection_has_only_the_parameters_that_are_set(
    settings: Mt5Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For parameters that are left out, `initialize` uses the values that the terminal has stored."""
    monkeypatch.setenv("MT5_LOGIN", str(LOGIN))
    assert terminal_setup(load(Mt5Settings)).connection == {"login": LOGIN, "timeout": 30_000}
    monkeypatch.setenv("MT5_PASSWORD", "secret")
    monkeypatch.setenv("MT5_SERVER", "Broker-Demo")
    monkeypatch.setenv("MT5_PATH", "C:\\mt5\\terminal64.exe")
    assert terminal_setup(load(Mt5Settings)).connection == {
        "login": LOGIN,
        "timeout": 30_000,
        "path": "C:\\mt5\\terminal64.exe",
        "password": "secret",
        "server": "Broker-Demo",
    }


def test_an_unknown_zone_is_reported_with_its_setting(monkeypatch: pytest.MonkeyPatch, settings: Mt5Settings) -> None:
    monkeypatch.setenv("MT5_SERVER_ZONE", "Nowhere")
    with pytest.raises(StartError, match="MT5_SERVER_ZONE: value 'Nowhere', expected new_york_close, UTC, or a zone"):
        load(Mt5Settings)
