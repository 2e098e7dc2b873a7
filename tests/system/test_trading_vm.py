"""A trading VM: the shipped supervisord.conf with the gateway elsewhere, or with the simulated one when it is asked for."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import zmq

from cli.supervision import PROJECT_ROOT
from tests.support.waiting import wait_for

START_S: Final = 60.0
UNIT: Final = PROJECT_ROOT / "deploy" / "systemd" / "paperdesk.service"


def environment(tmp_path: Path, **settings: str) -> dict[str, str]:
    """A host that knows nothing of the machine the test runs on, but where its programs are."""
    return {
        "PATH": os.environ["PATH"],
        "PAPERDESK_ENV_FILE": "",
        "PAPERDESK_DATA_DIR": str(tmp_path / "data"),
        "PAPERDESK_RUNTIME_DIR": str(tmp_path / "run"),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def gateway_as_supervised(tmp_path: Path, **settings: str) -> subprocess.Popen[str]:
    """The gateway's program, as supervisord.conf starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.mt5", "--venue", "setting"],
        cwd=PROJECT_ROOT,
        env=environment(tmp_path, SUPERVISOR_ENABLED="1", **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_no_gateway_starts_where_none_is_asked_for(tmp_path: Path) -> None:
    """It says where the gateway is looked for, and ends in a way that supervisord takes for an end."""
    process = gateway_as_supervised(tmp_path, ZMQ_EXECUTION_URL="tcp://10.0.0.5:5555")
    words, _ = process.communicate(timeout=START_S)
    said: dict[str, Any] = json.loads(words.splitlines()[-1])
    assert process.returncode == 0
    assert said["event"] == "no gateway of this host's own; MT5_VENUE=simulated starts one"
    assert said["requests"] == "tcp://10.0.0.5:5555"
    assert not (tmp_path / "data").exists()


def test_the_simulated_gateway_starts_where_it_is_asked_for(tmp_path: Path) -> None:
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


def test_a_word_that_is_no_venue_is_refused(tmp_path: Path) -> None:
    process = gateway_as_supervised(tmp_path, MT5_VENUE="terminal")
    words, _ = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert "MT5_VENUE: value 'terminal', expected none or simulated" in words


def test_the_unit_runs_the_shipped_configuration_and_may_write_to_its_state_only() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    service = unit["Service"]
    assert service["execstart"].endswith("supervisord -n -c /opt/paperdesk/supervisord.conf")
    assert service["protectsystem"] == "strict"
    assert service["restart"] == "on-failure"
    assert service["capabilityboundingset"] == ""
    assert service["bindpaths"] == "/var/lib/paperdesk:/opt/paperdesk/var"


def test_systemd_accepts_the_unit_where_there_is_one(tmp_path: Path) -> None:
    """With the programs of this checkout, because systemd looks whether they are there."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    text = UNIT.read_text(encoding="utf-8").replace("/opt/paperdesk/.venv/bin", str(Path(sys.executable).parent))
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
