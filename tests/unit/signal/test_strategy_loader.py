"""Loading of strategies by the setting STRATEGY: one name for all symbols, or a name for each symbol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct, defstruct

from common.errors import StartError
from common.project_root import DESK_MARKER
from services.signal.core.signal_engine import SignalEngine
from services.signal.core.strategies.ema_cross import EmaCross, EmaCrossParameters
from services.signal.core.strategy_fault import StrategyError
from services.signal.given_parameters import parse_parameters
from services.signal.strategy_loader import (
    StrategyLoadError,
    UnknownStrategyError,
    canonical_strategy,
    parse_strategies,
    strategy_factories,
    strategy_factory,
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
    assert {symbol: type(make()) for symbol, make in makers.items()} == {"EURUSD": EmaCross, "NZDUSD": Momentum}
    with pytest.raises(UnknownStrategyError, match="no strategy 'nope'"):
        strategy_factories("EURUSD=ema_cross,NZDUSD=nope", SYMBOLS)


class Paced(Momentum):
    """A strategy with a parameter."""

    class Parameters(Struct, frozen=True, kw_only=True):
        """Its warm-up, and a value that its constructor refuses."""

        warm_up: Annotated[int, Meta(ge=1, le=9)] = 5
        is_refused: bool = False

    def __init__(self, parameters: Parameters) -> None:
        if parameters.is_refused:
            raise RuntimeError("refused")
        super().__init__()
        self.warm_up_ticks = parameters.warm_up


class Undecided(Momentum):
    """A strategy whose parameter has no default."""

    Parameters = defstruct("Parameters", [("n", int)], frozen=True)


class Deaf(Momentum):
    """A strategy whose constructor does not take its parameters."""

    Parameters = Paced.Parameters

    def __init__(self) -> None:
        super().__init__()


HERE = "tests.unit.signal.test_strategy_loader"


def test_each_symbol_gets_a_strategy_with_its_own_parameters() -> None:
    given = parse_parameters("warm_up=3,NZDUSD:warm_up=7,fast_ticks=9", source="--param")
    symbols = ("EURUSD", "NZDUSD", "GBPUSD")
    text = f"EURUSD={HERE}:Paced,NZDUSD={HERE}:Paced,GBPUSD=ema_cross"
    makers = strategy_factories(text, symbols, given=[given])
    assert [make().warm_up_ticks for make in makers.values()] == [3, 7, 500]
    assert makers["EURUSD"].parameters == Paced.Parameters(warm_up=3)
    assert makers["GBPUSD"].parameters == EmaCrossParameters(fast_ticks=9)
    assert strategy_factory(f"{HERE}:Paced")().warm_up_ticks == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Undecided", "'{}' is no strategy: its parameter n has no default"),
        ("Deaf", "'{}' cannot be made with its Parameters: "),
    ],
)
def test_a_strategy_with_a_wrong_declaration_is_refused(name: str, message: str) -> None:
    with pytest.raises(StrategyLoadError) as refusal:
        strategy_factory(f"{HERE}:{name}")
    assert str(refusal.value).startswith(message.format(f"{HERE}:{name}"))


def test_values_that_the_constructor_refuses_stop_only_the_symbols_that_have_them() -> None:
    given = [parse_parameters("NZDUSD:is_refused=true", source="--param")]
    with pytest.raises(StrategyLoadError, match="cannot be made: RuntimeError: refused"):
        strategy_factories(f"{HERE}:Paced", SYMBOLS, given=given)
    makers = strategy_factories(f"{HERE}:Paced", SYMBOLS, given=given, defer_errors=True)
    assert makers["EURUSD"]().warm_up_ticks == 5
    with pytest.raises(StrategyError, match="RuntimeError: refused"):
        makers["NZDUSD"]()


def test_a_wrong_value_is_refused_even_if_errors_of_strategies_are_deferred() -> None:
    given = [parse_parameters("warm_up=10", source="--param")]
    with pytest.raises(StartError, match="--param: warm_up is '10', expected a whole number from 1 to 9"):
        strategy_factories(f"{HERE}:Paced", SYMBOLS, given=given, defer_errors=True)


def a_mixed_engine() -> SignalEngine:
    return SignalEngine(publisher="s", boot_id="s1", make_strategies={"EURUSD": Momentum, "NZDUSD": EmaCross})


def test_an_engine_names_the_strategy_of_each_symbol_or_the_only_one() -> None:
    assert a_mixed_engine().strategy == "EURUSD=momentum,NZDUSD=ema_cross"
    alike = SignalEngine(publisher="s", boot_id="s1", make_strategies=dict.fromkeys(SYMBOLS, EmaCross))
    assert alike.strategy == "ema_cross"


def test_the_name_of_a_strategy_has_the_parameters_that_differ_from_their_defaults() -> None:
    given = [parse_parameters("EURUSD:slow_ticks=300,fast_ticks=50", source="--param")]
    engine = SignalEngine(
        publisher="s", boot_id="s1", make_strategies=strategy_factories("ema_cross", SYMBOLS, given=given)
    )
    assert engine.strategy == "EURUSD=ema_cross(slow_ticks=300),NZDUSD=ema_cross"


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


@pytest.mark.parametrize(
    ("kept_with", "restored_with", "is_restored"),
    [
        ("", "", True),
        ("", "fast_ticks=50", True),
        ("", "fast_ticks=20", False),
        ("fast_ticks=20", "", False),
        ("fast_ticks=20", "fast_ticks=20,slow_ticks=500", True),
        ("fast_ticks=20", "NZDUSD:fast_ticks=20", False),
    ],
)
def test_a_checkpoint_with_other_parameters_is_refused(
    kept_with: str, restored_with: str, *, is_restored: bool
) -> None:
    ticks = a_walk(100, symbols=SYMBOLS)

    def an_engine(text: str) -> SignalEngine:
        given = [parse_parameters(text, source="--param")]
        makers = strategy_factories("ema_cross", SYMBOLS, given=given)
        return SignalEngine(publisher="s", boot_id="s1", make_strategies=makers)

    bench = Bench(TickGateway(ticks, window=len(ticks)))
    bench.engine = an_engine(kept_with)
    bench.start().publish(ticks)
    kept, fresh = bench.engine.checkpoint(), an_engine(restored_with)
    if is_restored:
        fresh.restore(kept, [])
        assert fresh.checkpoint().engines == kept.engines
        return
    with pytest.raises(ValueError, match=r"^checkpoint of strategy .*, expected "):
        fresh.restore(kept, [])


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
