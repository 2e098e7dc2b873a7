"""The shipped supervisord.conf on a trading host, with a gateway on another host or with the simulated gateway."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import zmq

from common.control_client import ControlClient
from common.process_main import EXIT_ELSEWHERE
from common.project_root import PROJECT_ROOT
from orchestration.stopped_desk_audit import reconcile
from orchestration.supervisord_configuration import CONFIGURATION
from proto.control import (
    Condition,
    DeskState,
    Effect,
    ResumeCommand,
    StatusQuery,
    StatusReply,
    TradingReply,
    TradingState,
)
from research import ledger_views
from tests.support.ports import free_ports
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

START_S: Final = 60.0
UNIT: Final = PROJECT_ROOT / "deploy" / "systemd" / "paperdesk.service"
DESK_UNIT: Final = PROJECT_ROOT / "deploy" / "systemd" / "paperdesk@.service"


def environment(tmp_path: Path, **settings: str) -> dict[str, str]:
    """The environment of a new host, with only PATH from the environment of the test."""
    return {
        "PATH": os.environ["PATH"],
        "PAPERDESK_ENV_FILE": "",
        "PAPERDESK_DATA_DIR": str(tmp_path / "data"),
        "PAPERDESK_RUNTIME_DIR": str(tmp_path / "run"),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def gateway_as_supervised(tmp_path: Path, **settings: str) -> subprocess.Popen[str]:
    """Start the gateway with the command of supervisord.conf."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.mt5", "--venue", "setting"],
        cwd=PROJECT_ROOT,
        env=environment(tmp_path, SUPERVISOR_ENABLED="1", **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def a_checkout(folder: Path) -> Path:
    """The files of a host: the code, the shipped configuration, and the interpreter at the configured path."""
    folder.mkdir()
    shutil.copy(PROJECT_ROOT / CONFIGURATION, folder)
    for name in (
        "proto",
        "common",
        "marketdata",
        "services",
        "research",
        "orchestration",
        "verification",
        "cli",
        "pyproject.toml",
    ):
        (folder / name).symlink_to(PROJECT_ROOT / name)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    # A script and not a link, because an interpreter that is started through a link does not find its packages.
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name in ("data", "run", "log"):
        (folder / "var" / name).mkdir(parents=True)
    return folder


def states_of(folder: Path) -> dict[str, str]:
    """The state of each program from supervisorctl."""
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(folder / CONFIGURATION), "status"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return dict(line.split()[:2] for line in output.splitlines() if len(line.split()) > 1)


def test_the_desk_trades_with_a_gateway_elsewhere(tmp_path: Path) -> None:
    """The only settings of supervisord are the two addresses of the gateway and the folders of the desk."""
    folder = a_checkout(tmp_path / "vm")
    gateway_url, ticks_url = f"ipc://{tmp_path}/g", f"ipc://{tmp_path}/t"
    ticks = a_tick_file(tmp_path / "eurusd.parquet", rows=2_000)
    gateway = subprocess.Popen(
        [sys.executable, "-m", "services.mt5"],
        cwd=PROJECT_ROOT,
        env=environment(
            tmp_path,
            MT5_TICKS=f"{ticks}:EURUSD",
            MT5_PACE="lockstep",
            MT5_REQUEST_URL=gateway_url,
            MT5_PUBLISH_URL=ticks_url,
        ),
    )
    supervisord = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / CONFIGURATION)],
        cwd=tmp_path,
        env={
            **environment(tmp_path, ZMQ_EXECUTION_URL=gateway_url, ZMQ_MARKET_DATA_URL=ticks_url),
            "PAPERDESK_DATA_DIR": str(folder / "var" / "data"),
            "PAPERDESK_RUNTIME_DIR": str(folder / "var" / "run"),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        with ControlClient(f"ipc://{folder}/var/run/control.ipc") as client:

            def finished() -> StatusReply | None:
                status = client.request(StatusQuery(), StatusReply, timeout_s=1.0)
                return status if status is not None and status.state is DeskState.FINISHED else None

            status = wait_for(finished, "the end of the ticks", seconds=2 * START_S)
        assert status.ordinal == 2_000
        assert status.fills > 0
        assert states_of(folder) == {
            "mt5": "EXITED",
            "web": "EXITED",
            "notify": "EXITED",
            "execution": "RUNNING",
            "portfolio": "RUNNING",
            "signal": "RUNNING",
            "watchdog": "RUNNING",
        }
    finally:
        for process in (supervisord, gateway):
            process.terminate()
            process.wait(START_S)
    assert gateway.returncode == 0
    assert len(ledger_views.deals(folder / "var" / "data")) >= status.fills


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux signals a parent's death")
def rules_for_nobody(folder: Path) -> Path:
    """Rules for alarms whose target does not listen."""
    secret = folder / "nobody.url"
    secret.touch(mode=0o600)
    secret.write_text(f"json://127.0.0.1:{free_ports(1)[0]}/", encoding="utf-8")
    rules = folder / "notify.toml"
    target = '[targets.nobody]\nurl_file = "nobody.url"\n'
    rules.write_text(f'{target}[[rules]]\nname = "all"\nevents = ["*"]\ntargets = ["nobody"]\n', encoding="utf-8")
    return rules


def test_services_end_with_a_killed_supervisord_and_a_clock_step_is_seen_after_the_restart(tmp_path: Path) -> None:
    folder = a_checkout(tmp_path / '50% of a "vm"')
    settings = environment(
        tmp_path,
        MT5_VENUE="simulated",
        MT5_MARKET="generated",
        MT5_PACE="live:20",
        MT5_REQUEST_URL=f"ipc://{tmp_path}/g",
        MT5_PUBLISH_URL=f"ipc://{tmp_path}/t",
        ZMQ_EXECUTION_URL=f"ipc://{tmp_path}/g",
        ZMQ_MARKET_DATA_URL=f"ipc://{tmp_path}/t",
        STRATEGY="tests.support.flipping:Flipping",
        RISK="none",
        PYTHONPATH=str(PROJECT_ROOT),
        PAPERDESK_CLOCK_STEP_FILE=str(tmp_path / "step"),
        WEB_PORT=str(free_ports(1)[0]),
        NOTIFY_FILE=str(rules_for_nobody(tmp_path)),
    )

    def supervise() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(folder / CONFIGURATION)],
            cwd=tmp_path,
            env=settings,
            stdout=subprocess.DEVNULL,
        )

    with ControlClient(f"ipc://{tmp_path}/run/control.ipc") as client:

        def orders_above(count: int) -> int:
            status = client.request(StatusQuery(), StatusReply, timeout_s=1.0)
            return status.orders if status is not None and status.orders > count else 0

        def clock_steps() -> list[Condition]:
            status = client.request(StatusQuery(), StatusReply, timeout_s=1.0)
            return [one for one in status.conditions if one.code == "CLOCK_STEPPED"] if status is not None else []

        supervisord = supervise()
        try:
            orders = wait_for(lambda: orders_above(0), "the first order", seconds=START_S)
            services = psutil.Process(supervisord.pid).children()
            assert len(services) == 7
            services[0].suspend()
        finally:
            supervisord.kill()
            supervisord.wait(START_S)
        _, alive = psutil.wait_procs(services, timeout=START_S)
        assert alive == []
        (tmp_path / "step").write_text(str(2 * 3_600 * 10**9))
        supervisord = supervise()
        try:
            causes = wait_for(clock_steps, "the step while portfolio was down", seconds=START_S)
            assert [(one.effect, one.text) for one in causes] == [
                (Effect.REDUCE_ONLY, "the wall clock stepped by +7200.000 s while portfolio was down")
            ]
            resumed = client.request(ResumeCommand(reason="looked at it"), TradingReply, timeout_s=5.0)
            assert getattr(resumed, "trading_state", None) is TradingState.ACTIVE
            wait_for(lambda: orders_above(orders), "an order under the next supervisord", seconds=START_S)
        finally:
            supervisord.terminate()
            supervisord.wait(START_S)
    assert reconcile(tmp_path / "data") == []


