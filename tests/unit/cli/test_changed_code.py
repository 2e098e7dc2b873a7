"""A run that continues an account with other code of its strategy needs --accept-other-code, which the report shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.main import run
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from tests.support.tick_files import a_tick_file

STRATEGY = "continued_strategy:Flipping"
MODULE = "from tests.support.flipping import Flipping\nfrom continued_helper import VALUE\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a strategy, the module that it imports, and ticks; the working directory."""
    write_module(tmp_path, "continued_strategy", MODULE)
    write_module(tmp_path, "continued_helper", "VALUE = 1\n")
    a_tick_file(tmp_path / "ticks.parquet", rows=600)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("continued_strategy", "continued_helper"):  # another test has imported them from its own folder
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def write_module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


def backtest(*options: str) -> int:
    """The exit code of a backtest of the strategy into the folder `desk`."""
    arguments = ["ticks.parquet:EURUSD", "--strategy", STRATEGY, "--risk", "none", "--data-dir", "desk", "--json"]
    return run(["backtest", *arguments, *options])


def settings(folder: Path) -> dict[str, str]:
    """The settings of the account's last stream."""
    book, _ = read_ledger(folder / "desk" / LEDGER_FILE_NAME)
    assert book.stream is not None
    return book.stream.settings


def test_other_code_of_a_strategy_needs_a_flag_which_the_ledger_and_the_report_show(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest("--to-row", "200") == 0
    before = json.loads(capsys.readouterr().out)
    code = before["settings"]["strategy_code"]
    assert code.startswith(f"{STRATEGY}=sha256-")
    assert settings(folder)["strategy_code"] == code

    assert backtest("--continue", "--from-row", "201", "--to-row", "400") == 0
    assert "warnings" not in json.loads(capsys.readouterr().out)

    write_module(folder, "continued_helper", "VALUE = 2\n")
    later = ("--continue", "--from-row", "401")
    assert backtest(*later) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"paperdesk: the code of {STRATEGY} has changed since the last run of the account in ")
    assert line.endswith(f", expected {code}, or --accept-other-code")

    assert backtest(*later, "--accept-other-code") == 0
    report = json.loads(capsys.readouterr().out)
    changed = report["settings"]["strategy_code"]
    assert changed != code
    assert f"the account was continued with other code of a strategy: {changed}, before {code}" in report["warnings"]
    assert (settings(folder)["strategy_code"], settings(folder)["strategy_code_before"]) == (changed, code)


def test_two_codes_of_a_strategy_give_two_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for number in range(2):
        write_module(folder, "continued_helper", f"VALUE = {number}\n")
        assert run(["backtest", "ticks.parquet:EURUSD", "--strategy", STRATEGY, "--ticks", "20", "--json"]) == 0
        ids.append(json.loads(capsys.readouterr().out)["stream_id"])
    assert ids[0] != ids[1]


def test_another_strategy_is_no_other_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest("--to-row", "200") == 0
    arguments = ["ticks.parquet:EURUSD", "--strategy", "ema_cross", "--data-dir", "desk", "--from-row", "201"]
    assert run(["backtest", *arguments, "--continue", "--json"]) == 0
    assert "strategy_code" not in settings(folder)
    assert capsys.readouterr().err == ""
