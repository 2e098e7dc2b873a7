"""Settings come from the environment and `.env`; every error in them is reported in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from common.settings import (
    SERVICES,
    SHARED,
    CommonSettings,
    DeskSettings,
    check_env_file,
    describe,
    load,
    nearest_name,
    setting_names,
    settings_models,
)
from services.execution.settings import ExecutionSettings
from services.mt5.settings import Mt5Settings
from services.portfolio.settings import PortfolioSettings
from services.signal.settings import SignalSettings

NO_HOME = "a path without ~, because that user's home folder is unknown"


class SecretSettings(CommonSettings):
    """A model with a secret field."""

    token: SecretStr = SecretStr("none")
    retries: int = Field(default=3, ge=1)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset every variable of the desk, and disable `.env`."""
    for name in setting_names() & os.environ.keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("PAPERDESK_ENV_FILE", "")


def an_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> Path:
    path = tmp_path / "desk.env"
    path.write_text(text)
    monkeypatch.setenv("PAPERDESK_ENV_FILE", str(path))
    return path


def test_the_defaults_configure_a_desk_on_one_host() -> None:
    settings = load(CommonSettings)
    assert settings.trading_symbol == ("EURUSD",)
    assert settings.gateway_url == "tcp://127.0.0.1:5555"
    assert settings.market_data_url == "tcp://127.0.0.1:5556"
    assert settings.signal_url == f"ipc://{PROJECT_ROOT}/var/run/signal.ipc"
    assert settings.paperdesk_data_dir == PROJECT_ROOT / "var" / "data"


@pytest.mark.parametrize("text", ["1_0", "\uff11\uff10", "1.0", "1e1", "", "0x1", "ten"])
def test_a_text_other_than_ascii_digits_is_no_whole_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GTW_TIMEOUT_MS", text or " ")
    with pytest.raises(StartError, match=r"GTW_TIMEOUT_MS: value '.*', expected milliseconds from 1 to 600000"):
        load(CommonSettings)


@pytest.mark.parametrize("text", ["0_1", "\u0660.\u0661", "nan", "1e400", "0,1"])
def test_a_decimal_of_other_characters_or_of_excessive_size_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("DEFAULT_VOLUME", text)
    with pytest.raises(StartError, match=rf"DEFAULT_VOLUME: value '{text}', expected lots above 0"):
        load(PortfolioSettings)


