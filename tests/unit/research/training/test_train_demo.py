"""The demo model can be reproduced with the commands in its manifest, from ticks of the generated market."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from cli.main import run
from common.project_root import PROJECT_ROOT
from marketdata.generated_market import generate
from services.signal import StrategyEngine
from services.signal.core.features.schema import WINDOW_TICKS
from services.signal.model.kernel_cache import configure_kernel_cache
from services.signal.model.loader import load_model
from services.signal.model.manifest import read_manifest

DEMO = PROJECT_ROOT / "models" / "demo"
BYTES_MAX = 300_000
SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
TRADED_HOURS = (*range(1, 16),)
"""Hours of the day in UTC in which the model trades; at other hours the spread is too large."""


def commands() -> tuple[list[str], list[str]]:
    """The commands in the manifest that generate the ticks (in the note) and train the model."""
    manifest = read_manifest(DEMO)
    command = manifest.note.partition("paperdesk ")[2].partition(". ")[0]
    trains = shlex.split(manifest.training.command)
    assert trains.pop(0) == "paperdesk"
    return shlex.split(command), trains


@pytest.mark.slow
def test_the_commands_of_the_manifest_reproduce_the_demo_model_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in commands():
        assert run(arguments) == 0
    for path in sorted(DEMO.iterdir()):
        assert (tmp_path / "models" / "demo" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_manifest_of_the_demo_model_claims_no_edge() -> None:
    manifest = read_manifest(DEMO)
    assert manifest.note.startswith("DEMO")
    assert "has no edge after costs" in manifest.note
    assert manifest.metrics["held_out"]["edge"]["net_bp"] < 0
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < BYTES_MAX


def test_the_demo_model_trades_within_a_minute_in_its_traded_hours() -> None:
    """In each of these hours, more than 85 % of the times have an order within the next minute."""
    configure_kernel_cache()
    from services.signal.core.features.kernel import feature_rows

    ticks = generate(SYMBOLS, seed=0, hours=24.0)
    model = load_model(DEMO)
    orders: list[int] = []
    for index in range(len(SYMBOLS)):
        mine = np.asarray(ticks.symbol_index) == index
        time_ns, bid, ask, volume = (
            np.ascontiguousarray(column[mine]) for column in (ticks.time_ns, ticks.bid, ticks.ask, ticks.volume)
        )
        rows = feature_rows(time_ns, bid, ask, volume)
        sides = [model.decide(*row)[0] for row in model.probabilities(rows).tolist()]
        orders += orders_of(time_ns[WINDOW_TICKS - 1 :].tolist(), sides)
    at = np.sort(np.array(orders)) / 1e9
    times_s = np.arange(at[0], at[-1] - 60.0, 10.0)
    waits = at[np.searchsorted(at, times_s)] - times_s
    hours = times_s % 86_400 // 3_600
    for hour in TRADED_HOURS:
        assert (waits[hours == hour] <= 60.0).mean() > 0.85, f"{hour}:00 UTC"


def orders_of(times_ns: list[int], sides: list[int]) -> list[int]:
    """The times of orders: a signal opens a position, and the opposite signal closes it."""
    held, found = 0, []
    for time_ns, side in zip(times_ns, sides, strict=True):
        if side and side != held:
            held = 0 if held else side
            found.append(time_ns)
    return found


def test_the_demo_model_signals_within_a_minute_after_its_warm_up() -> None:
    ticks = generate(SYMBOLS, seed=0, hours=0.1)
    engines = {symbol: StrategyEngine(symbol, "xgboost", model=DEMO) for symbol in SYMBOLS}
    warm_ns: dict[str, int] = {}
    for index, time_ns, bid, ask, volume in zip(
        ticks.symbol_index, ticks.time_ns.tolist(), ticks.bid, ticks.ask, ticks.volume, strict=True
    ):
        engine = engines[SYMBOLS[index]]
        direction, _ = engine.process_tick({"time_ns": time_ns, "bid": bid, "ask": ask, "volume": volume})
        if not engine.last.reason:
            warm_ns.setdefault(SYMBOLS[index], time_ns)
        if direction:
            break
    else:
        pytest.fail("not one signal in six minutes of the market")
    assert time_ns - min(warm_ns.values()) < 60_000_000_000
