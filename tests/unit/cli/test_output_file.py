"""Output files are checked before a run, written atomically, and never replaced without `--force`."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from cli.main import run
from cli.output_file import OutputFile, output_file
from common.errors import StartError
from common.whole_files import whole_file
from tests.support.tick_files import a_tick_file


def test_an_output_file_needs_an_existing_folder(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"--report .*there is no folder"):
        output_file(tmp_path / "nowhere" / "out.json", "--report", force=False)
    with pytest.raises(StartError, match=r"--report .*is a folder, expected a file"):
        output_file(tmp_path, "--report", force=True)


def test_json_has_sorted_keys_and_exact_decimals(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    output_file(path, "--report", force=False).write_json({"b": Decimal("1.10"), "a": {"d": 1, "c": None}})
    assert path.read_text() == '{\n  "a": {\n    "c": null,\n    "d": 1\n  },\n  "b": "1.1"\n}\n'
    assert json.loads(path.read_text())["b"] == "1.1"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        output_file(path, "--report", force=True).write_json({"a": object()})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_created_during_the_command_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    file = output_file(path, "--out", force=False)
    path.write_text("another's")
    with pytest.raises(StartError, match=r"already exists, expected a new name, or --force to replace it"):
        file.write_text("ours")
    assert path.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("force", [False, True])
def test_a_pipe_or_a_device_is_never_replaced(force: bool, tmp_path: Path) -> None:
    """For root a replacement would succeed and destroy the device file."""
    pipe = tmp_path / "pipe.parquet"
    os.mkfifo(pipe)
    with pytest.raises(StartError, match=r"--out .* is a device or a pipe, expected the name of a file"):
        output_file(pipe, "--out", force=force)
    with pytest.raises(FileExistsError, match=r"is not a regular file"), whole_file(pipe, replaces=force):
        raise AssertionError
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_an_output_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    (tmp_path / "made").touch()
    OutputFile(tmp_path / "out", "--out", force=False).write_text("x")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "made").stat().st_mode


WRITERS = {
    "backtest": "backtest {ticks}:EURUSD --ticks 200 --report {out}",
    "replay": "replay {ticks}:EURUSD --ticks 200 --report {out}",
    "export": "export orders --data-dir {desk} --out {out}",
    "export --format parquet": "export equity --format parquet --data-dir {desk} --out {out}",
    "ticks generate": "ticks generate --hours 0.1 {out}",
    "ticks convert": "ticks convert {ticks}:EURUSD {out}",
    "backup": "backup --data-dir {desk} {out}",
    "chaos": "chaos --json {out}",
    "chaos-truth": "chaos-truth --json {out}",
    "crash-points": "crash-points --json {out}",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_no_command_replaces_a_file_without_force(
    writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks, desk, out = a_tick_file(tmp_path / "may.parquet", rows=400), tmp_path / "desk", tmp_path / "out.parquet"
    assert run(["backtest", f"{ticks}:EURUSD", "--data-dir", str(desk)]) == 0
    out.write_text("another's")
    capsys.readouterr()
    assert run(WRITERS[writer].format(ticks=ticks, desk=desk, out=out).split()) == 2
    assert f"{out} already exists, expected " in capsys.readouterr().err
    assert out.read_text() == "another's"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export equity --data-dir {desk} --out {out}", "3 rows of equity in {out}\n"),
        ("export equity --format parquet --data-dir {desk} --out {out}", "3 rows of equity in {out}\n"),
        ("ticks generate --hours 0.1 {out}", " SIMULATED ticks of EURUSD in {out}\n"),
        ("backtest {ticks}:EURUSD --report {out}", "the report is in {out}\n"),
    ],
)
def test_a_command_with_force_replaces_the_file_and_prints_its_name(
    line: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The desk has only its deposit and one equity point, because 50 ticks are too few for a signal."""
    ticks, desk, out = a_tick_file(tmp_path / "may.parquet", rows=50), tmp_path / "desk", tmp_path / "out"
    assert run(["backtest", f"{ticks}:EURUSD", "--data-dir", str(desk)]) == 0
    out.write_text("old")
    capsys.readouterr()
    assert run([*line.format(ticks=ticks, desk=desk, out=out).split(), "--force"]) == 0
    assert capsys.readouterr().out.endswith(message.format(out=out))
    assert out.read_bytes() != b"old"
