"""A parent process for a run with a strategy that may exit, crash in C or block, which no handler can catch.

The run continues in a child, which marks the current call of a strategy in shared memory. The parent only watches: it
reports a call that does not return, and names strategy and tick if the child ends before the end of the program. Its
exit code is the child's.
"""

from __future__ import annotations

import atexit
import mmap
import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

from common.call_place import CALL_PLACE
from common.errors import StartError
from common.parent_death import terminate_with_parent

BLOCKED_S: Final = 3.0
"""Duration of a call after which it is reported."""

END_S: Final = 5.0
"""Time for the child to end after an interrupt; a blocking call may never end."""

LOOK_S: Final = 0.05
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HAS_ENDED: Final = 15
_NAMES: Final = 16
"""From here on a line for each symbol, in the order of their numbers: strategy, a zero byte, symbol."""

_SIZE: Final = 1 << 16

_note: mmap.mmap | None = None


def watch_calls(warn: Callable[[str], None]) -> None:
    """Continue in a child process; the parent never returns, and ends as the child has ended.

    Must be called before any thread is started. `warn` shows a person a line, in the parent.

    Raises:
        StartError: in the parent: the child ended inside a strategy.
        SystemExit: in the parent: with the child's exit code.
    """
    global _note
    if not hasattr(os, "fork"):
        return
    note, parent = mmap.mmap(-1, _SIZE), os.getpid()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, _interrupt_once)
        terminate_with_parent(parent, signal.SIGKILL)  # TERM would wait for a call that blocks in C
        _note = note
        atexit.register(note.__setitem__, _HAS_ENDED, 1)
        return
    requests: list[tuple[int, float]] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        requests.append((number, time.monotonic()))
        os.kill(child, signal.SIGINT)  # the only end that is not mistaken for the strategy's own

    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    _follow(child, note, requests, warn)


def _interrupt_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """The terminal interrupts every process of its group, and the parent forwards its own: the child gets two."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def mark_calls(symbol: str, strategy: str) -> Callable[[int], object] | None:
    """A function to call with the tick's sequence before each call of a symbol's strategy.

    None without a watching parent.
    """
    if _note is None:
        return None
    note, pack_into = _note, CALL_PLACE.pack_into
    names = note[_NAMES:].rstrip(b"\0")
    number, name = names.count(b"\n"), f"{strategy}\0{symbol}\n".encode()
    note[_NAMES + len(names) : _NAMES + len(names) + len(name)] = name

    def mark(sequence: int) -> None:
        pack_into(note, 0, True, number, sequence)

    return mark


def end_calls() -> None:
    """Mark that no strategy is being called, until the next mark."""
    if _note is not None:
        _note[0] = 0


def _follow(child: int, note: mmap.mmap, requests: list[tuple[int, float]], warn: Callable[[str], None]) -> NoReturn:
    place, since, is_reported = b"", time.monotonic(), False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if (seen := note[: CALL_PLACE.size]) != place:
            place, since, is_reported = seen, time.monotonic(), False
        elif seen[0] and not is_reported and time.monotonic() - since > BLOCKED_S:
            is_reported = True
            warn(f"{_where(note)}: no answer for {BLOCKED_S:.0f} s")
        if requests and time.monotonic() - requests[0][1] > END_S:
            os.kill(child, signal.SIGKILL)
        time.sleep(LOOK_S)
    code = os.waitstatus_to_exitcode(status)
    ended = 128 - code if code < 0 else code
    if note[_HAS_ENDED]:
        raise SystemExit(128 + requests[0][0] if requests and ended == 128 + signal.SIGINT else ended)
    if requests:
        warn(f"killed: it did not end within {END_S:.0f} s")
        raise SystemExit(128 + requests[0][0])
    how = describe_exit(code)
    if note[0]:
        raise StartError(f"{_where(note)}: the process {how} inside the strategy")
    if code >= 0:
        raise StartError(f"the run {how} outside any handler, in imported code such as a strategy's")
    warn(f"the run {how}")
    raise SystemExit(ended)


def describe_exit(code: int) -> str:
    """How a process ended, as text; `code` is its exit code, below 0 the signal that ended it."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _where(note: mmap.mmap) -> str:
    _, number, sequence = CALL_PLACE.unpack_from(note, 0)
    strategy, _, symbol = note[_NAMES:].split(b"\n")[number].decode(errors="replace").partition("\0")
    where = f"tick {sequence} of {symbol}" if sequence else f"{symbol}, before its first tick"
    return f"strategy {strategy}, {where}"
