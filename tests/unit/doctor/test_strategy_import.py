"""The import of a strategy that does not end is killed, and is unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from common.settings import load
from services.signal.settings import SignalSettings
from verification.doctor import strategy_import
from verification.doctor.strategy_import import StrategyImport

ENDLESS: Final = "endless_strategy"


def test_an_import_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{ENDLESS}.py").write_text("import signal\nsignal.pause()\n")
    monkeypatch.setenv("PAPERDESK_ENV_FILE", "")
    monkeypatch.setenv("STRATEGY", f"{ENDLESS}:Mine")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(strategy_import, "IMPORT_S", 0.3)
    outcome = StrategyImport(load(SignalSettings), home=tmp_path, has_own_folder=True).outcome()
    assert outcome.exit_code is None


def test_the_limit_finds_a_fault_on_a_busy_host_too() -> None:
    """With other programs on each core an import has taken more than six seconds."""
    assert strategy_import.IMPORT_S >= 30