def test_no_gateway_starts_by_default(tmp_path: Path) -> None:
    """The program `mt5` reports the expected address of the gateway and ends, and supervisord does not restart it."""
    process = gateway_as_supervised(tmp_path, ZMQ_EXECUTION_URL="tcp://10.0.0.5:5555")
    output, _ = process.communicate(timeout=START_S)
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert process.returncode == EXIT_ELSEWHERE
    assert report["event"] == "no gateway on this host; MT5_VENUE=simulated starts one"
    assert report["requests"] == "tcp://10.0.0.5:5555"
    assert not (tmp_path / "data").exists()


def test_the_simulated_gateway_starts_on_request(tmp_path: Path) -> None:
    url = f"ipc://{tmp_path}/gateway"
    publish_url = f"ipc://{tmp_path}/ticks"
    process = gateway_as_supervised(
        tmp_path, MT5_VENUE="simulated", MT5_REQUEST_URL=url, MT5_PUBLISH_URL=publish_url, MT5_MARKET="generated"
    )
    context = zmq.Context[zmq.Socket[bytes]]()
    try:
        client = context.socket(zmq.REQ)
        client.connect(url)
        client.send(b'{"action": "PING"}')
        wait_for(lambda: client.poll(0), "an answer of the gateway", seconds=START_S)
        assert json.loads(client.recv())["mode"] == "simulated"
    finally:
        context.destroy(linger=0)
        process.terminate()
        process.communicate(timeout=START_S)
    assert process.returncode == 0


def test_an_unknown_venue_is_refused(tmp_path: Path) -> None:
    process = gateway_as_supervised(tmp_path, MT5_VENUE="mars")
    output, _ = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert "MT5_VENUE: value 'mars', expected none, simulated or terminal" in output


def test_the_unit_runs_the_shipped_configuration_and_may_only_write_to_its_state_folder() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    service = unit["Service"]
    assert service["execstart"].endswith("supervisord -n -c /opt/paperdesk/supervisord.conf")
    assert service["protectsystem"] == "strict"
    assert service["restart"] == "on-failure"
    assert service["capabilityboundingset"] == ""
    assert service["bindpaths"] == "/var/lib/paperdesk:/opt/paperdesk/var"


def test_the_unit_of_a_desk_folder_is_as_strict_and_writes_to_that_folder_only() -> None:
    units = []
    for path in (UNIT, DESK_UNIT):
        unit = configparser.RawConfigParser(strict=False)
        unit.read_string(path.read_text(encoding="utf-8"))
        units.append(dict(unit["Service"]))
    checkout, folder = units
    places = {"workingdirectory", "environmentfile", "environment", "execstart", "execreload"}
    states = {"statedirectory", "statedirectorymode", "bindpaths"}
    assert folder.pop("readwritepaths") == "/var/lib/paperdesk/%i"
    assert folder["execstart"].endswith("supervisord -n -c /var/lib/paperdesk/%i/supervisord.conf")
    assert {name: value for name, value in folder.items() if name not in places} == {
        name: value for name, value in checkout.items() if name not in places | states
    }


@pytest.mark.parametrize("unit", [UNIT, DESK_UNIT], ids=lambda path: path.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    """The unit gets the paths of this checkout, because systemd checks that the programs exist."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    text = unit.read_text(encoding="utf-8").replace("/opt/paperdesk/.venv/bin", str(Path(sys.executable).parent))
    copy = tmp_path / unit.name.replace("@", "@london")
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
