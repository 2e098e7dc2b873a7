"""The event loop of every process: sockets, timers, signals and orderly shutdown.

For speed, one poll serves all sockets that are ready, and a message takes one receive and one call of its handler. An
idle loop uses no CPU time, because the poll waits for the next timer. SIGTERM and SIGINT wake the poll through a pipe.
The loop then handles the messages that are ready, and ends.
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
"""Maximum number of messages that are received from one socket before the other sockets are served."""

BURST_NS: Final = 100_000_000
"""Longest time, in nanoseconds, spent on one socket before other sockets, timers and the heartbeat are served."""


LINGER_WAIT_MS: Final = 20
"""Longest interval in milliseconds at which a stopping loop checks whether its process is still busy."""

WAIT_MS_MAX: Final = 60_000
"""Longest wait of a single poll. It is limited, because the timeout of a poll is a C int of milliseconds."""


class _Interval:
    """A timer that calls a callback one interval after its last call; missed calls are not repeated."""

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
    """Calls the handlers of messages and timers until SIGTERM, SIGINT or `stop`.

    An exception in a handler ends the process, so a handler must not raise for any message that a peer can send.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._poller = zmq.Poller()
        self._drain: dict[Any, Callback] = {}
        self._receivers: list[tuple[Socket, Handler, int]] = []
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
        """Call `handler` with the frames of each message of `socket`.

        After `burst` messages, or after `BURST_NS`, the loop first serves the other sockets.
        """
        self._poller.register(socket, zmq.POLLIN)
        self._drain[socket] = _drainer(socket, handler, burst)
        self._receivers.append((socket, handler, burst))

    def renew_receivers(self) -> None:
        """Look up the receive method of each socket again, which `_drainer` does only once for speed."""
        for socket, handler, burst in self._receivers:
            self._drain[socket] = _drainer(socket, handler, burst)

    def drive(
        self,
        core: Core[Any, Output],
        perform: Callable[[Sequence[Output]], None],
        now: Callable[[], Now],
        *,
        timer_slice_ns: int = 0,
    ) -> None:
        """Call `core` when its timer is due and when the received messages have been handled.

        A shell calls `core.start` before `run`, and `core.handle` from the handlers of its sockets.

        Args:
            core: the core of this process; `proto.core` defines when each method is called.
            perform: carries out the outputs that the core returns.
            now: reads the clocks.
            timer_slice_ns: longest time for which `on_timer` is repeated, while it is due again at once, before the
                sockets are served.
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
        """Call `callback` after the messages of all ready sockets have been handled, and after due timers."""
        self._after_work.append(callback)

    def every(self, interval_ms: int, callback: Callback) -> None:
        """Call `callback` every `interval_ms` milliseconds, the first time after one interval."""
        interval = _Interval(interval_ms * MS_NS, callback)
        self._timers.append((interval.next_due, interval.fire))

    def add_timer(self, next_due_mono_ns: Callable[[], int | None], fire: Callback) -> None:
        """Call `fire` when the monotonic time that `next_due_mono_ns` returns is reached; None means never.

        `next_due_mono_ns` is called before every wait, so it must be fast. After `fire` it must return a later time.
        """
        self._timers.append((next_due_mono_ns, fire))

    def drain_before_stop(self, is_busy: Callable[[], bool], ms_max: int) -> None:
        """After `stop`, continue while `is_busy` returns True, for at most `ms_max` milliseconds."""
        self._lingers = is_busy, ms_max

    def set_heartbeat(self, heartbeat: Heartbeat | None, progress: ProgressOf | None = None) -> None:
        """Write `heartbeat` from this loop; None writes none.

        Without `progress`, the heartbeat reports the number of polls that found work, and whether a socket is readable.
        """
        if heartbeat is not None:
            self._heartbeat = heartbeat
            self.every(BEAT_MS, lambda: heartbeat.beat((progress or self._progress)()))

    def _progress(self) -> Progress:
        return Progress(self._turns, bool(self._poller.poll(0)))

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Call `callback` when the file descriptor `fd` is readable; it must read from `fd` or call `remove_reader`."""
        self._poller.register(fd, zmq.POLLIN)
        self._drain[fd] = callback

    def remove_reader(self, fd: int) -> None:
        """Stop watching the file descriptor `fd`."""
        self._poller.unregister(fd)
        # The current poll may have returned `fd`, and then the loop still calls its callback.
        self._drain[fd] = _nothing

    def stop(self) -> None:
        """Make `run` end after the events that are ready now; may be called from signal handlers and other threads."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Run the loop until `stop`. In the main thread, SIGTERM and SIGINT call `stop`."""
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
        # Rounded up, because a poll that ends early would be repeated without a wait until the timer is due.
        return min(max(0, -((mono_ns() - due) // MS_NS)), WAIT_MS_MAX)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, lambda *_: self.stop()) for number in numbers}
        # The interpreter writes to this descriptor when a signal arrives, and so wakes a poll that waits in C.
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
            # Reading the socket's state is cheaper than the exception of a receive without a message.
            if not int(get(events)) & readable or mono_ns() >= end_ns:
                return

    return drain
