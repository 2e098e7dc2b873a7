"""`paperdesk run` uses a setting of the environment or of `.env`, refuses it, or reports that it ignores it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.run_settings import FORWARDED, GATEWAY, OPTIONS, REFUSED, GatewayElsewhere, run_settings
from common.errors import StartError
from common.project_root import ENV_FILE_VARIABLE
from common.settings import CommonSettings, setting_names
from orchestration.environment import PASSED_ON, desk_environment
from services.web.settings import WebSettings


@pytest.fixture(autouse=True)
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without settings, and an empty `.env`."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".env"
    path.touch()
    monkeypatch.setenv(ENV_FILE_VARIABLE, str(path))
    return path


@pytest.mark.parametrize("name", ["METRICS_PORT_WATCHDOG", "METRICS_PORT_MT5", "RECONCILE_EVERY_S", "DOUBT_ORDERS_MAX"])
def test_a_setting_reaches_the_processes_from_the_environment_and_from_the_file(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    env_file.write_text(f"{name}=17\n")
    for expected in ("17", "18"):
        found = run_settings()
        environment = desk_environment({}, found.forwarded, runtime=Path("/tmp/pd-x"), data_dir=Path("/srv/desk"))
        assert environment[name] == expected
        assert found.gateway is None
        monkeypatch.setenv(name, "18")


@pytest.mark.parametrize(
    ("settings", "gateway"),
    [
        ({"ZMQ_EXECUTION_URL": "tcp://10.0.0.5:5555"}, ("tcp://10.0.0.5:5555", "tcp://127.0.0.1:5556")),
        ({"GTW_HOST": "10.0.0.5"}, ("tcp://10.0.0.5:5555", "tcp://10.0.0.5:5556")),
        ({"GTW_PORT": "6000"}, ("tcp://127.0.0.1:6000", "tcp://127.0.0.1:5556")),
        (
            {"ZMQ_EXECUTION_URL": "ipc:///tmp/g", "ZMQ_MARKET_DATA_URL": "ipc:///tmp/t"},
            ("ipc:///tmp/g", "ipc:///tmp/t"),
        ),
    ],
)
def test_a_gateway_in_the_settings_is_used(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], gateway: tuple[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found = run_settings()
    assert found.gateway == gateway
    environment = desk_environment(
        {}, found.forwarded, runtime=Path("/tmp/pd-x"), data_dir=Path("/srv/desk"), gateway=found.gateway
    )
    assert environment["MT5_VENUE"] == "none"
    assert (environment["ZMQ_EXECUTION_URL"], environment["ZMQ_MARKET_DATA_URL"]) == gateway
    assert environment["CONTROL_URL"] == "ipc:///tmp/pd-x/control.ipc"


def test_each_gateway_has_its_own_data_directory() -> None:
    assert GatewayElsewhere("tcp://a:1", "tcp://a:2").folder != GatewayElsewhere("tcp://b:1", "tcp://a:2").folder


def test_a_terminal_is_refused_in_one_line(env_file: Path) -> None:
    env_file.write_text("MT5_VENUE=terminal\n")
    with pytest.raises(StartError, match="MT5_VENUE is 'terminal', expected none or simulated"):
        run_settings()


def test_an_unknown_setting_or_an_invalid_value_of_any_process_is_refused(env_file: Path) -> None:
    """The settings of all processes are checked, because `run` does not see the refusal of a started watchdog."""
    for text, message in (
        ("METRICS_PORT_WATCHDGO=1\n", "unknown key"),
        ("GTW_PORT=x\n", "GTW_PORT: value 'x'"),
        ("METRICS_PORT_WATCHDOG=70000\n", "METRICS_PORT_WATCHDOG: value '70000', expected a port from 0 to 65535"),
        ("EXECUTION_IN_FLIGHT_MAX=0\n", "EXECUTION_IN_FLIGHT_MAX: value '0'"),
    ):
        env_file.write_text(text)
        with pytest.raises(StartError, match=message):
            run_settings()


def test_settings_without_effect_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONTROL_URL", "ipc:///tmp/c")
    monkeypatch.setenv("STRATEGY", "ema_cross")
    run_settings()
    assert capsys.readouterr().err == (
        "paperdesk: run ignores CONTROL_URL, STRATEGY (--strategy): it has its own sockets and folders, "
        "and takes the rest from options\n"
    )


def test_every_setting_of_the_page_reaches_it() -> None:
    own = WebSettings.model_fields.keys() - CommonSettings.model_fields.keys()
    assert {name.upper() for name in own} <= FORWARDED


def test_every_listed_name_is_a_setting_and_is_in_one_list_only() -> None:
    lists = [FORWARDED, frozenset(OPTIONS), GATEWAY, frozenset(REFUSED), PASSED_ON]
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
    assert frozenset().union(*lists) <= setting_names()
