"""Strategies are first loaded in a child process, so that a strategy cannot end a command without a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import validators
from cli.validators import require_strategy
from common.errors import StartError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which modules can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write_module(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}.py").write_text(source)


@pytest.mark.parametrize(
    ("name", "source", "how"),
    [
        ("leaves", "import os\nos._exit(0)", "ended with exit code 0"),
        ("refuses", "import os\nos._exit(86)", "ended with exit code 86"),
        ("crashes", "import os\nos.abort()", "was ended by SIGABRT"),
        ("leaves_when_made", "import os\nclass S:\n    def __init__(self): os._exit(0)", "ended with exit code 0"),
    ],
)
def test_a_strategy_that_ends_the_process_while_it_loads_is_named(
    folder: Path, name: str, source: str, how: str
) -> None:
    write_module(folder, name, source)
    with pytest.raises(
        StartError, match=f"--strategy: {name}:S cannot be loaded: the process {how} while it loaded the strategy"
    ):
        require_strategy(f"{name}:S", ["EURUSD"])


def test_the_error_of_a_strategy_that_cannot_be_imported_is_shown(folder: Path) -> None:
    write_module(folder, "raises_at_once", "raise SystemExit('no licence')")
    with pytest.raises(StartError, match="raises_at_once cannot be imported: SystemExit: no licence"):
        require_strategy("raises_at_once:S", ["EURUSD"])


def test_a_strategy_that_loads_slowly_gives_a_notice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(validators, "_SLOW_LOAD_S", 0.001)
    write_module(folder, "loads_well", "from tests.support.flipping import Flipping")
    require_strategy("loads_well:Flipping", ["EURUSD"])
    assert "strategy loads_well:Flipping has been loading for 0 s; still waiting" in capsys.readouterr().err
