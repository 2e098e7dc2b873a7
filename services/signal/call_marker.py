"""A mark in shared memory around each call of a strategy; it shows during which call the process died.

A strategy can end its process in ways that no handler sees: it blocks until the watchdog kills the process, it exits,
it crashes in C, or it closes file descriptors of the process. The mark survives in a small mapped file beside the
heartbeat. The next start reads it and counts: after `DEATHS_MAX` deaths in a row at the same tick of the same symbol,
that symbol's strategy is not called any more. Kills from outside do not hit the same tick of the same symbol so often
in a row.

    a flag and a place: in a call or shortly after one, which symbol, which tick
    for each symbol: at which tick the process died last, and how often in a row
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from common.call_place import CALL_PLACE
from common.logs import get_logger
from services.signal.core.strategy_fault import StrategyFault

DEATHS_MAX: Final = 3
LOADING_DEATHS_MAX: Final = 10
"""Limit for deaths while strategies are loaded, which may take seconds, so that kills from outside may repeat there."""

SUFFIX: Final = ".calls"

_DEATHS: Final = struct.Struct("<QQ")
_HEAD_BYTES: Final = 16


class CallMarker:
    """The mark of one process; where its file cannot be written, that is logged once and nothing is marked."""

    def __init__(self, folder: Path, publisher: str, symbols: Sequence[str]) -> None:
        """Read the mark of the last process, count its death if it was in a call, and begin a new one.

        Args:
            folder: the runtime folder.
            publisher: name of this signal process.
            symbols: traded by it, in their order.
        """
        self._symbols = list(symbols)
        self._map: mmap.mmap | None = None
        self._fd = -1
        try:
            self._fd, self._map = _mapped(
                folder / f"{publisher}{SUFFIX}", _HEAD_BYTES + _DEATHS.size * len(self._symbols)
            )
        except OSError as error:
            get_logger().warning(
                "no note of calls can be written, a strategy that kills the process will not be found",
                folder=str(folder),
                error=error.strerror,
            )
            return
        in_call, number, sequence = CALL_PLACE.unpack_from(self._map, 0)
        if in_call and number < len(self._symbols):
            sequence_before, deaths = self._deaths(number)
            self._set_deaths(number, sequence, deaths + 1 if sequence == sequence_before else 1)
        self.clear()

    def faults(self, strategies: dict[str, str]) -> dict[str, StrategyFault]:
        """The symbols whose strategy has ended the process too often; `strategies` has the name of each symbol's."""
        faults = {}
        for number, symbol in enumerate(self._symbols):
            sequence, deaths = self._deaths(number)
            if deaths >= _deaths_max(sequence):
                where = f"at tick {sequence}" if sequence else "before its first tick"
                error = f"the process died {deaths} times inside the strategy of {symbol} {where}"
                faults[symbol] = StrategyFault(symbol, strategies[symbol], sequence, 0, error)
        return faults

    def mark(self) -> Callable[[str, int], object]:
        """The function to call with symbol and sequence before each call of a strategy."""
        if self._map is None:
            return _nothing
        numbers, pack_into, mapped = {s: i for i, s in enumerate(self._symbols)}, CALL_PLACE.pack_into, self._map
        fd, get_flags = self._fd, fcntl.F_GETFD

        def mark(symbol: str, sequence: int) -> None:
            try:
                fcntl.fcntl(fd, get_flags)
            except OSError:
                # The call before this one, which the note still names, has closed sockets and files of the process.
                get_logger().error("a strategy has closed the files of the process, which cannot go on")
                os._exit(1)
            pack_into(mapped, 0, True, numbers[symbol], sequence)

        return mark

    def clear(self) -> None:
        """Clear the mark: the calls have returned and their signals are sent, so a later death is not theirs."""
        if self._map is not None:
            self._map[0] = 0

    def loaded(self) -> None:
        """Note that every strategy in use is loaded: deaths while loading are over."""
        self.clear()
        for number in range(len(self._symbols)):
            sequence, deaths = self._deaths(number)
            if not sequence and deaths < LOADING_DEATHS_MAX:
                self._set_deaths(number, 0, 0)

    def end(self) -> None:
        """Note that the process ends in order: the next one tries a strategy that is out of use once more."""
        self.clear()
        for number in range(len(self._symbols)):
            sequence, deaths = self._deaths(number)
            if deaths >= _deaths_max(sequence):
                self._set_deaths(number, sequence, _deaths_max(sequence) - 1)

    def _deaths(self, number: int) -> tuple[int, int]:
        if self._map is None:
            return 0, 0
        sequence, deaths = _DEATHS.unpack_from(self._map, _HEAD_BYTES + number * _DEATHS.size)
        return sequence, deaths

    def _set_deaths(self, number: int, sequence: int, deaths: int) -> None:
        if self._map is not None:
            _DEATHS.pack_into(self._map, _HEAD_BYTES + number * _DEATHS.size, sequence, deaths)


def _deaths_max(sequence: int) -> int:
    return DEATHS_MAX if sequence else LOADING_DEATHS_MAX


def _nothing(symbol: str, sequence: int) -> None:
    """Mark nothing, for a process whose file cannot be written."""


def _mapped(path: Path, size: int) -> tuple[int, mmap.mmap]:
    """The open file, of zeros where it is new or belongs to another set of symbols, and its memory."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.fstat(fd).st_size != size:
            os.ftruncate(fd, 0)
            os.write(fd, bytes(size))
        return fd, mmap.mmap(fd, size)
    except OSError:
        os.close(fd)
        raise
