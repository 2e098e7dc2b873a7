"""The signal process with real sockets and a real checkpoint file: every tick has one signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from common.sockets import Sockets
from proto.codec import decode_signal_message, decode_strategy_report, encode
from proto.messages import Signal, SignalHello, StrategyReport, Tick
from proto.routes import tick_topic
from services.signal.core.strategies.ema_cross import EmaCross
from tests.integration.signal.gateway import GatewayPeer
from tests.support.waits import receive, stays_silent
from tests.unit.signal.builders import Bench, TickGateway, a_walk, decisions

HELLOS_MAX = 10  # limits the wait for a signal, because hellos continue to arrive, two each second
MOMENTUM = "tests.unit.signal.builders:Momentum"


def undisturbed(ticks: list[Tick]) -> list[tuple[object, ...]]:
    return decisions(Bench(TickGateway(ticks), make_strategy=EmaCross).start().publish(ticks).signals)


class SignalSetup:
    """A gateway, the socket on which portfolio receives signals, and signal processes between them."""

    def __init__(self, folder: Path, ticks: list[Tick]) -> None:
        self.folder = folder
        self.ticks = ticks
        self.gateway = GatewayPeer(folder, TickGateway(ticks, window=len(ticks)))
        self.sockets = Sockets()
        self.signal_url = f"ipc://{folder}/signal.ipc"
        self.inbox = self.sockets.pull(self.signal_url)
        self.hellos: list[SignalHello] = []
        self.early: list[Signal] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> None:
        """Start `python -m services.signal` and wait until it receives ticks and has sent a hello."""
        log = (self.folder / "signal.log").open("ab")
        env = {**os.environ, **self.variables, **variables}
        self.process = subprocess.Popen([sys.executable, "-m", "services.signal"], env=env, stdout=log, stderr=log)
        log.close()
        self.gateway.await_subscriptions(2)
        self.await_hello()

    @property
    def variables(self) -> dict[str, str]:
        """The settings of a signal process of this setup."""
        return {
            "PAPERDESK_ENV_FILE": "",
            "PAPERDESK_RUNTIME_DIR": str(self.folder),
            "PAPERDESK_DATA_DIR": str(self.folder / "data"),
            "PAPERDESK_CRASH_DIR": str(self.folder / "crashes"),
            "ZMQ_MARKET_DATA_URL": self.gateway.publish_url,
            "ZMQ_EXECUTION_URL": self.gateway.request_url,
            "SIGNAL_CHECKPOINT_TICKS": "100",
        }

    def await_hello(self) -> None:
        """Wait for the first hello of a new process, sent when it receives live ticks; signals are kept for `take`."""
        known = {hello.boot_id for hello in self.hellos}
        while not {hello.boot_id for hello in self.hellos} - known:
            message = decode_signal_message(receive(self.inbox)[0])
            if isinstance(message, Signal):
                self.early.append(message)
            else:
                self.hellos.append(message)

    def take(self, count: int) -> list[Signal]:
        """The next `count` signals; hellos are kept."""
        signals, self.early = self.early[:count], self.early[count:]
        patience = len(self.hellos) + HELLOS_MAX
        while len(signals) < count:
            assert len(self.hellos) < patience, f"{len(signals)} of {count} signals, then only hellos"
            message = decode_signal_message(receive(self.inbox)[0])
            if isinstance(message, Signal):
                signals.append(message)
            else:
                self.hellos.append(message)
        return signals

    def take_all(self, first: int, last: int) -> list[Signal]:
        """Receive signals until each tick from `first` to `last` has at least one, in any order."""
        signals: list[Signal] = []
        missing = set(range(first, last + 1))
        while missing:
            signals += self.take(1)
            missing.discard(signals[-1].ordinal)
        return signals

    def end(self, number: int = signal.SIGTERM) -> int:
        """End the process by a signal of the operating system, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def log(self) -> str:
        return (self.folder / "signal.log").read_text()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.gateway.close()
        self.sockets.close()


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[SignalSetup]:
    made = SignalSetup(tmp_path, a_walk(1_200))
    yield made
    made.close()


def checked_signals(signals: Sequence[Signal]) -> list[tuple[object, ...]]:
    """The decisions of the signals in the order of ordinals, after checking that repeated signals are equal."""
    by_ordinal = {(s.ordinal, *decision) for s in signals for decision in decisions([s])}
    assert len(by_ordinal) == len({ordinal for ordinal, *_ in by_ordinal}), "one tick, two signals"
    return decisions(signals)


