"""`paperdesk doctor` names each of the faults that are planted one by one in a real desk and its files.

The desk runs once. The faults of a running desk are planted and removed in the order of the file; then the desk stops,
and each other fault is planted in a copy of its files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from common.project_root import PROJECT_ROOT
from common.storage import copy_pages
from orchestration.supervisord_configuration import CONFIGURATION
from proto.control import HaltCommand, ResumeCommand, TradingReply
from services.portfolio.ledger.ledger import open_ledger
from tests.support.command_line import paperdesk
from tests.support.doctored_desks import DoctoredDesk, RunningDesk, copied, running_desk, use_settings
from tests.support.planted_faults import PLANTED
from tests.support.waits import wait_for
from tests.system.small_desk import build
from verification.doctor import ExaminedDesk, Grade, examine

OLD_LEDGER: Final = "ledger.old"
STEP_S: Final = 60.0


# ------------------------------------------------------------------------------------------------------ a running desk


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a desk that has run; while it ran, `_examine_running` has planted its faults."""
    folder = tmp_path_factory.mktemp("desk")
    with running_desk(folder) as desk:
        RUNNING.update(_examine_running(desk))
    shutil.rmtree(folder / "data" / "logs")
    return folder / "data"


RUNNING: dict[str, set[str]] = {}
"""Codes that the doctor found in the running desk, by planted fault."""


def _examine_running(desk: RunningDesk) -> dict[str, set[str]]:
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        use_settings(patch, desk.environment)
        found["nothing"] = _codes(desk)
        _copy_ledger(desk)

        _command(desk, HaltCommand(reason="a test"))
        found["a person halts the desk"] = _codes(desk, "trading")
        _command(desk, ResumeCommand(reason="a test"))

        desk.clock_file.write_text(str(5_000_000_000))
        wait_for(lambda: "CLOCK_STEPPED" in _causes(desk), "the step", seconds=STEP_S)
        found["the clock steps"] = _codes(desk, "trading")
        desk.clock_file.write_text("0")
        wait_for(lambda: _resumed(desk), "the desk resumes", seconds=STEP_S)

        pid = desk.supervisor.states()["portfolio"].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            found["portfolio is suspended"] = _codes(desk, "ledger", "trading", "processes")
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for(desk.status, "portfolio", seconds=STEP_S)

        desk.supervisor.stop_program("mt5")
        wait_for(lambda: desk.supervisor.states()["mt5"].state == "STOPPED", "no gateway", seconds=STEP_S)
        found["the gateway is stopped"] = _codes(desk, "gateway", "processes")
        desk.supervisor.start_program("mt5")
        wait_for(lambda: desk.supervisor.states()["mt5"].state == "RUNNING", "the gateway", seconds=STEP_S)
        wait_for(lambda: not _causes(desk) or _resumed(desk), "the desk resumes", seconds=STEP_S)

        os.kill(desk.supervisor.states()["signal"].pid, signal.SIGKILL)
        wait_for(lambda: "exited: signal" in _supervisor_log(desk), "the restart", seconds=STEP_S)
        wait_for(lambda: desk.supervisor.states()["signal"].state == "RUNNING", "signal", seconds=STEP_S)
        found["signal was killed"] = _codes(desk, "processes")

        _suspend_supervisor(desk, found)
    return found


def _copy_ledger(desk: RunningDesk) -> None:
    """Copy the ledger of the running desk, as a person does who later puts the copy back."""
    db = open_ledger(desk.data_dir / "ledger.db")
    copy_pages(db, desk.data_dir / OLD_LEDGER)
    db.close()


def _suspend_supervisor(desk: RunningDesk, found: dict[str, set[str]]) -> None:
    pid = desk.supervisor.supervisord_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        found["supervisord is suspended"] = _codes(desk, "processes")
    finally:
        os.kill(pid, signal.SIGCONT)


def _codes(desk: RunningDesk, *only: str) -> set[str]:
    grave = (Grade.WARNING, Grade.WRONG)
    results = list(examine(ExaminedDesk(desk.data_dir), only))
    return {one.code for result in results for one in result.findings if one.grade in grave}


def _command(desk: RunningDesk, command: HaltCommand | ResumeCommand) -> None:
    with desk.control() as client:
        assert client.request(command, TradingReply, timeout_s=10.0) is not None


def _causes(desk: RunningDesk) -> set[str]:
    status = desk.status()
    return set() if status is None else {one.code for one in status.conditions}


def _resumed(desk: RunningDesk) -> bool:
    _command(desk, ResumeCommand(reason="a test"))
    return not _causes(desk)


def _supervisor_log(desk: RunningDesk) -> str:
    return (desk.data_dir / "logs" / "supervisord.log").read_text()


