"""The demo model: made by the command in its manifest, from a market that anybody can generate again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli.main import run
from common.settings import PROJECT_ROOT
from services.mt5.core.generated import generate
from services.signal import StrategyEngine
from services.signal.model_manifest import read_manifest

DEMO = PROJECT_ROOT / "models" / "demo"
BYTES_MAX = 300_000


def commands() -> tuple[list[str], list[str]]:
    """What makes the ticks, which the note tells, and what trains on them."""
    manifest = read_manifest(DEMO)
    told = manifest.note.partition("paperdesk ")[2].partition(". ")[0]
    trains = shlex.split(manifest.training.command)
    assert trains.pop(0) == "paperdesk"
    return shlex.split(told), trains


@pytest.mark.slow
def test_its_command_makes_it_again_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in commands():
        assert run(words) == 0
    for path in sorted(DEMO.iterdir()):
        assert (tmp_path / "models" / "demo" / path.name).read_bytes() == path.read_bytes(), path.name


def test_it_calls_itself_a_demo_and_claims_no_edge() -> None:
    manifest = read_manifest(DEMO)
    assert manifest.note.startswith("DEMO")
    assert "has no edge after costs" in manifest.note
    assert manifest.metrics["held_out"]["edge"]["net_bp"] < 0
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < BYTES_MAX


def test_it_speaks_within_a_minute_of_its_warm_up_on_the_generated_market() -> None:
    symbols = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
    ticks = generate(symbols, seed=0, hours=0.1)
    engines = {symbol: StrategyEngine(symbol, "xgboost", model=DEMO) for symbol in symbols}
    warm_ns: dict[str, int] = {}
    for index, time_ns, bid, ask, volume in zip(
        ticks.symbol_index, ticks.time_ns.tolist(), ticks.bid, ticks.ask, ticks.volume, strict=True
    ):
        engine = engines[symbols[index]]
        direction, _ = engine.process_tick({"time_ns": time_ns, "bid": bid, "ask": ask, "volume": volume})
        if not engine.last.reason:
            warm_ns.setdefault(symbols[index], time_ns)
        if direction:
            break
    else:
        pytest.fail("not one signal in six minutes of the market")
    assert time_ns - min(warm_ns.values()) < 60_000_000_000