@pytest.mark.parametrize("text", ["0.01", " .01 ", "+0.01", "1e-2", "0.0100000000000"])
def test_a_decimal_may_have_any_plain_notation(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DEFAULT_VOLUME", text)
    assert load(PortfolioSettings).default_volume == Decimal("0.01")


def test_symbols_keep_the_order_of_their_comma_separated_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYMBOL", "NZDUSD, EURUSD")
    assert load(CommonSettings).trading_symbol == ("NZDUSD", "EURUSD")


def test_every_local_endpoint_is_in_the_runtime_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PAPERDESK_RUNTIME_DIR", str(tmp_path))
    settings = load(CommonSettings)
    assert settings.command_url == f"ipc://{tmp_path}/command.ipc"
    assert settings.control_url == f"ipc://{tmp_path}/control.ipc"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTW_PORT", "")
    assert load(CommonSettings).gtw_port == 5555


def test_the_url_of_the_gateway_replaces_default_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZMQ_EXECUTION_URL", "tcp://10.0.0.2:7000")
    assert load(CommonSettings).gateway_url == "tcp://10.0.0.2:7000"


@pytest.mark.parametrize(
    ("model", "variable", "value", "expected"),
    [
        (CommonSettings, "GTW_PORT", "abc", "a port from 1 to 65535"),
        (CommonSettings, "GTW_PORT", "70000", "a port from 1 to 65535"),
        (CommonSettings, "GTW_TIMEOUT_MS", "0", "milliseconds from 1 to 600000"),
        (CommonSettings, "GTW_TIMEOUT_MS", "1.5", "milliseconds from 1 to 600000"),
        (CommonSettings, "LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
        (CommonSettings, "SIGNAL_URL", "signal.ipc", "tcp://HOST:PORT or ipc://PATH"),
        (CommonSettings, "ZMQ_MARKET_DATA_URL", "tcp://host", "tcp://HOST:PORT or ipc://PATH"),
        (
            CommonSettings,
            "TRADING_SYMBOL",
            "EURUSD,EURUSD",
            "one or more different symbols, comma separated, such as EURUSD,NZDUSD",
        ),
        (SignalSettings, "SIGNAL_CHECKPOINT_TICKS", "0", "ticks from 1 to 1000000"),
        (SignalSettings, "METRICS_PORT_SIGNAL", "-1", "a port from 0 to 65535; 0 means off"),
        (ExecutionSettings, "EXECUTION_IN_FLIGHT_MAX", "many", "calls from 1 to 1000"),
        (CommonSettings, "PAPERDESK_DATA_DIR", "~nobody-of-this-host/desk", NO_HOME),
        (Mt5Settings, "MT5_TICKS", "~nobody-of-this-host/a.parquet:EURUSD", NO_HOME),
        (SecretSettings, "RETRIES", "0", "greater than or equal to 1"),
    ],
)
def test_a_bad_value_is_reported_with_the_expectation(
    monkeypatch: pytest.MonkeyPatch, model: type[DeskSettings], variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartError) as caught:
        load(model)
    assert str(caught.value) == f"{variable}: value '{value}', expected {expected}"


def test_two_bad_values_are_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTW_PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(StartError) as caught:
        load(CommonSettings)
    assert "GTW_PORT: value 'x'" in str(caught.value)
    assert "LOG_LEVEL: value 'LOUD'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_different_addresses_of_the_gateway_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZMQ_EXECUTION_URL", "tcp://10.0.0.2:7000")
    monkeypatch.setenv("GTW_PORT", "7001")
    with pytest.raises(StartError, match=r"ZMQ_EXECUTION_URL: value 'tcp://10\.0\.0\.2:7000', expected tcp://127"):
        load(CommonSettings)


def test_the_env_file_is_read_and_the_environment_takes_precedence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    an_env_file(monkeypatch, tmp_path, "GTW_PORT=7000\nGTW_TIMEOUT_MS=900\nSTRATEGY=ema_cross\n")
    monkeypatch.setenv("GTW_TIMEOUT_MS", "800")
    settings = load(CommonSettings)
    assert (settings.gtw_port, settings.gtw_timeout_ms) == (7000, 800)
    sources = {name: (value, source) for name, value, source in describe(settings)}
    assert sources["GTW_PORT"] == ("7000", ".env")
    assert sources["GTW_TIMEOUT_MS"] == ("800", "env")
    assert sources["GTW_HOST"] == ("127.0.0.1", "default")


def test_an_unknown_key_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = an_env_file(monkeypatch, tmp_path, "GTW_TIMEOUT=900\n")
    with pytest.raises(StartError) as caught:
        load(CommonSettings)
    assert str(caught.value) == (
        f"GTW_TIMEOUT: unknown key in {path}, expected a setting of the desk; the nearest is GTW_TIMEOUT_MS"
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PORTFOLIO_METRICS_PORT", "METRICS_PORT_PORTFOLIO"),
        ("portfolio_metrics_port", "METRICS_PORT_PORTFOLIO"),
        ("METRICS_PORT_PORTFOLI", "METRICS_PORT_PORTFOLIO"),
        ("PORTFOLIO_METRIC", None),
    ],
)
def test_the_nearest_name_has_the_same_words_or_is_similar(name: str, nearest: str | None) -> None:
    assert nearest_name(name, setting_names(), least=0.86) == nearest


def test_keys_of_other_services_are_ignored_and_not_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    an_env_file(monkeypatch, tmp_path, "EXECUTION_IN_FLIGHT_MAX=10\nSIGNAL_CHECKPOINT_TICKS=10\n")
    assert load(SignalSettings).signal_checkpoint_ticks == 10


