"""Watch the calls to strategies from a parent process, because a strategy may exit, crash in C code or block.

The run continues in a child process, which marks the current call to a strategy in shared memory. The parent reports a
call that does not return. If the child ends during a call, the parent reports the strategy and the tick. Otherwise the
exit code of the parent is that of the child, or 128 + the number of the signal that ended the run.
"""

from __future__ import annotations

import atexit
import mmap
import os
import select
import signal
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Final, NoReturn

from common.call_place import CALL_PLACE
from common.errors import StartError
from common.parent_death import terminate_with_parent

BLOCKED_S: Final = 3.0
"""Duration in seconds after which a call to a strategy is reported."""

END_S: Final = 5.0
"""Seconds from an interrupt to the kill of the child, because a call that blocks may never end."""

POLL_INTERVAL_S: Final = 0.05
AFTER_A_BREAK: Final = "with --data-dir it continues by --continue, without it starts again at its first tick"
"""What a user must know after a run that did not reach its end."""

_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HAS_ENDED: Final = 15
"""Offset in the shared memory of a flag: the child sets it when its interpreter ends in order."""

_NAMES: Final = 16
"""Offset in the shared memory of the names, one record for each symbol: strategy, zero byte, symbol, newline."""

_SIZE: Final = 1 << 16

_shared: mmap.mmap | None = None
"""The shared memory in the child; None in the parent and without `watch_calls`."""


def watch_calls(warn: Callable[[str], None]) -> None:
    """Fork a child, in which the run continues; in the parent this function does not return.

    It must be called before any thread is started. On a system without fork it does nothing.

    Args:
        warn: called in the parent with a line of text for the user.

    Raises:
        StartError: in the parent, if the child ended inside a strategy or in other imported code.
        SystemExit: in the parent, with the exit code of the run.
    """
    global _shared
    if not hasattr(os, "fork"):
        return
    shared, parent = mmap.mmap(-1, _SIZE), os.getpid()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, _interrupt_once)
        terminate_with_parent(parent, signal.SIGKILL)  # with SIGTERM a call that blocks in C would continue
        _shared = shared
        atexit.register(shared.__setitem__, _HAS_ENDED, 1)
        return
    requests: list[tuple[int, float]] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        requests.append((number, time.monotonic()))
        os.kill(child, signal.SIGINT)  # only SIGINT ends the child in order, with its end marked in shared memory

    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    _follow(child, shared, requests, warn)


def _interrupt_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """Raise KeyboardInterrupt and ignore further interrupts: the child gets one from the terminal and one forwarded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def mark_calls(symbol: str, strategy: str) -> Callable[[int], object] | None:
    """A function that marks the beginning of a call to a symbol's strategy; None if no parent watches.

    The function takes the sequence of the tick, or 0 before the first tick.
    """
    if _shared is None:
        return None
    shared, pack_into = _shared, CALL_PLACE.pack_into
    names = shared[_NAMES:].rstrip(b"\0")
    number, name = names.count(b"\n"), f"{strategy}\0{symbol}\n".encode()
    shared[_NAMES + len(names) : _NAMES + len(names) + len(name)] = name

    def mark(sequence: int) -> None:
        pack_into(shared, 0, True, number, sequence)

    return mark


def end_calls() -> None:
    """Mark the end of the current call to a strategy."""
    if _shared is not None:
        _shared[0] = 0


def _follow(child: int, shared: mmap.mmap, requests: list[tuple[int, float]], warn: Callable[[str], None]) -> NoReturn:
    place, since, is_reported = b"", time.monotonic(), False
    wait_for_end = _end_waiter(child)
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if (seen := shared[: CALL_PLACE.size]) != place:
            place, since, is_reported = seen, time.monotonic(), False
        elif seen[0] and not is_reported and time.monotonic() - since > BLOCKED_S:
            is_reported = True
            warn(f"{_where(shared)}: no answer for {BLOCKED_S:.0f} s")
        if requests and time.monotonic() - requests[0][1] > END_S:
            os.kill(child, signal.SIGKILL)
        wait_for_end()
    code = os.waitstatus_to_exitcode(status)
    ended = 128 - code if code < 0 else code
    if shared[_HAS_ENDED]:
        raise SystemExit(128 + requests[0][0] if requests and ended == 128 + signal.SIGINT else ended)
    if requests:
        warn(f"the run was killed: it did not end within {END_S:.0f} s of the interrupt; {AFTER_A_BREAK}")
        raise SystemExit(128 + requests[0][0])
    how = describe_exit(code)
    if shared[0]:
        raise StartError(f"{_where(shared)}: the process {how} inside the strategy")
    if code >= 0:
        raise StartError(f"the run {how} in imported code, such as the module of a strategy")
    warn(f"the run {how}; {AFTER_A_BREAK}")
    raise SystemExit(ended)


def _end_waiter(child: int) -> Callable[[], object]:
    """A function that waits for the end of the child, at most POLL_INTERVAL_S; on some systems always so long."""
    try:
        descriptor = os.pidfd_open(child)
    except (AttributeError, OSError):  # not on this system
        return partial(time.sleep, POLL_INTERVAL_S)
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return partial(poller.poll, POLL_INTERVAL_S * 1_000)


def describe_exit(code: int) -> str:
    """The end of a process as text; `code` is its exit code, or the negative number of the signal that ended it."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _where(shared: mmap.mmap) -> str:
    _, number, sequence = CALL_PLACE.unpack_from(shared, 0)
    strategy, _, symbol = shared[_NAMES:].split(b"\n")[number].decode(errors="replace").partition("\0")
    where = f"tick {sequence} of {symbol}" if sequence else f"{symbol}, before its first tick"
    return f"strategy {strategy}, {where}"
