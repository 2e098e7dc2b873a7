"""Faults of strategies, and their errors as text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec import Struct

from proto.time import SECOND_NS

ERROR_CHARS_MAX: Final = 200
"""Longest text of a strategy's error in characters; it is shown in one line."""

FRAMES_MAX: Final = 20


class StrategyFault(Struct, frozen=True):
    """Why the strategy of one symbol is not called any more.

    `sequence` is the sequence of the symbol's tick at which the fault happened, 0 before the first tick. `time_ns` is
    the time of that tick, 0 if unknown. `details` has the places of the traceback for the log, if there is a traceback.
    """

    symbol: str
    strategy: str
    sequence: int
    time_ns: int
    error: str
    details: str = ""

    @property
    def text(self) -> str:
        """Strategy, tick, symbol, time and error in one line."""
        where = f"tick {self.sequence} of {self.symbol}" if self.sequence else f"{self.symbol}, before its first tick"
        at = f" at {_utc(self.time_ns)}" if self.time_ns else ""
        return f"strategy {self.strategy}, {where}{at}: {self.error}"


class StrategyError(RuntimeError):
    """A strategy raised an exception, returned an invalid value, or cannot be used; `fault` has the details."""

    def __init__(self, fault: StrategyFault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def error_line(error: BaseException, call: str = "") -> str:
    """Describe an exception as `ValueError: text (FILE:12)`.

    `call` names the strategy's method that raised it, if it is not `on_tick`.
    """
    # The first frame is the caller's. The line is that of the innermost frame in the strategy's own file, and not that
    # of a library that the strategy used.
    frames = [frame for frame in list(_frames(error))[1:] if "importlib" not in frame.file]
    own = [frame for frame in frames if frame.file == frames[0].file]
    where = f" ({_base_name(own[-1].file)}:{own[-1].line})" if own else ""
    text = _one_line(error)
    name = type(error).__name__
    words = f"{name}: {text}" if text else name
    chars_left = ERROR_CHARS_MAX - len(where) - len(call) - 2
    return f"{call + ': ' if call else ''}{shortened(words, chars_left)}{where}"


def error_details(error: BaseException) -> str:
    """Return the places of an exception's traceback for the log, the innermost last."""
    places = [f"{frame.file}:{frame.line} in {frame.function}" for frame in _frames(error)]
    return "; ".join(places[-FRAMES_MAX:])


class _Frame(NamedTuple):
    file: str
    line: int
    function: str


def _frames(error: BaseException) -> Iterator[_Frame]:
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        yield _Frame(code.co_filename, trace.tb_lineno, code.co_name)
        trace = trace.tb_next


def _base_name(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]


def shown(value: object) -> str:
    """Return a text of at most 60 characters for any value that a strategy returned."""
    try:
        return shortened(" ".join(repr(value).split()), 60)
    except Exception:  # the text is made by the strategy's own code
        return f"a {type(value).__name__} that cannot be shown"


def shortened(text: str, chars_max: int) -> str:
    """Return a text cut to at most `chars_max` characters, with an ellipsis if it was cut."""
    return text if len(text) <= chars_max else text[: max(0, chars_max - 1)] + "…"


def _one_line(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # the text is made by the strategy's own code
        return "(its text cannot be shown)"


def _utc(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"
