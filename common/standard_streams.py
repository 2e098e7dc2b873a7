"""Standard output and error of a process: what becomes of text that they do not take.

The answers of a command are its work: a reader that goes away ends it in order, without a word, and a disk without room
is a StartError; the rest of the output goes to /dev/null. A log only loses what is not taken: standard error always, and
the standard output of a service. Characters that the encoding does not have are written as plain ones, or as escapes.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from pathlib import Path
from typing import Any, Final, TextIO

from common.disk_faults import disk_fault
from common.errors import StartError

READER_GONE_ERRNOS: Final = (errno.EPIPE, errno.ECONNRESET)
EXIT_READER_GONE: Final = 141
"""128 and the number of SIGPIPE, which Windows has not."""

PLAIN: Final = {
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MIDDLE DOT}": "|",
    "\N{MICRO SIGN}": "u",
    "\N{HORIZONTAL ELLIPSIS}": "~",
    "\N{BLACK CIRCLE}": "*",
    "\N{WHITE CIRCLE}": "o",
}
"""One column for one column, so that tables stay in line."""

ENCODING_ERRORS: Final = "paperdesk.plain"
_REPLACED_HANDLERS: Final = ("strict", "surrogateescape", "backslashreplace")
"""Python's defaults; another one has been asked for in PYTHONIOENCODING, and stays."""

_DESCRIPTORS: Final = (0, 1, 2)
_NOWHERE: Final = Path(os.devnull)


def guard_standard_streams(*, is_log: bool) -> None:
    """Have standard output and error of this process behave as described above; `is_log` is of standard output."""
    _open_closed_descriptors()
    codecs.register_error(ENCODING_ERRORS, _plain)
    sys.stdout = sys.__stdout__ = _of(sys.stdout, _Log if is_log else _Answers)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _of(sys.stderr, _Log)  # type: ignore[misc]


def _open_closed_descriptors() -> None:
    """Give a process that was started without one of them /dev/null, or the next file it opens would take its place."""
    for descriptor in _DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(_NOWHERE, os.O_RDWR)  # the lowest free number, which is this one


def _of(stream: TextIO | None, kind: type[_GuardedStream]) -> _GuardedStream:
    if stream is None:
        return kind(_NOWHERE.open("wb"), encoding="utf-8")
    assert isinstance(stream, io.TextIOWrapper)
    errors = ENCODING_ERRORS if stream.errors in _REPLACED_HANDLERS else stream.errors
    options: dict[str, Any] = {"encoding": stream.encoding, "errors": errors}
    options |= {"line_buffering": stream.line_buffering, "write_through": stream.write_through}
    return kind(stream.detach(), **options)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError) and (found := PLAIN.get(error.object[error.start])) is not None:
        return found, error.start + 1
    if isinstance(error, UnicodeEncodeError):
        error.end = error.start + 1
    return codecs.backslashreplace_errors(error)


class _GuardedStream(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        raise NotImplementedError

    def _drop_the_rest(self) -> None:
        with _NOWHERE.open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())


class _Log(_GuardedStream):
    def _lose(self, error: OSError) -> None:
        if error.errno in READER_GONE_ERRNOS:  # a disk may have room again
            self._drop_the_rest()


class _Answers(_GuardedStream):
    _end: BaseException | None = None

    def flush(self) -> None:
        self._raise_end()  # a library may have caught it the first time
        super().flush()

    def _lose(self, error: OSError) -> None:
        self._drop_the_rest()
        self._end = _ending(error)
        self._raise_end()

    def _raise_end(self) -> None:
        if self._end is not None and not sys.is_finalizing():  # then the exit code has been given
            raise self._end


def _ending(error: OSError) -> BaseException:
    """How a command ends whose answer is not taken."""
    if error.errno in READER_GONE_ERRNOS:
        return SystemExit(EXIT_READER_GONE)
    words = disk_fault(error)
    if words is None:
        return StartError(f"standard output cannot be written: {error.strerror}; expected one that takes text")
    return StartError(f"standard output cannot be written: {words}; expected a disk with room")
