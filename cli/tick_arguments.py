"""Tick files on the command line: `FILE` or `FILE:SYMBOL`, and the time zone of their times."""

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

    The part after the last colon is the symbol if it has the form of a symbol. Exception: if `text` is the name of an
    existing file and the part before the colon is not, the whole text is the file.
    """
    file, colon, symbol = text.rpartition(":")
    if colon and file and _SYMBOL.fullmatch(symbol) and (Path(file).exists() or not Path(text).exists()):
        return Path(file), symbol
    return Path(text), None


def parse_tick_files(files: Sequence[str], symbol: str | None) -> tuple[TickFileArgument, ...]:
    """Files with their symbols.

    Args:
        files: `FILE` or `FILE:SYMBOL`.
        symbol: of the files that are given without a symbol; None if `--symbol` is not given.

    Raises:
        StartError: a file has no symbol; `symbol` is malformed; every file is given with a symbol and one differs from
            `symbol`; or the name of a file has a semicolon.
    """
    if symbol is not None and not _SYMBOL.fullmatch(symbol):
        raise StartError(f"--symbol is {symbol!r}, expected a symbol such as EURUSD")
    parts = [split_symbol(text) for text in files]
    own = [found for _, found in parts if found is not None]
    if symbol is not None and len(own) == len(parts) and set(own) != {symbol}:
        raise StartError(
            f"--symbol is {symbol!r}, but every file is given with a symbol: {', '.join(dict.fromkeys(own))}"
        )
    named = []
    for path, found in parts:
        chosen = found or symbol
        if chosen is None:
            raise StartError(f"no symbol for {path}, expected {path}:SYMBOL or --symbol SYMBOL")
        if ";" in str(path):
            raise StartError(f"{path} has a ';' in its name, expected another name: ';' separates files in MT5_TICKS")
        named.append(TickFileArgument(path, chosen))
    return tuple(named)


def show_remarks(stream: TickStream) -> TickStream:
    """Print the remarks on the times of a stream's files on stderr, and return the stream."""
    for remark in stream.remarks:
        print(f"WARNING: {remark}", file=sys.stderr)
    return stream


def clock_option(zone: str | None, utc_offset: str | None) -> str | None:
    """The time zone or offset for files without a time zone; None when neither option is given.

    Raises:
        StartError: both are given, or the offset is malformed.
    """
    if zone is not None and utc_offset is not None:
        raise StartError(f"--zone {zone} with --utc-offset {utc_offset}, expected one of the two")
    if utc_offset is not None and not utc_offset.startswith(("+", "-")):
        raise StartError(f"--utc-offset is {utc_offset!r}, expected hours and minutes such as +02:00")
    return zone or utc_offset
