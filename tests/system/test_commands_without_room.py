"""Commands on a full disk end with an error of one line and exit code 2; a running replay waits for disk space."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.tick_files import a_tick_file

ON_A_SMALL_DISK: Final = """
mount -t tmpfs -o size="$1" none "$2" || exit 77
[ "$3" = 0 ] || dd if=/dev/zero of="$2/ballast" bs=1k count="$3" status=none
shift 3
exec "$@"
"""
"""Arguments: the disk's size, its mount point, the KiB of a file that takes space, and the command."""


def on_a_small_disk(size: str, folder: Path, ballast_kib: int, *command: object) -> subprocess.Popen[str]:
    """Start a command in its own mount namespace with a small disk; namespace and disk end with the command."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare, to mount a small tmpfs in a namespace of its own")
    folder.mkdir()
    line = ["unshare", "-m", "sh", "-c", ON_A_SMALL_DISK, "sh", size, folder, ballast_kib, PAPERDESK, *command]
    return subprocess.Popen(list(map(str, line)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and the text on stderr."""
    try:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    if process.returncode == 77 or "permission denied" in errors.lower():
        pytest.skip("needs permission to mount a tmpfs; a container without CAP_SYS_ADMIN does not have it")
    return process.returncode, errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("backtest", "{ticks}:EURUSD", "--risk", "none", "--data-dir", "{disk}/desk"),
        ("replay", "{ticks}:EURUSD", "--risk", "none", "--speed", "max", "--data-dir", "{disk}/desk"),
        ("parity", "{ticks}:EURUSD", "--risk", "none", "--data-dir", "{disk}/desk"),
        ("run", "--data-dir", "{disk}/desk", "--strategy", "ema_cross", "--duration", "30"),
        ("chaos", "--minutes", "0.1", "--data-dir", "{disk}/desk"),
        ("ticks", "generate", "{disk}/ticks.parquet", "--hours", "24"),
        ("ticks", "convert", "{ticks}:EURUSD", "{disk}/ticks.parquet"),
    ],
    ids=lambda arguments: "-".join(arguments[: 2 if arguments[0] == "ticks" else 1]),
)
def test_an_error_on_a_full_disk_names_the_folder_and_the_lack_of_space(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ticks, disk = a_tick_file(tmp_path / "may.parquet", rows=60_000), tmp_path / "disk"
    ballast_kib = 560 if arguments[0] == "ticks" else 0
    command = [one.format(ticks=ticks, disk=disk) for one in arguments]
    code, errors = end_of(on_a_small_disk("600k", disk, ballast_kib, *command))
    assert code == 2, errors
    assert "Traceback" not in errors
    last = errors.splitlines()[-1]
    assert last.startswith("paperdesk: ")
    assert str(disk) in last
    assert "free" in last or "space" in last


def test_a_replay_on_a_full_disk_waits_with_a_message_and_continues_when_space_is_freed(tmp_path: Path) -> None:
    ticks, disk = a_tick_file(tmp_path / "may.parquet", rows=2_000), tmp_path / "disk"
    ballast_kib = 60 * 1024
    process = on_a_small_disk(
        *("64m", disk, ballast_kib, "replay", f"{ticks}:EURUSD", "--speed", "max", "--risk", "none"),
        *("--strategy", "tests.support.flipping:Flipping", "--data-dir", disk / "desk"),
    )
    assert process.stderr is not None
    outputs = []
    try:
        for line in process.stderr:
            outputs.append(line)
            if f"waiting for disk space: {disk}/desk has" in line:
                # The disk is visible only in the command's mount namespace.
                Path(f"/proc/{process.pid}/root{disk}/ballast").unlink()
                break
    finally:
        code, errors = end_of(process)
    assert code == 0, [*outputs, errors]
    assert "waiting for disk space" in outputs[-1]


def test_a_full_stdout_ends_a_command_with_an_error_of_one_line() -> None:
    for arguments in (["config"], ["config", "--json"], ["ticks", "--help"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [PAPERDESK, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=False
            )
        assert done.returncode == 2
        assert done.stderr == (
            "paperdesk: standard output cannot be written: no space is left on the disk; "
            "expected a disk with free space\n"
        )


def test_a_second_run_on_the_same_data_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    command = [str(PAPERDESK), "run", "--data-dir", str(desk), "--strategy", "ema_cross"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert first.stdout is not None
        for line in first.stdout:
            if "RUNNING" in line or "TRADING" in line:
                break
        second = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=TIMEOUT_S)
    assert second.returncode == 2
    assert "is in use by another process (pid " in second.stderr
    assert len(second.stderr.splitlines()) == 1
