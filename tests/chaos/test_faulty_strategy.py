"""The strategy that misbehaves on demand: it does what the file says, and nothing else without it."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from services.signal.core.tick_buffer import TickBuffer
from verification.chaos.faults import write_whole
from verification.chaos.faulty_strategy import FAULT_VARIABLE, Faulty

WAIT_S = 10.0


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "misbehaviour"
    monkeypatch.setenv(FAULT_VARIABLE, str(path))
    return path


def say(strategy: Faulty) -> object:
    return strategy.on_tick(TickBuffer(10), 1.0, 1.1, 5)


@pytest.mark.parametrize("text", [None, "", "dance"])
def test_without_a_known_word_it_changes_sides_with_every_tick(wanted: Path, text: str | None) -> None:
    if text is not None:
        write_whole(wanted, text)
    strategy = Faulty()
    assert [say(strategy) for _ in range(3)] == [(1, 0.75), (-1, 0.75), (1, 0.75)]


def test_it_returns_what_no_strategy_may_return(wanted: Path) -> None:
    strategy = Faulty()
    write_whole(wanted, "none")
    assert say(strategy) is None
    write_whole(wanted, "nonsense")
    assert say(strategy) == ("up", 7)
    write_whole(wanted, "nan")
    found = say(strategy)
    assert isinstance(found, tuple)
    assert math.isnan(found[1])


@pytest.mark.parametrize(("word", "error"), [("raise", ZeroDivisionError), ("exit", SystemExit)])
def test_it_raises_until_the_word_is_taken_away(wanted: Path, word: str, error: type[BaseException]) -> None:
    strategy = Faulty()
    write_whole(wanted, word)
    with pytest.raises(error):
        say(strategy)
    write_whole(wanted, "")
    assert say(strategy) == (-1, 0.75)


def test_it_blocks_until_the_word_is_taken_away(wanted: Path) -> None:
    strategy, said = Faulty(), threading.Event()

    def speak() -> None:
        say(strategy)
        said.set()

    write_whole(wanted, "block")
    thread = threading.Thread(target=speak)
    thread.start()
    assert not said.wait(0.2)
    write_whole(wanted, "")
    assert said.wait(WAIT_S)
    thread.join(WAIT_S)
