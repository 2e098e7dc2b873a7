"""A mark in a memory-mapped file, set before each call of a strategy, that shows in which call the process died.

A strategy can end its process in ways that no exception handler can catch: it blocks until the watchdog kills the
process, it exits, it crashes in C, or it closes file descriptors of the process. The mark remains in a small file in
the runtime folder. The next start reads it and counts the deaths. After `DEATHS_MAX` consecutive deaths at the same
tick of a symbol, the symbol's strategy is not called any more. If something else kills the process, the process is
unlikely to die at the same tick of a symbol so often.

The file contains:

    a flag (in a call or shortly after a call), the number of the symbol, the sequence of the tick
    for each symbol: the sequence of the tick at which the process last died, and the number of consecutive deaths there
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
"""Limit of consecutive deaths while strategies are loaded.

It is higher than `DEATHS_MAX`: loading may take seconds, in which other causes may repeatedly kill the process.
"""

SUFFIX: Final = ".calls"

_DEATHS: Final = struct.Struct("<QQ")
_HEAD_BYTES: Final = 16


class CallMarker:
    """The mark of one process. If its file is not writable, this is logged once and nothing is marked."""

    def __init__(self, folder: Path, publisher: str, symbols: Sequence[str]) -> None:
        """Read the mark of the previous process, count its death if it was in a call, and clear the mark.

        Args:
            folder: the runtime folder.
            publisher: name of this signal process.
            symbols: the symbols that this process trades, in their order.
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
                "the file for marks of calls is not writable; a strategy that kills the process cannot be identified",
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
        """Return a fault for each symbol whose strategy has ended the process too often.

        `strategies` has the name of the strategy by symbol.
        """
        faults = {}
        for number, symbol in enumerate(self._symbols):
            sequence, deaths = self._deaths(number)
            if deaths >= _deaths_max(sequence):
                where = f"at tick {sequence}" if sequence else "before its first tick"
                error = f"the process died {deaths} times inside the strategy of {symbol} {where}"
                faults[symbol] = StrategyFault(symbol, strategies[symbol], sequence, 0, error)
        return faults

    def mark(self) -> Callable[[str, int], object]:
        """Return the function that must be called with symbol and sequence before each call of a strategy."""
        if self._map is None:
            return _nothing
        numbers, pack_into, mapped = {s: i for i, s in enumerate(self._symbols)}, CALL_PLACE.pack_into, self._map
        fd, get_flags = self._fd, fcntl.F_GETFD

        def mark(symbol: str, sequence: int) -> None:
            try:
                fcntl.fcntl(fd, get_flags)
            except OSError:
                # The previous call, which is still marked, has closed sockets and files of the process.
                get_logger().error("a strategy has closed files of the process, which cannot continue")
                os._exit(1)
            pack_into(mapped, 0, True, numbers[symbol], sequence)

        return mark

    def clear(self) -> None:
        """Clear the mark; called when the marked calls have returned and their signals are sent.

        These calls cannot cause a later death.
        """
        if self._map is not None:
            self._map[0] = 0

    def loaded(self) -> None:
        """Record that all strategies in use are loaded, and forget their earlier deaths during loading."""
        self.clear()
        for number in range(len(self._symbols)):
            sequence, deaths = self._deaths(number)
            if not sequence and deaths < LOADING_DEATHS_MAX:
                self._set_deaths(number, 0, 0)

    def end(self) -> None:
        """Record that the process ends normally; the next process tries a strategy with too many deaths once more."""
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
    """Mark nothing, for a process whose file is not writable."""


def _mapped(path: Path, size: int) -> tuple[int, mmap.mmap]:
    """Open and map the file; fill it with zeros if it is new or its size does not fit the number of symbols."""
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
