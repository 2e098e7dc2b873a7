"""Tick files on the command line: `FILE` or `FILE:SYMBOL`, and the clock of their times."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from common.errors import StartError

if TYPE_CHECKING:
    from marketdata.tick_stream import TickStream

_SYMBOL: Final = re.compile(r"[A-Za-z0-9._#-]{3,32}")


class TickFileArgument(NamedTuple):
    """A file and the symbol of its ticks."""

    path: Path
    symbol: str


def is_symbol(text: str) -> bool:
    """Whether a text can be the name of a symbol."""
    return _SYMBOL.fullmatch(text) is not None


def split_symbol(text: str) -> tuple[Path, str | None]:
    """The file and the symbol of `FILE[:SYMBOL]`.

    The part after the last colon is a symbol if it looks like one, and if the file without it exists or the file with it
    does not: a file name with a colon stays whole.
    """
    file, colon, symbol = text.rpartition(":")
    if colon and file and _SYMBOL.fullmatch(symbol) and (Path(file).exists() or not Path(text).exists()):
        return Path(file), symbol
    return Path(text), None


def parse_tick_files(files: Sequence[str], symbol: str | None) -> tuple[TickFileArgument, ...]:
    """Files with their symbols; `symbol` is for files that name none.

    Raises:
        StartError: a file has no symbol, or `symbol` is malformed or would not be used.
    """
    if symbol is not None and not _SYMBOL.fullmatch(symbol):
        raise StartError(f"--symbol is {symbol!r}, expected a symbol such as EURUSD")
    parts = [split_symbol(text) for text in files]
    own = [found for _, found in parts if found is not None]
    if symbol is not None and len(own) == len(parts) and set(own) != {symbol}:
        raise StartError(f"--symbol is {symbol!r}, but every file names its own ({', '.join(dict.fromkeys(own))})")
    named = []
    for path, found in parts:
        chosen = found or symbol
        if chosen is None:
            raise StartError(f"no symbol for {path}, expected {path}:SYMBOL or --symbol SYMBOL")
        if ";" in str(path):
            raise StartError(f"{path} has a ';' in its name, which separates files in MT5_TICKS, expected another name")
        named.append(TickFileArgument(path, chosen))
    return tuple(named)


def show_remarks(stream: TickStream) -> TickStream:
    """Print the remarks on the times of a stream's files on stderr; returns the stream."""
    for remark in stream.remarks:
        print(f"WARNING: {remark}", file=sys.stderr)
    return stream


def clock_option(zone: str | None, utc_offset: str | None) -> str | None:
    """The time zone or offset of files that name none; None when neither option is given.

    Raises:
        StartError: both are given, or the offset is malformed.
    """
    if zone is not None and utc_offset is not None:
        raise StartError(f"--zone {zone} with --utc-offset {utc_offset}, expected one of the two")
    if utc_offset is not None and not utc_offset.startswith(("+", "-")):
        raise StartError(f"--utc-offset is {utc_offset!r}, expected hours and minutes such as +02:00")
    return zone or utc_offset
