"""Processes of a private desk read no `.env`; the shell sets only their settings of logs, alerts and watchdog."""

from pathlib import Path

from orchestration.environment import desk_environment

RUNTIME, DATA = Path("/tmp/pd-x"), Path("/srv/desk")


def test_settings_of_the_shell_do_not_reach_a_private_desk() -> None:
    found = desk_environment(
        {"GTW_HOST": "elsewhere", "DEFAULT_VOLUME": "9", "METRICS_PORT_MT5": "9100", "PATH": "/bin"},
        {"DEFAULT_VOLUME": "0.01"},
        runtime=RUNTIME,
        data_dir=DATA,
    )
    assert found["DEFAULT_VOLUME"] == "0.01"
    assert found["PATH"] == "/bin"
    assert not {"GTW_HOST", "METRICS_PORT_MT5"} & set(found)


def test_log_and_watchdog_settings_are_passed_on() -> None:
    found = desk_environment({"LOG_LEVEL": "DEBUG"}, {}, runtime=RUNTIME, data_dir=DATA)
    assert found["LOG_LEVEL"] == "DEBUG"


def test_no_env_file_is_read() -> None:
    found = desk_environment({"PAPERDESK_ENV_FILE": "/srv/.env"}, {}, runtime=RUNTIME, data_dir=DATA)
    assert found["PAPERDESK_ENV_FILE"] == ""


def test_the_gateways_addresses_are_those_to_which_the_other_processes_connect() -> None:
    found = desk_environment({}, {}, runtime=RUNTIME, data_dir=DATA)
    assert found["MT5_REQUEST_URL"] == found["ZMQ_EXECUTION_URL"] == "ipc:///tmp/pd-x/gw.ipc"
    assert found["MT5_PUBLISH_URL"] == found["ZMQ_MARKET_DATA_URL"] == "ipc:///tmp/pd-x/ticks.ipc"
    assert found["PAPERDESK_DATA_DIR"] == "/srv/desk"
