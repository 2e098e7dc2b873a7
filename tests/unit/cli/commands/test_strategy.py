"""`paperdesk strategy` lists strategies with their parameters, and makes a new one in the folder of a desk only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands import strategy
from cli.main import run
from common.project_root import DESK_MARKER
from orchestration.desk_folder import make_desk
from services.signal.strategy_loader import shipped_strategies


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a desk, as if it were the working directory at the start of the program."""
    folder = make_desk(tmp_path / "desk")
    monkeypatch.setattr(strategy, "DESK_ROOT", folder)
    monkeypatch.setattr(strategy, "HAS_OWN_DESK", True)
    monkeypatch.syspath_prepend(folder)
    return folder


def rows(capsys: pytest.CaptureFixture[str], *names: str, code: int = 0) -> dict[str, Any]:
    """The listed strategies by name."""
    assert run(["strategy", "list", *names, "--json"]) == code
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_the_strategies_of_the_desk_are_listed_with_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys)
    assert tuple(found) == shipped_strategies()
    row = found["ema_cross"]
    assert (row["warm_up_ticks"], row["description"][:26]) == (500, "Long while the fast averag")
    assert row["parameters"][0] == {
        "name": "fast_ticks",
        "type": "int",
        "values": "a whole number from 1 to 1000000",
        "default": "50",
        "description": "length of the faster average",
    }
    assert (found["xgboost"]["warm_up_ticks"], found["xgboost"]["parameters"]) == (100, [])


def test_a_list_for_people_has_a_line_for_each_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "list", "ema_cross", "tests.support.flipping:Flipping"]) == 0
    first, second = capsys.readouterr().out.rstrip().split("\n\n")
    assert first.splitlines() == [
        "ema_cross",
        "  Long while the fast average is above the slow average, short while it is below.",
        "  comes from: the desk",
        "  warm-up: 500 ticks",
        "  fast_ticks=50: a whole number from 1 to 1000000; length of the faster average",
        "  slow_ticks=500: a whole number from 2 to 1000000; length of the slower average, and warm-up",
    ]
    assert second.splitlines()[-2:] == ["  warm-up: 2 ticks", "  no parameters"]


def test_strategies_in_the_folder_of_a_desk_are_listed_and_what_is_wrong_with_them(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn, ends, helper = ((desk / name).with_suffix(".py") for name in ("torn_x", "ends_x", "helper_x"))
    torn.write_text("class A(:")
    ends.write_text("raise SystemExit(3)\nclass B:\n    def on_tick(self): ...")
    helper.write_text("class NoStrategy: ...")
    found = rows(capsys, code=1)
    assert list(found)[len(shipped_strategies()) :] == ["ends_x:B", "strategy:Breakout", torn.name]
    assert found["ends_x:B"]["error"].endswith(f"ends_x cannot be imported: SystemExit: 3 ({ends.name}:1)")
    assert found[torn.name]["error"].startswith("SyntaxError: ")
    own = found["strategy:Breakout"]
    assert (own["file"], own["warm_up_ticks"]) == (str(desk / "strategy.py"), 300)
    assert [one["name"] for one in own["parameters"]] == ["range_ticks"]


def test_an_unknown_strategy_is_named_with_the_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "list", "nope", "ema_cross"]) == 1
    assert capsys.readouterr().out.startswith("nope cannot be used: no strategy 'nope', expected ema_cross, xgboost or")


def test_a_new_strategy_is_made_in_the_folder_of_a_desk(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "new", "night_y"]) == 0
    out = capsys.readouterr().out
    assert "python -m unittest test_night_y" in out
    assert "STRATEGY=night_y:NightY" in out
    assert "night_y:NightY" in rows(capsys)
    assert run(["strategy", "new", "night_y"]) == 2
    assert capsys.readouterr().err.endswith("expected another name\n")


def test_no_strategy_is_made_without_the_folder_of_a_desk(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "new", "night_z"]) == 2
    assert capsys.readouterr().err.startswith("paperdesk: no folder of a desk here, expected one that `paperdesk init`")
    assert DESK_MARKER not in {path.name for path in Path.cwd().iterdir()}
