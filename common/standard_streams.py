"""Standard output and standard error: handling of text that cannot be written.

A command ends when its output cannot be written: without a message if the reader closed the pipe, with a StartError
after any other error, such as a full disk. The rest of its output is discarded. Standard error, and the standard output
of a service, are logs. A log loses the text that cannot be written, and the process continues. Characters that the
encoding lacks are replaced by ASCII characters or escapes.
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
"""Exit code 128 + 13, the number of SIGPIPE. It is a constant, because Windows has no SIGPIPE."""

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
"""ASCII replacements, each one character long, so that the columns of tables stay aligned."""

ENCODING_ERRORS: Final = "paperdesk.plain"
_REPLACED_HANDLERS: Final = ("strict", "surrogateescape", "backslashreplace")
"""Python's default error handlers, which are replaced; another handler set in PYTHONIOENCODING is kept."""

_DESCRIPTORS: Final = (0, 1, 2)
_NOWHERE: Final = Path(os.devnull)


def guard_standard_streams(*, is_log: bool) -> None:
    """Replace standard output and standard error by the streams of this module.

    If `is_log`, standard output is a log, as in a service; otherwise it is the output of a command.
    """
    _open_closed_descriptors()
    codecs.register_error(ENCODING_ERRORS, _plain)
    sys.stdout = sys.__stdout__ = _of(sys.stdout, _Log if is_log else _CommandOutput)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _of(sys.stderr, _Log)  # type: ignore[misc]


def _open_closed_descriptors() -> None:
    """Open /dev/null for a closed standard stream; otherwise the next opened file would get its descriptor."""
    for descriptor in _DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(_NOWHERE, os.O_RDWR)  # gets the lowest free descriptor, which is `descriptor`


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
            self._on_write_error(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._on_write_error(error)

    def _on_write_error(self, error: OSError) -> None:
        raise NotImplementedError

    def _drop_the_rest(self) -> None:
        with _NOWHERE.open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())


class _Log(_GuardedStream):
    def _on_write_error(self, error: OSError) -> None:
        if error.errno in READER_GONE_ERRNOS:  # after a disk fault the log continues, because the fault may end
            self._drop_the_rest()


class _CommandOutput(_GuardedStream):
    _end: BaseException | None = None

    def flush(self) -> None:
        self._raise_end()  # again, because a library may have caught the first exception
        super().flush()

    def _on_write_error(self, error: OSError) -> None:
        self._drop_the_rest()
        self._end = _ending(error)
        self._raise_end()

    def _raise_end(self) -> None:
        if self._end is not None and not sys.is_finalizing():  # at shutdown the exit code is already set
            raise self._end


def _ending(error: OSError) -> BaseException:
    """The exception that ends a command when its output cannot be written."""
    if error.errno in READER_GONE_ERRNOS:
        return SystemExit(EXIT_READER_GONE)
    fault = disk_fault(error)
    if fault is None:
        return StartError(f"standard output cannot be written: {error.strerror}; expected a writable one")
    return StartError(f"standard output cannot be written: {fault}; expected a disk with free space")