def test_a_healthy_running_desk_has_no_finding(stopped: Path) -> None:
    assert stopped.is_dir()
    assert RUNNING["nothing"] == set()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("a person halts the desk", {"PERSON"}),
        ("the clock steps", {"CLOCK_STEPPED"}),
        ("portfolio is suspended", {"PROCESS_SUSPENDED", "PORTFOLIO_SILENT", "LEDGER_HELD"}),
        ("the gateway is stopped", {"GATEWAY_DOWN", "PROCESS_ENDED"}),
        ("signal was killed", {"PROCESS_RESTARTED"}),
        ("supervisord is suspended", {"SUPERVISOR_HANGS"}),
    ],
)
def test_a_fault_of_a_running_desk_is_named(stopped: Path, fault: str, expected: set[str]) -> None:
    """Besides the fault, the desk may report conditions that follow from it."""
    assert stopped.is_dir()
    assert expected <= RUNNING[fault]


def test_processes_that_supervisord_gave_up_are_named_with_their_last_log_line(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build(tmp_path_factory.mktemp("s"))
    configuration = root / CONFIGURATION
    configuration.write_text(configuration.read_text().replace("startretries=20", "startretries=0"))
    environment = {"PAPERDESK_RUNTIME_DIR": str(root / "var" / "run"), "PAPERDESK_DATA_DIR": str(root / "var" / "data")}
    use_settings(monkeypatch, environment)
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)]
    supervisord = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "execution": "crash", "signal": "refuse"},
        stdout=subprocess.DEVNULL,
    )
    try:

        def states() -> dict[str, str]:
            desk = ExaminedDesk(root / "var" / "data", home=root)
            return {row["name"]: row["statename"] for row in desk.programs or []}

        wait_for(lambda: states().get("execution") == "FATAL", "a FATAL process", seconds=STEP_S)
        wait_for(lambda: states().get("signal") == "EXITED", "a refused setting", seconds=STEP_S)
        [result] = examine(ExaminedDesk(root / "var" / "data", home=root), only=["processes"])
    finally:
        supervisord.terminate()
        supervisord.wait(STEP_S)
    texts = {one.code: one.text for one in result.findings}
    assert "execution is FATAL: RuntimeError: out of luck" in texts["PROCESS_FATAL"]
    assert "LUCK: value 'none', expected some" in texts["PROCESS_REFUSED"]


# ------------------------------------------------------------------------------------------------- faults of the files


