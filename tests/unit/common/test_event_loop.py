"""The loop delivers messages, fires due timers, and ends when asked to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from common.clock import mono_ns
from common.event_loop import BURST_NS, EventLoop
from common.sockets import Socket, Sockets, send
from proto.core import Core
from proto.time import Now
from tests.support.waits import wait_for


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    made = EventLoop("test")
    yield made
    made.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Socket, Socket]]:
    """A PUSH socket, and the PULL socket to which it is connected."""
    sockets = Sockets()
    pull = sockets.pull(f"ipc://{tmp_path}/loop.ipc")
    push = sockets.push(f"ipc://{tmp_path}/loop.ipc")
    wait_for(lambda: send(push, [b"first"]), "a connection")
    assert pull.poll(5_000)
    assert pull.recv() == b"first"
    yield push, pull
    sockets.close()


def test_messages_arrive_in_order_and_work_follows_each_burst(loop: EventLoop, pair: tuple[Socket, Socket]) -> None:
    push, pull = pair
    seen: list[bytes] = []
    bursts: list[int] = []

    def take(frames: list[bytes]) -> None:
        seen.extend(frames)
        if len(seen) == 10:
            loop.stop()

    loop.add_socket(pull, take, burst=4)
    loop.after_work(lambda: bursts.append(len(seen)))
    for number in range(10):
        assert send(push, [b"%d" % number])
    loop.run()
    assert seen == [b"%d" % number for number in range(10)]
    assert all(later - earlier <= 4 for earlier, later in zip([0, *bursts], bursts, strict=False))


def test_a_timer_fires_when_it_is_due_and_not_earlier(loop: EventLoop) -> None:
    due: list[int | None] = [mono_ns() + 20_000_000]
    fired: list[int] = []

    def fire() -> None:
        fired.append(mono_ns())
        due[0] = None
        loop.stop()

    at = due[0]
    loop.add_timer(lambda: due[0], fire)
    loop.run()
    assert at is not None
    assert len(fired) == 1
    assert fired[0] >= at


def test_an_interval_timer_fires_repeatedly(loop: EventLoop) -> None:
    fired: list[int] = []

    def fire() -> None:
        fired.append(mono_ns())
        if len(fired) == 3:
            loop.stop()

    loop.every(5, fire)
    started = mono_ns()
    loop.run()
    assert fired[2] - started >= 15_000_000


def test_a_stop_from_another_thread_wakes_an_idle_loop(loop: EventLoop) -> None:
    thread = threading.Thread(target=loop.run)
    thread.start()
    loop.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_loop_after_the_messages_that_are_ready(
    loop: EventLoop, pair: tuple[Socket, Socket], number: signal.Signals
) -> None:
    push, pull = pair
    seen: list[bytes] = []

    def die_with_one_more_message() -> None:
        assert send(push, [b"last"])
        assert pull.poll(5_000)
        signal.raise_signal(number)

    before = signal.getsignal(number)
    loop.add_socket(pull, seen.extend)
    loop.every(1, die_with_one_more_message)
    loop.run()
    assert seen[-1] == b"last"
    assert signal.getsignal(number) == before


def test_an_idle_process_ends_on_sigterm() -> None:
    script = "from common.event_loop import BURST_NS, EventLoop\nprint('ready', flush=True)\nEventLoop('idle').run()"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(timeout=10) in (0, -signal.SIGTERM)
    process.stdout.close()


def run_service(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PAPERDESK_ENV_FILE": "", **variables}
    return subprocess.run(
        [sys.executable, "-m", f"services.{name}"], env=env, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.parametrize(
    ("service", "variable", "value"),
    [("execution", "EXECUTION_IN_FLIGHT_MAX", "0"), ("signal", "STRATEGY", "crystal_ball")],
)
def test_a_service_that_cannot_start_gives_the_reason_in_one_line(service: str, variable: str, value: str) -> None:
    done = run_service(service, **{variable: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"paperdesk {service}: {variable}: value '{value}'")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        (
            "PLAN",
            '[strategies.a]\nsymbols = ["NOPE"]\n',
            "strategies.a.symbols has NOPE, expected symbols that are traded",
        ),
        ("RISK", "position_legs_max = 0\n", "position_legs_max is 0, expected a whole number from 1 to 1000"),
    ],
)
def test_an_invalid_file_stops_portfolio_before_it_creates_its_folder(
    tmp_path: Path, variable: str, text: str, message: str
) -> None:
    path, folder = tmp_path / "said.toml", tmp_path / "desk"
    path.write_text(text)
    done = run_service("portfolio", **{variable: str(path)}, PAPERDESK_DATA_DIR=str(folder))
    assert done.returncode == 2
    assert done.stderr.startswith(f"paperdesk portfolio: {variable}: {path}: {message}")
    assert done.stderr.count("\n") == 1
    assert not folder.exists()


def test_a_failed_start_under_supervisord_takes_longer_than_a_second() -> None:
    started = mono_ns()
    assert run_service("execution", GTW_PORT="x", SUPERVISOR_ENABLED="1").returncode == 2
    assert mono_ns() - started > 1_000_000_000


def test_a_stopping_loop_continues_while_it_is_busy(loop: EventLoop) -> None:
    """Messages with results of work in progress, which arrive after the stop, are handled."""
    left = [3]

    def work() -> None:
        left[0] -= 1

    loop.every(1, work)
    loop.drain_before_stop(lambda: left[0] > 0, 60_000)
    loop.stop()
    loop.run()
    assert left[0] <= 0


def test_a_stopping_loop_ends_at_its_time_limit(loop: EventLoop) -> None:
    loop.drain_before_stop(lambda: True, 5)
    loop.stop()
    started_ns = mono_ns()
    loop.run()
    assert mono_ns() - started_ns >= 5_000_000


def test_a_burst_ends_at_its_time_limit(loop: EventLoop, pair: tuple[Socket, Socket]) -> None:
    """Each message takes longer than the limit of a burst, so a timer fires after every one."""
    push, pull = pair
    order: list[str] = []

    def take(_frames: list[bytes]) -> None:
        order.append("message")
        end_ns = mono_ns() + BURST_NS
        while mono_ns() < end_ns:
            pass
        if order.count("message") == 3:
            loop.stop()

    loop.add_socket(pull, take)
    loop.add_timer(lambda: 0, lambda: order.append("timer"))
    for _ in range(3):
        assert send(push, [b"long"])
    assert pull.poll(5_000)
    loop.run()
    assert order.count("message") == 3
    assert ("message", "message") not in pairwise(order)


class Counting(Core[int, str]):
    """A core that records its calls; its timer is due at once until it has fired `due` times."""

    def __init__(self, *, due: int = 0) -> None:
        self.due = due
        self.verbs: list[str] = []

    def start(self, now: Now) -> Sequence[str]:
        self.verbs.append(f"start {now.domain_ns}")
        return []

    def handle(self, message: int, now: Now) -> Sequence[str]:
        self.verbs.append(f"handle {message} {now.domain_ns}")
        return []

    def next_timer(self) -> int | None:
        return 0 if self.due else None

    def on_timer(self, now: Now) -> Sequence[str]:
        self.due -= 1
        self.verbs.append(f"on_timer {now.domain_ns}")
        return [f"due {self.due}"]

    def on_idle(self, now: Now) -> Sequence[str]:
        self.verbs.append(f"on_idle {now.domain_ns}")
        return ["idle"]


def the_time() -> Now:
    return Now(5, mono_ns())


def test_on_idle_is_called_after_the_messages_of_a_wake_up_and_after_a_timer(
    loop: EventLoop, pair: tuple[Socket, Socket]
) -> None:
    push, pull = pair
    core = Counting()
    performed: list[str] = []

    def take(frames: list[bytes]) -> None:
        core.handle(int(frames[0]), the_time())
        if frames[0] == b"1":
            wait_for(lambda: pull.poll(0), "the second message")
        else:
            core.due = 1

    def perform(outputs: Sequence[str]) -> None:
        performed.extend(outputs)
        if len(performed) == 3:
            loop.stop()

    loop.add_socket(pull, take)
    loop.drive(core, perform, the_time)
    for number in (1, 2):
        assert send(push, [b"%d" % number])
    loop.run()
    assert core.verbs[:5] == ["handle 1 5", "handle 2 5", "on_idle 5", "on_timer 5", "on_idle 5"]
    assert performed[:3] == ["idle", "due 0", "idle"]


@pytest.mark.parametrize(("slice_ns", "at_once"), [(0, 1), (10_000_000_000, 3)])
def test_a_timer_that_stays_due_is_repeated_within_its_time_slice(loop: EventLoop, slice_ns: int, at_once: int) -> None:
    core = Counting(due=3)
    loop.drive(core, lambda _: loop.stop(), the_time, timer_slice_ns=slice_ns)
    loop._turn(0)
    assert core.verbs.count("on_timer 5") == at_once


def test_a_core_without_idle_work_is_not_called_when_idle(loop: EventLoop) -> None:
    class Silent(Counting):
        on_idle = Core.on_idle

    loop.drive(Silent(), lambda _: None, the_time)
    assert loop._after_work == []
