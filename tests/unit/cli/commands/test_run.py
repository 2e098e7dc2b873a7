"""Which limits `paperdesk run` takes: those that are named, those of the environment, or the demo's."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands.run import _desk


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [(None, None, "demo"), (None, "default", "default"), ("none", "default", "none"), ("demo", "none", "demo")],
)
def test_a_desk_takes_the_demos_limits_where_nobody_names_others(
    option: str | None, environment: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RISK", raising=False)
    if environment is not None:
        monkeypatch.setenv("RISK", environment)
    spec = _desk(
        ticks=(),
        symbol=None,
        clock=None,
        symbols="EURUSD",
        strategy="ema_cross",
        model=None,
        risk=option,
        plan=None,
        seed=None,
        data_dir=tmp_path / "desk",
        duration=None,
        venue={},
    )
    assert spec.settings["RISK"] == expected
