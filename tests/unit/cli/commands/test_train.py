"""`paperdesk train` prints the remarks on the times of its ticks, as other commands that read ticks do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run


def test_a_remark_on_times_is_printed_before_the_training_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"2024-03-06T00:{second // 60:02}:{second % 60:02}Z,1.08,1.0801" for second in range(500)]
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(["timestamp,bid,ask", *rows, "2100-01-01T00:00:00Z,1.08,1.0801", ""]))
    assert run(["train", f"{path}:EURUSD", "--out", str(tmp_path / "model")]) == 2
    warning, refusal = capsys.readouterr().err.splitlines()
    assert warning.startswith("WARNING: ")
    assert "2100-01-01" in warning
    assert "501 ticks of EURUSD to train on, expected at least" in refusal