def test_every_tick_has_its_signal_and_a_restart_after_an_orderly_end_fetches_no_tick(setup: SignalSetup) -> None:
    setup.start()
    setup.gateway.publish(*setup.ticks)
    signals = setup.take_all(1, 1_200)
    assert checked_signals(signals) == undisturbed(setup.ticks)
    assert all(0 < s.tick_published_mono_ns <= s.sent_mono_ns for s in signals)
    assert setup.hellos[0].symbols == ["EURUSD"]
    assert setup.end() == 0
    setup.gateway.core.requests.clear()
    setup.gateway.core.confirmed = 1_195
    setup.start()
    assert [s.ordinal for s in setup.take(5)] == [1196, 1197, 1198, 1199, 1200]
    assert len(setup.gateway.core.requests) == 1, "nothing had to be fetched"


@pytest.mark.parametrize(
    "crash_at",
    ["signal.after_tick@700", "signal.before_send@701", "signal.after_send@702", "signal.after_checkpoint@650"],
)
def test_a_process_restarted_after_a_kill_repeats_the_unconfirmed_signals(setup: SignalSetup, crash_at: str) -> None:
    setup.start(PAPERDESK_CRASH_AT=crash_at)
    setup.gateway.publish(*setup.ticks[:900])
    assert setup.process is not None
    assert setup.process.wait(timeout=20) == -signal.SIGKILL
    setup.gateway.core.confirmed = 640
    setup.start(PAPERDESK_CRASH_AT=crash_at)
    setup.gateway.publish(*setup.ticks[900:])
    signals = setup.take_all(641, 1_200)
    assert [word for word in undisturbed(setup.ticks) if int(str(word[0])) > 640] == [
        word for word in checked_signals(signals) if int(str(word[0])) > 640
    ]


def test_missed_ticks_are_fetched(setup: SignalSetup) -> None:
    setup.start()
    setup.gateway.publish(*setup.ticks[:100])
    setup.gateway.publish(*setup.ticks[100:600], is_sent=False)
    setup.gateway.publish(*setup.ticks[600:1_100])
    setup.gateway.publish(*setup.ticks[1_100:], is_sent=False)
    signals = setup.take_all(1, 1_100)
    setup.gateway.beat()
    signals += setup.take_all(1_101, 1_200)
    assert checked_signals(signals) == undisturbed(setup.ticks)
    assert "sequence gap on tick.EURUSD: expected 101, received 601" in setup.log()


def test_garbage_and_other_symbols_on_the_tick_socket_change_nothing(setup: SignalSetup) -> None:
    setup.start()
    setup.gateway.publish(*setup.ticks[:10])
    tick = encode(setup.ticks[10])
    topic = tick_topic("EURUSD")
    for frames in (
        [topic],
        [topic, tick, b"more"],
        [topic, b""],
        [topic, b"\xff" * 100],
        [topic, tick[:-1]],
        [b"heartbeat", b"\x80"],
        [tick_topic("EURUSDm"), tick],
        [topic, encode(a_walk(1, symbols=("NZDUSD",))[0])],
        [b"heartbeat", tick],
        [topic, os.urandom(50_000)],
    ):
        setup.gateway.send(*frames)
    setup.gateway.publish(*setup.ticks[10:20])
    assert checked_signals(setup.take(20)) == undisturbed(setup.ticks[:20])
    assert setup.end() == 0


def test_a_portfolio_that_was_down_gets_missed_signals_when_a_missed_tick_is_repeated(setup: SignalSetup) -> None:
    setup.start()
    setup.gateway.publish(*setup.ticks[:10])
    setup.take(10)
    setup.inbox.close(linger=0)
    setup.gateway.publish(*setup.ticks[10:50])
    setup.inbox = setup.sockets.pull(setup.signal_url)
    receive(setup.inbox)
    while setup.inbox.poll(150):
        setup.inbox.recv()
    setup.gateway.publish(setup.ticks[10])
    assert checked_signals(setup.take(40)) == undisturbed(setup.ticks)[10:50]


def test_reports_of_several_processes_arrive_at_one_address(setup: SignalSetup) -> None:
    reports = setup.sockets.sub(f"ipc://{setup.folder}/strategy.ipc", [b""], bind=True)
    setup.start()
    setup.gateway.publish(*setup.ticks[:600])
    setup.take(600)
    other = subprocess.Popen(
        [sys.executable, "-m", "services.signal"],
        env={**os.environ, **setup.variables, "TRADING_SYMBOL": "NZDUSD"},
        stderr=subprocess.DEVNULL,
    )
    try:
        newest: dict[str, StrategyReport] = {}
        while newest.keys() != {"EURUSD", "NZDUSD"} or newest["EURUSD"].ordinal < 600:
            report = decode_strategy_report(receive(reports)[0])
            newest[report.symbol] = report
    finally:
        other.kill()
        other.wait()
    report = newest["EURUSD"]
    assert (report.publisher, report.strategy, report.stream_id) == ("signal.EURUSD", "ema_cross", "stream-1")
    assert report.time_ns == setup.ticks[599].time_ns
    assert report.counts["ticks"] == 600
    assert report.counts["warming_up"] == EmaCross().warm_up_ticks
    assert newest["NZDUSD"].ordinal == 0