@pytest.fixture
def desk(stopped: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> DoctoredDesk:
    """A copy of the stopped desk."""
    return copied(stopped, tmp_path_factory.mktemp("d"), monkeypatch)


def test_a_healthy_stopped_desk_has_no_finding_and_is_not_changed(desk: DoctoredDesk) -> None:
    before = _traces(desk.data_dir)
    assert desk.findings() == []
    assert _traces(desk.data_dir) == before


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_named_and_nothing_else(desk: DoctoredDesk, fault: str) -> None:
    plant, expected = PLANTED[fault]
    plant(desk)
    findings = desk.findings()
    assert {one.code for one in findings} == expected, findings
    assert all(one.action and "\n" not in one.text for one in findings)


def test_files_and_sockets_that_other_users_can_reach_are_named(desk: DoctoredDesk) -> None:
    """The folders of pytest keep other users out, so the files are in a folder that others may enter."""
    with tempfile.TemporaryDirectory(prefix="pd-") as reachable:
        folder = Path(reachable)
        folder.chmod(0o755)
        shutil.copytree(desk.data_dir, folder / "data")
        (folder / "data").chmod(0o755)
        (folder / "data" / "ledger.db").chmod(0o644)
        (folder / "run").mkdir(mode=0o755)
        desk.set(PAPERDESK_DATA_DIR=str(folder / "data"), PAPERDESK_RUNTIME_DIR=str(folder / "run"))
        desk.env_file = folder / "env"
        desk.write_env("MT5_PASSWORD=hunter2hunter2\n")
        desk.env_file.chmod(0o644)
        desk.folder = folder
        codes = {one.code for one in desk.findings()}
    assert codes == {"FILE_OPEN", "RUNTIME_DIR_OPEN", "SETTINGS_FILE_OPEN"}


def test_an_older_copy_of_the_ledger_is_named(desk: DoctoredDesk) -> None:
    (desk.data_dir / OLD_LEDGER).replace(desk.data_dir / "ledger.db")
    assert {one.code for one in desk.findings()} == {"LEDGER_OLDER"}


def test_a_port_of_another_process_is_named_with_that_process(desk: DoctoredDesk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        desk.set(WEB_PORT=str(foreign.getsockname()[1]))
        [finding] = desk.findings()
    assert finding.code == "PORT_TAKEN"
    assert f"(pid {os.getpid()})" in finding.text


def test_a_step_of_the_clock_while_the_desk_is_stopped_is_announced(desk: DoctoredDesk) -> None:
    step = desk.write("clock", str(60_000_000_000))
    done = paperdesk(
        "doctor", "--data-dir", desk.data_dir, "--only", "clock", "--json", PAPERDESK_CLOCK_STEP_FILE=str(step)
    )
    assert "CLOCK_STEP_AHEAD" in {row["code"] for row in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1


# ------------------------------------------------------------------------------------------------------------ a gateway


@pytest.fixture(scope="module")
def other_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a gateway with an account in EUR, which quotes GBPUSD."""
    folder = tmp_path_factory.mktemp("g")
    url = f"ipc://{folder}/gw.ipc"
    environment = {
        **os.environ,
        "PAPERDESK_ENV_FILE": "",
        "PAPERDESK_DATA_DIR": str(folder / "data"),
        "PAPERDESK_RUNTIME_DIR": str(folder),
        "MT5_VENUE": "simulated",
        "MT5_CURRENCY": "EUR",
        "TRADING_SYMBOL": "EURUSD",
        "MT5_REQUEST_URL": url,
        "MT5_PUBLISH_URL": f"ipc://{folder}/ticks.ipc",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.mt5", "--venue", "setting"],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for((folder / "gw.ipc").is_socket, "the gateway", seconds=STEP_S)
        yield url
    finally:
        process.terminate()
        process.wait(STEP_S)


def test_a_gateway_of_another_account_is_named(desk: DoctoredDesk, other_gateway: str) -> None:
    desk.set(ZMQ_EXECUTION_URL=other_gateway)
    [finding] = desk.findings()
    assert finding.code == "ACCOUNT_OTHER"
    assert "paper-EUR" in finding.text
    assert "paper-USD" in finding.text


def test_a_symbol_that_the_gateway_does_not_know_is_named(desk: DoctoredDesk, other_gateway: str) -> None:
    desk.set(ZMQ_EXECUTION_URL=other_gateway, TRADING_SYMBOL="EURUSD,GBPUSD")
    codes = {one.code for one in desk.findings()}
    assert codes == {"ACCOUNT_OTHER", "SYMBOL_UNKNOWN"}


# ------------------------------------------------------------------------------------------------------------ the disk


@pytest.mark.parametrize(
    ("options", "expected"),
    [("size=1M", "DISK_FULL"), ("size=1M,ro", "DISK_READ_ONLY"), ("nr_inodes=20", "INODES_LOW")],
)
def test_a_disk_that_cannot_be_used_is_named(tmp_path: Path, options: str, expected: str) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a small tmpfs in a namespace of its own")
    command = f"mount -t tmpfs -o {options} none {tmp_path} && exec {sys.executable} -m cli.main doctor"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{command} --data-dir {tmp_path} --only disk --json"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=STEP_S,
        check=False,
    )
    if "permission denied" in done.stderr.lower():
        pytest.skip("needs permission to mount a tmpfs; a container without CAP_SYS_ADMIN does not have it")
    assert done.returncode == 1, done
    assert expected in {row["code"] for row in json.loads(done.stdout)["findings"]}


# ---------------------------------------------------------------------------------------------------------- the command


def test_the_command_prints_a_line_for_each_check_and_what_to_do(desk: DoctoredDesk) -> None:
    plant, _ = PLANTED["others can read the key"]
    plant(desk)
    done = paperdesk("doctor", "--data-dir", desk.data_dir, "--only", "keys", "--only", "sqlite")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert [line.split()[:2] for line in lines[:2]] == [["ok", "sqlite:"], ["WRONG", "keys:"]]
    assert lines[2].strip() == f"-> Run `chmod 600 {desk.data_dir / 'keys' / 'ledger.key'}`."
    assert lines[3] == f"{desk.data_dir}: 1 WRONG"


@pytest.mark.parametrize(
    "arguments", [("--data-dir", "/no/such/folder"), ("--only", "luck"), ("--url", "ipc:///no/such.ipc")]
)
def test_a_desk_that_cannot_be_examined_has_exit_code_2(arguments: tuple[str, ...]) -> None:
    done = paperdesk("doctor", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_no_secret_is_shown(desk: DoctoredDesk) -> None:
    plant, _ = PLANTED["no service has the address of a target"]
    plant(desk)
    desk.write_env("MT5_PASSWORD=hunter2hunter2\nMT5_REAL_TOKEN=swordfish-swordfish\nMT5_LOGIN=x\n")
    done = paperdesk("doctor", "--data-dir", desk.data_dir, "--json")
    assert "hunter2" not in done.stdout + done.stderr
    assert "swordfish" not in done.stdout + done.stderr
    assert "loft" not in done.stdout + done.stderr


def _traces(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}
