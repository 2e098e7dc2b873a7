"""The signal process with one strategy for each symbol: each strategy gets the ticks of its symbol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from proto.codec import decode_signal_message
from proto.messages import STRATEGY_FAULT, Signal, SymbolState
from services.signal.core.signal_engine import SignalEngine
from services.signal.core.strategies.ema_cross import EmaCross
from services.signal.strategy_loader import shipped_strategies
from tests.integration.signal.test_process import SignalSetup
from tests.support.waits import receive
from tests.unit.signal.builders import Bench, Momentum, TickGateway, a_walk, decisions

BOTH = "EURUSD=tests.unit.signal.builders:Momentum,NZDUSD=ema_cross"
SYMBOLS = ("EURUSD", "NZDUSD")


def test_each_symbol_has_the_signals_of_its_strategy(tmp_path: Path) -> None:
    ticks = a_walk(1_400, symbols=SYMBOLS)
    bench = Bench(TickGateway(ticks))
    bench.engine = SignalEngine(
        publisher="signal.test", boot_id="s1", make_strategies={"EURUSD": Momentum, "NZDUSD": EmaCross}
    )
    expected = decisions(bench.start().publish(ticks).signals)
    setup = SignalSetup(tmp_path, ticks)
    try:
        setup.start(TRADING_SYMBOL=",".join(SYMBOLS), STRATEGY=BOTH)
        setup.gateway.publish(*ticks)
        signals: list[Signal] = []
        while len(signals) < len(ticks):
            message = decode_signal_message(receive(setup.inbox)[0])
            if isinstance(message, Signal):
                signals.append(message)
        assert decisions(signals) == expected
        assert setup.hellos[0].strategy == "EURUSD=momentum,NZDUSD=ema_cross"
        with_direction = {signal.symbol for signal in signals if signal.direction}
        assert with_direction == set(SYMBOLS)
        assert setup.end() == 0
    finally:
        setup.close()


@pytest.mark.parametrize(
    ("faulty", "line"),
    [
        ("tests.support.faulty_strategies:Raises", "strategy raises, tick 6 of EURUSD at "),
        ("tests.support.faulty_strategies:ExitsBySystemExit", "strategy exits-by-system-exit, tick 6 of EURUSD at "),
        ("not_there_at_all:S", "strategy not_there_at_all:S, EURUSD, before its first tick: ModuleNotFoundError: "),
    ],
)
def test_a_symbol_whose_strategy_fails_is_reported_and_the_other_symbol_continues(
    tmp_path: Path, faulty: str, line: str
) -> None:
    ticks = a_walk(60, symbols=SYMBOLS)
    setup = SignalSetup(tmp_path, ticks)
    try:
        setup.start(
            TRADING_SYMBOL=",".join(SYMBOLS), STRATEGY=f"EURUSD={faulty},NZDUSD=tests.support.faulty_strategies:Sound"
        )
        setup.gateway.publish(*ticks)
        signals = setup.take(len(ticks))
        with_direction = {signal.symbol for signal in signals if signal.direction}
        assert "NZDUSD" in with_direction
        of_eurusd = [signal for signal in signals if signal.symbol == "EURUSD"]
        assert {signal.reason for signal in of_eurusd[5:]} == {STRATEGY_FAULT}
        (report,) = setup.hellos[-1].reports
        assert (report.symbol, report.state) == ("EURUSD", SymbolState.FAULT)
        assert report.text.startswith(line)
        assert report.text[:60] in setup.log()
        assert setup.end() == 0
    finally:
        setup.close()


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("EURUSD=ema_cross", "no strategy for NZDUSD, expected one name, or SYMBOL=NAME for each symbol"),
        (
            "EURUSD=ema_cross,NZDUSD=nope",
            f"no strategy 'nope', expected {', '.join(shipped_strategies())} or package.module:Class",
        ),
    ],
)
def test_a_symbol_without_a_known_strategy_prevents_the_start(tmp_path: Path, strategy: str, message: str) -> None:
    assert refusal({**an_environment(tmp_path), "STRATEGY": strategy}).startswith(
        f"paperdesk signal: STRATEGY: value '{strategy}': {message}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast_ticks=0", "fast_ticks is '0', expected a whole number from 1 to 1000000"),
        ("fast_ticks", "'fast_ticks' gives no parameter a value, expected NAME=VALUE or SYMBOL:NAME=VALUE"),
        ("GBPUSD:fast_ticks=9", "GBPUSD:fast_ticks is '9', but GBPUSD is not traded, expected EURUSD, NZDUSD"),
    ],
)
def test_a_wrong_parameter_prevents_the_start(tmp_path: Path, text: str, message: str) -> None:
    assert refusal({**an_environment(tmp_path), "STRATEGY_PARAMS": text}).startswith(
        f"paperdesk signal: STRATEGY_PARAMS: {message}"
    )


def an_environment(folder: Path) -> dict[str, str]:
    """The environment of a signal process without a gateway."""
    return {
        **os.environ,
        "PAPERDESK_ENV_FILE": "",
        "PAPERDESK_RUNTIME_DIR": str(folder),
        "PAPERDESK_DATA_DIR": str(folder),
        "TRADING_SYMBOL": ",".join(SYMBOLS),
    }


def refusal(environment: dict[str, str]) -> str:
    """The line with which a signal process refuses to start."""
    done = subprocess.run(
        [sys.executable, "-m", "services.signal"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr
