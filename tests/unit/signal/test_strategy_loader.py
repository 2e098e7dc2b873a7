"""Loading of strategies by the setting STRATEGY: one name for all symbols, or a name for each symbol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.project_root import DESK_MARKER
from services.signal.core.signal_engine import SignalEngine
from services.signal.core.strategies.ema_cross import EmaCross
from services.signal.strategy_loader import (
    UnknownStrategyError,
    canonical_strategy,
    parse_strategies,
    strategy_factories,
    uses_model,
)
from tests.unit.signal.builders import Bench, Momentum, TickGateway, a_walk, decisions

MOMENTUM = "tests.unit.signal.builders:Momentum"
SYMBOLS = ("EURUSD", "NZDUSD")


def test_one_name_applies_to_all_symbols() -> None:
    assert parse_strategies("ema_cross", SYMBOLS) == {"EURUSD": "ema_cross", "NZDUSD": "ema_cross"}
    assert parse_strategies(MOMENTUM, SYMBOLS) == dict.fromkeys(SYMBOLS, MOMENTUM)


def test_each_symbol_may_have_its_own_strategy_in_any_order() -> None:
    named = parse_strategies(f"NZDUSD={MOMENTUM}, EURUSD = ema_cross", SYMBOLS)
    assert list(named.items()) == [("EURUSD", "ema_cross"), ("NZDUSD", MOMENTUM)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EURUSD=ema_cross", "no strategy for NZDUSD, expected one name, or SYMBOL=NAME for each symbol"),
        ("EURUSD=a,NZDUSD=b,EURUSD=c", "EURUSD has two strategies, a and c, expected"),
        ("EURUSD=a,NZDUSD=b,GBPUSD=c", "GBPUSD=c, but GBPUSD is not traded, expected EURUSD, NZDUSD"),
        ("EURUSD=a,NZDUSD", "'NZDUSD' is no SYMBOL=NAME, expected"),
        ("EURUSD=a,NZDUSD=", "'NZDUSD=' is no SYMBOL=NAME, expected"),
        ("=a", "'=a' is no SYMBOL=NAME, expected"),
        ("EURUSD=a,NZDUSD=b,", "'' is no SYMBOL=NAME, expected"),
    ],
)
def test_a_symbol_has_exactly_one_strategy(text: str, message: str) -> None:
    with pytest.raises(UnknownStrategyError) as refusal:
        parse_strategies(text, SYMBOLS)
    assert str(refusal.value).startswith(message)


def test_different_notations_of_the_same_strategies_have_the_same_canonical_text() -> None:
    assert canonical_strategy("NZDUSD=b,EURUSD=a", SYMBOLS) == "EURUSD=a,NZDUSD=b"
    assert canonical_strategy("NZDUSD=a,EURUSD=a", SYMBOLS) == canonical_strategy("a", SYMBOLS) == "a"


def test_a_model_is_used_if_any_symbol_has_a_strategy_with_a_model() -> None:
    assert uses_model("xgboost")
    assert uses_model("EURUSD=ema_cross, NZDUSD = xgboost")
    assert not uses_model("EURUSD=ema_cross,NZDUSD=my.xgboost:Model")


def test_each_symbol_gets_the_factory_of_its_strategy() -> None:
    makers = strategy_factories(f"EURUSD=ema_cross,NZDUSD={MOMENTUM}", SYMBOLS)
    assert makers == {"EURUSD": EmaCross, "NZDUSD": Momentum}
    with pytest.raises(UnknownStrategyError, match="no strategy 'nope'"):
        strategy_factories("EURUSD=ema_cross,NZDUSD=nope", SYMBOLS)


def a_mixed_engine() -> SignalEngine:
    return SignalEngine(publisher="s", boot_id="s1", make_strategies={"EURUSD": Momentum, "NZDUSD": EmaCross})


def test_an_engine_names_the_strategy_of_each_symbol_or_the_only_one() -> None:
    assert a_mixed_engine().strategy == "EURUSD=momentum,NZDUSD=ema_cross"
    alike = SignalEngine(publisher="s", boot_id="s1", make_strategies=dict.fromkeys(SYMBOLS, EmaCross))
    assert alike.strategy == "ema_cross"


def test_a_list_of_strategies_too_long_for_a_hello_is_named_by_its_digest() -> None:
    names = [f"SYMBOL{number}" for number in range(9)]
    many = dict.fromkeys(names, EmaCross)
    by_name = {
        SignalEngine(publisher="s", boot_id="b", make_strategies={**many, name: Momentum}).strategy for name in names
    }
    assert len(by_name) == len(names)
    assert all(text.startswith("sha256-") and len(text) == 23 for text in by_name)


def test_a_checkpoint_is_refused_if_the_strategy_of_a_symbol_differs() -> None:
    ticks = a_walk(700, symbols=SYMBOLS)
    bench = Bench(TickGateway(ticks, window=len(ticks)))
    bench.engine = a_mixed_engine()
    bench.start().publish(ticks[:350])
    kept, before = bench.engine.checkpoint(), list(bench.engine.ring.since(1))
    exchanged = SignalEngine(publisher="s", boot_id="s2", make_strategies={"EURUSD": EmaCross, "NZDUSD": Momentum})
    with pytest.raises(
        ValueError, match="checkpoint of strategy EURUSD=momentum,NZDUSD=ema_cross, expected EURUSD=ema"
    ):
        exchanged.restore(kept, before)
    resumed = Bench(bench.gateway)
    resumed.engine = a_mixed_engine()
    resumed.engine.restore(kept, before)
    resumed.start().publish(ticks[350:])
    bench.publish(ticks[350:])
    assert [one for one in decisions(resumed.signals) if one[0] > 350] == [  # type: ignore[operator] # ordinals
        one
        for one in decisions(bench.signals)
        if one[0] > 350  # type: ignore[operator] # ordinals
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_the_strategy_of_another_users_desk_does_not_run(tmp_path: Path) -> None:
    """The folder's owner chose the module, which would run with the rights of the caller."""
    (tmp_path / "strategy.py").write_text("print('the module runs')\n")
    (tmp_path / DESK_MARKER).write_text("version = 1\n")
    os.chown(tmp_path / DESK_MARKER, 12_345, 12_345)
    load = "from services.signal.strategy_loader import strategy_factory; strategy_factory('strategy:Breakout')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", load],
        cwd=tmp_path,
        env={**os.environ, "PAPERDESK_DESK": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert f"StartError: the desk in {tmp_path} belongs to user 12345, expected a desk of this user" in done.stderr
