"""The event loop of every process: sockets, timers, signals and orderly shutdown.

Every tick passes it in four processes, so it does little: one poll, one receive and one call of the handler per
message. It costs nothing when idle, because the poll waits for the next timer. SIGTERM and SIGINT wake it through a
pipe; it then handles what is ready at that moment, and ends.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import zmq

from common.clock import mono_ns
from common.heartbeat import BEAT_MS, Heartbeat, Progress, ProgressOf
from common.sockets import Socket
from common.wakeup import Wakeup
from proto.core import Core
from proto.time import MS_NS, Now

Output = TypeVar("Output")

Handler = Callable[[list[bytes]], None]
Callback = Callable[[], None]

BURST_MESSAGES: Final = 256
"""Messages received from one socket before the other sockets are served."""

BURST_NS: Final = 100_000_000
"""Time spent on one socket before the other sockets, the timers and the heartbeat are served."""


LINGER_WAIT_MS: Final = 20
"""Interval at which a stopping loop checks whether it is still busy."""

WAIT_MS_MAX: Final = 60_000
"""Longest single wait; a poll takes an int of milliseconds."""


class _Interval:
    """A callback at an interval counted from its last call; missed calls are not made up for."""

    def __init__(self, interval_ns: int, callback: Callback) -> None:
        self._interval_ns = interval_ns
        self._callback = callback
        self._due_ns = mono_ns() + interval_ns

    def next_due(self) -> int:
        return self._due_ns

    def fire(self) -> None:
        self._due_ns = mono_ns() + self._interval_ns
        self._callback()


class EventLoop:
    """Hands over messages and fires timers until SIGTERM, SIGINT or `stop`.

    Handlers must not raise for anything that a peer can send; an exception ends the process.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._poller = zmq.Poller()
        self._drain: dict[Any, Callback] = {}
        self._after_work: list[Callback] = []
        self._timers: list[tuple[Callable[[], int | None], Callback]] = []
        self._stopping = False
        self._lingers: tuple[Callable[[], bool], int] | None = None
        self._heartbeat: Heartbeat | None = None
        self._turns = 0
        self._wake = Wakeup()
        self._poller.register(self._wake.fileno(), zmq.POLLIN)
        self._drain[self._wake.fileno()] = self._wake.clear

    def add_socket(self, socket: Socket, handler: Handler, *, burst: int = BURST_MESSAGES) -> None:
        """Call `handler` with the frames of each message of `socket`, at most `burst` of them in a row.

        The burst also ends with the message after which `BURST_NS` have passed.
        """
        self._poller.register(socket, zmq.POLLIN)
        self._drain[socket] = _drainer(socket, handler, burst)

    def drive(
        self,
        core: Core[Any, Output],
        perform: Callable[[Sequence[Output]], None],
        now: Callable[[], Now],
        *,
        timer_slice_ns: int = 0,
    ) -> None:
        """Call `core` when its timer is due and when the messages at hand have been handled.

        A shell calls `core.start` before `run`, and `core.handle` from the handlers of its sockets.

        Args:
            core: the core of this process; `proto.core` defines when each verb is called.
            perform: carries out what the core returns.
            now: reads the clocks.
            timer_slice_ns: how long `on_timer` is repeated while it stays due, before the sockets get their turn again.
        """

        def on_timer() -> None:
            at = now()
            end_ns = at.mono_ns + timer_slice_ns
            perform(core.on_timer(at))
            while timer_slice_ns and (due := core.next_timer()) is not None and due <= (at := now()).mono_ns < end_ns:
                perform(core.on_timer(at))

        def on_idle() -> None:
            if outputs := core.on_idle(now()):
                perform(outputs)

        self.add_timer(core.next_timer, on_timer)
        if type(core).on_idle is not Core.on_idle:
            self.after_work(on_idle)

    def after_work(self, callback: Callback) -> None:
        """Call `callback` when every socket that was ready has been drained, and when due timers have been fired."""
        self._after_work.append(callback)

    def every(self, interval_ms: int, callback: Callback) -> None:
        """Call `callback` each `interval_ms`, the first time after one interval."""
        interval = _Interval(interval_ms * MS_NS, callback)
        self._timers.append((interval.next_due, interval.fire))

    def add_timer(self, next_due_mono_ns: Callable[[], int | None], fire: Callback) -> None:
        """Call `fire` when the monotonic time that `next_due_mono_ns` gives has come; None means never.

        `next_due_mono_ns` is called before every wait, so it must be cheap; `fire` must advance its value.
        """
        self._timers.append((next_due_mono_ns, fire))

    def drain_before_stop(self, is_busy: Callable[[], bool], ms_max: int) -> None:
        """After `stop`, continue while `is_busy`, for `ms_max` milliseconds at most."""
        self._lingers = is_busy, ms_max

    def set_heartbeat(self, heartbeat: Heartbeat | None, progress: ProgressOf | None = None) -> None:
        """Write the heartbeat from this loop; None writes none.

        Without `progress`, the count of wake-ups with work is the progress, and a readable socket is waiting work.
        """
        if heartbeat is not None:
            self._heartbeat = heartbeat
            self.every(BEAT_MS, lambda: heartbeat.beat((progress or self._progress)()))

    def _progress(self) -> Progress:
        return Progress(self._turns, bool(self._poller.poll(0)))

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Call `callback` when a file descriptor is readable; it must read, or call `remove_reader`."""
        self._poller.register(fd, zmq.POLLIN)
        self._drain[fd] = callback

    def remove_reader(self, fd: int) -> None:
        """Stop watching a file descriptor."""
        self._poller.unregister(fd)
        # It may be among the descriptors that this wake-up has yet to handle.
        self._drain[fd] = _nothing

    def stop(self) -> None:
        """End `run` after the events that are ready now; callable from handlers, signal handlers and other threads."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Serve until `stop`. In the main thread SIGTERM and SIGINT call it."""
        with self._signals():
            if self._heartbeat is not None:
                self._heartbeat.beat(Progress(0, False))
            while not self._stopping:
                self._turn(self._wait_ms())
            if self._lingers is not None:
                is_busy, ms_max = self._lingers
                end_ns = mono_ns() + ms_max * MS_NS
                while is_busy() and mono_ns() < end_ns:
                    self._turn(min(self._wait_ms(), LINGER_WAIT_MS))
            if self._heartbeat is not None:
                self._heartbeat.end()
            self._turn(0)

    def close(self) -> None:
        """Close the wake pipe; the loop cannot be run again."""
        self._wake.close()

    def _turn(self, wait_ms: int) -> None:
        ready = self._poller.poll(wait_ms)
        if ready:
            self._turns += 1
            drain = self._drain
            for socket, _ in ready:
                drain[socket]()
            for callback in self._after_work:
                callback()
        if self._timers:
            now = mono_ns()
            has_fired = False
            for next_due, fire in self._timers:
                due = next_due()
                if due is not None and due <= now:
                    has_fired = True
                    fire()
            if has_fired:
                for callback in self._after_work:
                    callback()

    def _wait_ms(self) -> int:
        due = min((at for next_due, _ in self._timers if (at := next_due()) is not None), default=None)
        if due is None:
            return WAIT_MS_MAX
        # Rounded up: waking early would turn the last millisecond into a busy wait.
        return min(max(0, -((mono_ns() - due) // MS_NS)), WAIT_MS_MAX)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, lambda *_: self.stop()) for number in numbers}
        # The interpreter writes here as the signal comes, also while the poll waits in C.
        wakeup_before = signal.set_wakeup_fd(self._wake.signal_fd, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)


def _nothing() -> None:
    """Handler of a file descriptor that is no longer watched."""


def _drainer(socket: Socket, handler: Handler, burst: int) -> Callback:
    receive = socket.recv_multipart
    get = socket.get
    events, readable, noblock = zmq.EVENTS, int(zmq.POLLIN), zmq.NOBLOCK

    def drain() -> None:
        end_ns = mono_ns() + BURST_NS
        for _ in range(burst):
            try:
                frames = receive(noblock)
            except zmq.Again:
                return
            handler(frames)
            # Asking is cheaper than the exception for a socket with nothing more.
            if not int(get(events)) & readable or mono_ns() >= end_ns:
                return

    return drain