@pytest.mark.parametrize(
    ("text", "line"), [("\n\nnot a setting\n", 3), ("GTW_PORT=1\nGTW_HOST\n", 2), ('TOKEN="x\n', 1)]
)
def test_a_line_of_the_env_file_that_sets_nothing_is_reported_by_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, line: int
) -> None:
    path = an_env_file(monkeypatch, tmp_path, text)
    with pytest.raises(StartError) as caught:
        load(CommonSettings)
    assert str(caught.value) == f"line {line} of {path} cannot be read, expected KEY=VALUE"


def test_an_env_file_that_is_not_text_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = an_env_file(monkeypatch, tmp_path, "")
    path.write_bytes(b"GTW_HOST=\xff\n")
    with pytest.raises(StartError, match=r"is no UTF-8 text at byte .*: lines of KEY=VALUE"):
        load(CommonSettings)


def test_a_missing_env_file_given_by_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERDESK_ENV_FILE", "/nowhere/desk.env")
    with pytest.raises(StartError, match=r"PAPERDESK_ENV_FILE: value '/nowhere/desk\.env', expected an existing file"):
        load(CommonSettings)


def test_an_unknown_key_is_accepted_if_the_caller_lists_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    an_env_file(monkeypatch, tmp_path, "COLOUR=red\n")
    check_env_file({"COLOUR"})
    with pytest.raises(StartError, match="COLOUR: unknown key"):
        check_env_file({"SHAPE"})


def test_a_secret_is_masked_in_the_description_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "very secret")
    assert "very secret" not in str(describe(load(SecretSettings)))


def test_every_service_with_settings_is_listed() -> None:
    folders = {path.parent.name for path in PROJECT_ROOT.glob("services/*/settings.py")}
    assert [*settings_models()] == [SHARED, *SERVICES]
    assert folders == set(SERVICES)


OTHERS = """
import sys
from common.settings import load
from services.execution.settings import ExecutionSettings
load(ExecutionSettings)
print(*sorted(name for name in sys.modules if name.startswith("services.") and name.endswith(".settings")))
print("polars" in sys.modules)
"""


@pytest.mark.parametrize("text", ["GTW_PORT=7000\n", "STRATEGY=ema_cross\n"])
def test_settings_of_other_services_are_not_imported_for_a_key_of_the_shipped_example(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "desk.env").write_text(text)
    environment = {**os.environ, "PAPERDESK_ENV_FILE": str(tmp_path / "desk.env")}
    done = subprocess.run(
        [sys.executable, "-c", OTHERS], cwd=PROJECT_ROOT, env=environment, check=True, capture_output=True, text=True
    )
    modules, has_polars = done.stdout.splitlines()
    assert len(modules.split()) == 1
    assert has_polars == "False", "the gateway's settings must not make every process import polars"


def test_a_signal_process_is_named_after_its_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for symbols in ("EURUSD", "EURUSD,NZDUSD", "EUR/USD", "EUR-USD", ",".join(f"SYMBOL{n}" for n in range(50))):
        monkeypatch.setenv("TRADING_SYMBOL", symbols)
        names.add(load(SignalSettings).publisher)
    assert len(names) == 5
    assert all(len(name) <= 64 and "/" not in name for name in names)


def test_a_symbol_is_either_traded_or_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYMBOL", "XAUUSD")
    monkeypatch.setenv("WATCHED_SYMBOL", "EURUSD, USDJPY")
    settings = load(SignalSettings)
    assert settings.quoted_symbols == ("XAUUSD", "EURUSD", "USDJPY")
    assert settings.publisher == "signal.XAUUSD", "watched symbols are not part of the name"
    monkeypatch.setenv("WATCHED_SYMBOL", "EURUSD,XAUUSD")
    with pytest.raises(
        StartError, match="WATCHED_SYMBOL: value 'XAUUSD', expected symbols that TRADING_SYMBOL does not"
    ):
        load(SignalSettings)
