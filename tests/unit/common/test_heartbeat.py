"""A heartbeat file shows the pid, phase and progress of a process. A process that cannot write the file continues."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.heartbeat import BeatAges, Heartbeat, HeartbeatRecord, Phase, Progress, path_of, read
from tests.support.waits import wait_for


def test_a_reader_finds_the_last_heartbeat(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "run", "signal")
    assert read(tmp_path / "run", "signal") == HeartbeatRecord(os.getpid(), Phase.STARTING, 0, 0, False)
    heartbeat.beat(Progress(5, True))
    heartbeat.beat(Progress(123_456_789_012, False))
    assert read(tmp_path / "run", "signal") == HeartbeatRecord(os.getpid(), Phase.RUNNING, 2, 123_456_789_012, False)
    heartbeat.end()
    assert read(tmp_path / "run", "signal") == HeartbeatRecord(os.getpid(), Phase.ENDING, 2, 123_456_789_012, False)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["signal.heartbeat"]


def test_the_age_of_a_beat_counts_from_its_first_reading() -> None:
    ages = BeatAges()
    first = HeartbeatRecord(7, Phase.RUNNING, 1, 0, False)
    assert [ages.age_ns("mt5", first, now_ns) for now_ns in (100, 130)] == [0, 30]
    assert ages.age_ns("signal", first, 140) == 0
    assert ages.age_ns("mt5", first._replace(beat=2), 150) == 0
    assert ages.age_ns("mt5", first._replace(beat=2, pid=8), 170) == 0
    assert ages.age_ns("mt5", first._replace(beat=2, pid=8), 175) == 5


def test_the_end_of_a_process_does_not_change_the_heartbeat_of_its_successor(tmp_path: Path) -> None:
    first = Heartbeat(tmp_path, "signal")
    Heartbeat(tmp_path, "signal")
    first.end()
    assert read(tmp_path, "signal") == HeartbeatRecord(os.getpid(), Phase.STARTING, 0, 0, False)


def test_a_second_process_that_ends_at_its_start_keeps_the_heartbeat_of_the_first(tmp_path: Path) -> None:
    first = Heartbeat(tmp_path, "mt5")
    first.beat(Progress(7, False))
    subprocess.run([sys.executable, "-c", SECOND, str(tmp_path)], check=True)
    first.beat(Progress(8, False))
    assert read(tmp_path, "mt5") == HeartbeatRecord(os.getpid(), Phase.RUNNING, 2, 8, False)


@pytest.mark.parametrize(
    "text", [b"", b"\0" * 128, b"pid=1 phase=RUNNING beat=1", b"pid=1 phase=DEAD beat=1 done=1 waiting=0"]
)
def test_an_unreadable_or_missing_heartbeat_is_read_as_none(tmp_path: Path, text: bytes) -> None:
    path_of(tmp_path, "signal").write_bytes(text)
    assert read(tmp_path, "signal") is None
    assert read(tmp_path, "portfolio") is None


def test_a_process_that_cannot_write_its_heartbeat_continues(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    heartbeat = Heartbeat(tmp_path / "file" / "run", "signal")
    heartbeat.beat(Progress(1, False))
    heartbeat.end()


def test_a_beat_writes_a_file_that_could_not_be_created_or_was_removed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.touch()
    heartbeat = Heartbeat(folder, "signal")
    heartbeat.beat(Progress(1, False))
    assert read(folder, "signal") is None
    folder.unlink()
    for done in (2, 3):
        heartbeat.beat(Progress(done, False))
        assert read(folder, "signal") == HeartbeatRecord(os.getpid(), Phase.RUNNING, done, done, False)
        path_of(folder, "signal").unlink()


SECOND = """
import sys
from pathlib import Path
from common.heartbeat import Heartbeat
Heartbeat(Path(sys.argv[1]), "mt5").end()
"""

SCRIPT = """
import sys
from pathlib import Path
from common.heartbeat import Heartbeat
from common.event_loop import EventLoop
loop = EventLoop("beating")
loop.set_heartbeat(Heartbeat(Path(sys.argv[1]), "beating"))
loop.run()
"""


def test_a_loop_writes_heartbeats_until_it_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)])

    def beats(at_least: int) -> bool:
        beat = read(tmp_path, "beating")
        return beat is not None and beat.phase is Phase.RUNNING and beat.beat >= at_least

    try:
        wait_for(lambda: beats(1), "the first beat")
        wait_for(lambda: beats(3), "two more")
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    last = read(tmp_path, "beating")
    assert last is not None
    assert (last.pid, last.phase) == (process.pid, Phase.ENDING)
