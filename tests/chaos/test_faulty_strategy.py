"""The strategy with faults on demand has the fault that its file names, and no fault without the file."""

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
def fault_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "misbehaviour"
    monkeypatch.setenv(FAULT_VARIABLE, str(path))
    return path


def call(strategy: Faulty) -> object:
    return strategy.on_tick(TickBuffer(10), 1.0, 1.1, 5)


@pytest.mark.parametrize("text", [None, "", "dance"])
def test_without_a_known_fault_the_strategy_buys_and_sells_in_turn(fault_file: Path, text: str | None) -> None:
    if text is not None:
        write_whole(fault_file, text)
    strategy = Faulty()
    assert [call(strategy) for _ in range(3)] == [(1, 0.75), (-1, 0.75), (1, 0.75)]


def test_the_strategy_returns_invalid_signals_on_demand(fault_file: Path) -> None:
    strategy = Faulty()
    write_whole(fault_file, "none")
    assert call(strategy) is None
    write_whole(fault_file, "nonsense")
    assert call(strategy) == ("up", 7)
    write_whole(fault_file, "nan")
    found = call(strategy)
    assert isinstance(found, tuple)
    assert math.isnan(found[1])


@pytest.mark.parametrize(("fault", "error"), [("raise", ZeroDivisionError), ("exit", SystemExit)])
def test_the_strategy_raises_until_the_fault_is_removed(
    fault_file: Path, fault: str, error: type[BaseException]
) -> None:
    strategy = Faulty()
    write_whole(fault_file, fault)
    with pytest.raises(error):
        call(strategy)
    write_whole(fault_file, "")
    assert call(strategy) == (-1, 0.75)


def test_the_strategy_blocks_until_the_fault_is_removed(fault_file: Path) -> None:
    strategy, returned = Faulty(), threading.Event()

    def run() -> None:
        call(strategy)
        returned.set()

    write_whole(fault_file, "block")
    thread = threading.Thread(target=run)
    thread.start()
    assert not returned.wait(0.2)
    write_whole(fault_file, "")
    assert returned.wait(WAIT_S)
    thread.join(WAIT_S)