def test_an_idle_process_sends_nothing_between_hellos(setup: SignalSetup) -> None:
    setup.start()
    assert stays_silent(setup.inbox, milliseconds=300)


def test_a_checkpoint_of_another_strategy_is_not_restored(setup: SignalSetup) -> None:
    setup.start()
    setup.gateway.publish(*setup.ticks[:100])
    setup.take(100)
    assert setup.end() == 0
    setup.gateway.core.confirmed = 50
    setup.start(STRATEGY=MOMENTUM)
    signals = setup.take(50)
    assert [s.ordinal for s in signals] == list(range(51, 101))
    assert {s.reason for s in signals} == {""}
    assert "checkpoint of strategy ema_cross, expected momentum" in setup.log()


def test_a_checkpoint_of_other_parameters_is_not_restored(setup: SignalSetup) -> None:
    plan = setup.folder / "plan.toml"
    plan.write_text("[strategy]\nfast_ticks = 9\nslow_ticks = 20\n")
    setup.start(PLAN=str(plan))
    setup.gateway.publish(*setup.ticks[:100])
    setup.take(100)
    assert setup.end() == 0
    setup.gateway.core.confirmed = 50
    setup.start(PLAN=str(plan), STRATEGY_PARAMS="fast_ticks=10")
    assert [signal.ordinal for signal in setup.take(50)] == list(range(51, 101))
    assert [hello.strategy for hello in (setup.hellos[0], setup.hellos[-1])] == [
        "ema_cross(fast_ticks=9,slow_ticks=20)",
        "ema_cross(fast_ticks=10,slow_ticks=20)",
    ]
    assert "checkpoint not restored, all ticks are processed again" in setup.log()
    assert (
        "checkpoint of strategy ema_cross(fast_ticks=9,slow_ticks=20), expected ema_cross(fast_ticks=10" in setup.log()
    )


def test_a_new_stream_is_processed_from_its_beginning(setup: SignalSetup) -> None:
    setup.start()
    setup.gateway.publish(*setup.ticks[:100])
    setup.take(100)
    renewed = a_walk(300, seed=9, stream_id="stream-2")
    setup.gateway.core.ticks = renewed
    setup.gateway.core.stream_id = "stream-2"
    setup.gateway.core.published = 0
    setup.gateway.publish(*renewed)
    setup.gateway.beat()
    signals = setup.take_all(1, 300)
    assert {s.stream_id for s in signals} == {"stream-2"}
    assert checked_signals(signals) == undisturbed(renewed)


def test_a_second_process_for_the_same_symbols_is_refused(setup: SignalSetup) -> None:
    setup.start()
    env = {**os.environ, "PAPERDESK_ENV_FILE": "", "PAPERDESK_DATA_DIR": str(setup.folder / "data")}
    second = subprocess.run(
        [sys.executable, "-m", "services.signal"], env=env, capture_output=True, text=True, check=False, timeout=20
    )
    assert second.returncode == 2
    assert second.stderr.startswith(
        f"paperdesk signal: {setup.folder}/data/signal/signal.EURUSD.db is in use by another"
    )
    assert second.stderr.count("\n") == 1


def test_a_checkpoint_file_of_garbage_is_refused_in_one_line(setup: SignalSetup) -> None:
    path = setup.folder / "data" / "signal" / "signal.EURUSD.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage" * 1_000)
    env = {**os.environ, "PAPERDESK_ENV_FILE": "", "PAPERDESK_DATA_DIR": str(setup.folder / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "services.signal"], env=env, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 2
    assert done.stderr == f"paperdesk signal: {path} cannot be used as a database: file is not a database\n"


def test_a_process_without_ticks_ends_when_its_checkpoint_is_removed(setup: SignalSetup) -> None:
    """Without ticks the process saves nothing, so a failed save cannot show the loss."""
    setup.start()
    [checkpoint] = (setup.folder / "data" / "signal").glob("*.db")
    checkpoint.unlink()
    assert setup.process is not None
    assert setup.process.wait(timeout=20) == 1
    assert f"{checkpoint.name} was removed or replaced while in use" in setup.log()
