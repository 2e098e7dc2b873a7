"""A parent for a run in one process, in which a strategy may do what no handler sees: exit, crash in C, or block.

The run goes on in a child, which notes in shared memory in which call of a strategy it is. The parent does nothing but
look: it says so when a call does not return, and when the child ends without having come to the end of the program, it
names the strategy and the tick. Its exit code is the child's.
"""

from __future__ import annotations

import atexit
import mmap
import os
import signal
import struct
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

from common.errors import StartError
from common.parent_death import terminate_with_parent

BLOCKED_S: Final = 3.0
"""After a call has taken so long, a line says so."""

END_S: Final = 5.0
"""How long the child may take to end when it is interrupted; a call that blocks may keep it for ever."""

LOOK_S: Final = 0.05
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PLACE: Final = struct.Struct("<?HQ")
"""Whether a strategy is being called; the number of its symbol; the tick, 0 before the first."""

_HAS_ENDED: Final = 15
_NAMES: Final = 16
"""From here on a line for each symbol, in the order of their numbers: strategy, a zero byte, symbol."""

_SIZE: Final = 1 << 16

_note: mmap.mmap | None = None


def watch_calls(tell: Callable[[str], None]) -> None:
    """Go on in a child process; the parent never returns, and ends as the child has ended.

    Call it before anything has started a thread. `tell` shows a person a line, in the parent.

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
    asked: list[tuple[int, float]] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        asked.append((number, time.monotonic()))
        os.kill(child, signal.SIGINT)  # of all ways to end it, the one that is not taken for the strategy's own

    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    _follow(child, note, asked, tell)


def _interrupt_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """An interrupt of the terminal comes twice: to every process of it, and from the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def mark_calls(symbol: str, strategy: str) -> Callable[[int], object] | None:
    """What is called with the tick's sequence before each call of a symbol's strategy; None where nobody watches."""
    if _note is None:
        return None
    note, pack_into = _note, _PLACE.pack_into
    names = note[_NAMES:].rstrip(b"\0")
    number, name = names.count(b"\n"), f"{strategy}\0{symbol}\n".encode()
    note[_NAMES + len(names) : _NAMES + len(names) + len(name)] = name

    def mark(sequence: int) -> None:
        pack_into(note, 0, True, number, sequence)

    return mark


def end_calls() -> None:
    """No strategy is called any more, until the next mark."""
    if _note is not None:
        _note[0] = 0


def _follow(child: int, note: mmap.mmap, asked: list[tuple[int, float]], tell: Callable[[str], None]) -> NoReturn:
    place, since, is_said = b"", time.monotonic(), False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if (seen := note[: _PLACE.size]) != place:
            place, since, is_said = seen, time.monotonic(), False
        elif seen[0] and not is_said and time.monotonic() - since > BLOCKED_S:
            is_said = True
            tell(f"{_where(note)}: no answer for {BLOCKED_S:.0f} s")
        if asked and time.monotonic() - asked[0][1] > END_S:
            os.kill(child, signal.SIGKILL)
        time.sleep(LOOK_S)
    code = os.waitstatus_to_exitcode(status)
    ended = 128 - code if code < 0 else code
    if note[_HAS_ENDED]:
        raise SystemExit(128 + asked[0][0] if asked and ended == 128 + signal.SIGINT else ended)
    if asked:
        tell(f"killed, for it did not end within {END_S:.0f} s")
        raise SystemExit(128 + asked[0][0])
    how = ending_words(code)
    if note[0]:
        raise StartError(f"{_where(note)}: the process {how} inside the strategy")
    if code >= 0:
        raise StartError(f"the run {how} where no handler sees it: in code that was imported, such as a strategy's")
    tell(f"the run {how}")
    raise SystemExit(ended)


def ending_words(code: int) -> str:
    """How a process ended: `code` is its exit code, below 0 the signal that ended it."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _where(note: mmap.mmap) -> str:
    _, number, sequence = _PLACE.unpack_from(note, 0)
    strategy, _, symbol = note[_NAMES:].split(b"\n")[number].decode(errors="replace").partition("\0")
    where = f"tick {sequence} of {symbol}" if sequence else f"{symbol}, before its first tick"
    return f"strategy {strategy}, {where}"
