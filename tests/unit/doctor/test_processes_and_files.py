"""The doctor's checks of heartbeats, of a desk's folder, of the cache of compiled code, and of what it cannot read."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from common.heartbeat import HeartbeatRecord, Phase
from orchestration.address_files import ANNOUNCED, announced, published_addresses
from orchestration.desk_folder import make_desk
from tests.support.doctored_desks import use_settings
from verification.doctor import ExaminedDesk, check_files, check_model, check_processes, examine, suite
from verification.doctor.findings import Check, Findings


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExaminedDesk:
    """A desk whose program signal runs, with a heartbeat that does not grow."""
    monkeypatch.setattr(check_processes, "BEAT_WAIT_S", 0.01)
    monkeypatch.setattr(check_processes, "_configuration", lambda _path: [])
    use_settings(monkeypatch, {"PAPERDESK_DATA_DIR": str(tmp_path), "STRATEGY": "xgboost"})
    desk = ExaminedDesk(tmp_path)
    desk.runtime = tmp_path
    desk.programs = [{"name": "signal", "statename": "RUNNING", "exitstatus": 0, "pid": os.getpid()}]
    return desk


def beat_of(desk: ExaminedDesk, pid: int) -> None:
    """Write a heartbeat of signal, which the desk has read once."""
    record = HeartbeatRecord(pid, Phase.RUNNING, 7, 1, False)
    line = f"pid={pid} phase=RUNNING beat=7 done=1 waiting=0\n"
    (desk.data_dir / "signal.heartbeat").write_text(line)
    desk.first_beats = {"signal": record}


def codes(check: Check, desk: ExaminedDesk) -> list[str]:
    return [one.code for one in check.run(desk)]


def test_a_process_whose_heartbeat_does_not_grow_hangs(desk: ExaminedDesk) -> None:
    beat_of(desk, os.getpid())
    [finding] = check_processes.processes.run(desk)
    assert finding.code == "PROCESS_HANGS"
    assert "restart signal" in finding.action


def test_the_heartbeat_of_an_earlier_process_is_no_hang(desk: ExaminedDesk) -> None:
    """Its pid may be that of another process of the host today, here of the parent of the tests."""
    beat_of(desk, os.getppid())
    assert codes(check_processes.processes, desk) == ["OK"]
    desk.programs = None
    desk.is_running = False
    assert codes(check_processes.processes, desk) == ["OK"]


def test_a_folder_of_a_desk_without_its_files_is_named(tmp_path: Path, desk: ExaminedDesk) -> None:
    desk.home = make_desk(tmp_path / "own")
    assert codes(check_files.folder, desk) == ["OK"]
    (desk.home / "supervisord.conf").unlink()
    (desk.home / "secrets").chmod(0o755)
    assert codes(check_files.folder, desk) == ["DESK_FOLDER", "DESK_FOLDER"]


def test_a_cache_folder_that_cannot_be_made_is_named(desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(check_model.model, desk) == ["OK"]
    file = desk.data_dir / "file"
    file.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file / "cache"))
    assert codes(check_model.model, desk) == ["KERNEL_CACHE"]


def test_a_strategy_that_is_not_imported_in_time_is_unknown(
    desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATEGY", "antigravity_that_is_slow:Mine")
    monkeypatch.setattr("verification.doctor.strategy_import.IMPORT_S", 0.0)
    assert codes(check_model.strategy, ExaminedDesk(desk.data_dir)) == ["STRATEGY_SLOW"]


def test_what_cannot_be_read_is_unknown_and_ends_no_other_check(
    desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_desk: ExaminedDesk) -> Findings:
        raise PermissionError(13, "Permission denied", "/secret")

    monkeypatch.setattr(suite, "CHECKS", (Check("locked", "a test", forbidden), check_files.folder))
    first, second = examine(desk)
    assert [(one.code, one.text) for one in first.findings] == [("NOT_EXAMINED", "/secret: Permission denied")]
    assert second.findings[0].code == "OK"


def test_what_settings_name_is_unknown_for_a_desk_that_a_command_started(desk: ExaminedDesk, tmp_path: Path) -> None:
    """Such a desk may have other limits, alarms and ports than the settings, so nothing about them is `ok`."""
    names = ["limits", "plan", "instruments", "alarms", "sockets", "strategy", "model"]

    def found(examined: ExaminedDesk) -> dict[str, str]:
        return {result.name: result.findings[0].code for result in examine(examined, names)}

    unknown = dict.fromkeys(names, "SETTINGS_OF_COMMAND")
    assert "SETTINGS_OF_COMMAND" not in found(desk).values()
    (tmp_path / "elsewhere").mkdir()
    assert found(ExaminedDesk(tmp_path / "elsewhere")) == unknown
    with socket.socket(socket.AF_UNIX) as listener, TemporaryDirectory(prefix="pd-") as folder:
        runtime = Path(folder)
        listener.bind(str(runtime / "control.ipc"))
        listener.listen()
        with published_addresses(desk.data_dir, runtime):
            assert found(ExaminedDesk(desk.data_dir)) == unknown
    with announced(desk.data_dir, tmp_path, folder=ANNOUNCED):
        assert found(ExaminedDesk(desk.data_dir)) == unknown, "portfolio is restarting"
    assert found(ExaminedDesk(desk.data_dir)) == found(desk)


def test_a_check_whose_settings_are_wrong_is_unknown(desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUBT_ORDERS_MAX", "many")
    wrong = ExaminedDesk(desk.data_dir)
    results = {result.name: result.findings[0].code for result in examine(wrong, ["limits", "plan", "settings"])}
    assert results == {"limits": "SETTINGS_NEEDED", "plan": "SETTINGS_NEEDED", "settings": "SETTING_INVALID"}
