"""A supervisord that is held, or is not there, holds nobody who asks it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from orchestration.supervisor_client import ask_supervisor


def test_one_that_takes_the_question_and_never_answers_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        held.bind(str(path))
        held.listen()
        began = time.monotonic()
        assert ask_supervisor(path, "getAllProcessInfo", timeout_s=0.2) is None
        assert 0.2 <= time.monotonic() - began < 10.0


def test_one_that_is_not_there_answers_nothing(tmp_path: Path) -> None:
    assert ask_supervisor(tmp_path / "s.sock", "getAllProcessInfo") is None
