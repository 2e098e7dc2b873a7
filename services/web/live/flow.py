"""Flow control of one WebSocket: when to send, what is in flight, and when to close. Pure: the caller passes the times.

The server sends at most one message each `TURN_NS`, and at most `IN_FLIGHT_MAX` messages that the client has not drawn
yet. Further changes are merged into the next message. The client answers with the number of the last message that it
has drawn. A connection without an answer for `SILENT_NS` is closed, so that a page that works connects again.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proto.time import SECOND_NS

TURN_NS: Final = 200_000_000
"""Interval of the turns: at most 5 messages a second."""

KEEP_ALIVE_NS: Final = SECOND_NS
"""Longest time between two messages to a client that draws them."""

IN_FLIGHT_MAX: Final = 10
"""Largest number of messages that a client has not drawn yet."""

SILENT_NS: Final = 10 * SECOND_NS
"""Longest time without an answer of the client."""

ANSWERS_MAX: Final = 20
"""Largest number of answers of a client in a second; one is expected."""


class AnswerError(ValueError):
    """The client sent an answer that breaks the protocol; the text is one line for its developer."""


class Flow:
    """State of one connection. Times are of a monotonic clock, in nanoseconds."""

    def __init__(self, now_ns: int, *, has_number: int | None = None) -> None:
        """Start at a new connection; `has_number` is the number of the state that the client has, None for none."""
        self.number = has_number
        """Number of the state that the client has after the messages sent so far; None before the first message."""
        self._in_flight: deque[int] = deque()
        self._answered_ns = now_ns
        self._answers: deque[int] = deque()
        self._is_new = True

    @property
    def in_flight(self) -> int:
        """Number of messages that the client has not drawn yet."""
        return len(self._in_flight)

    def is_due(self, number: int) -> bool:
        """Whether to send a message now, when the state has `number`."""
        if self._is_new:
            return True
        return number != self.number and len(self._in_flight) < IN_FLIGHT_MAX

    def sent(self, number: int) -> None:
        """Note that a message was sent, after which the client has `number`."""
        self.number = number
        self._is_new = False
        self._in_flight.append(number)

    def answer(self, number: int, now_ns: int) -> None:
        """Note that the client has drawn the message with `number`.

        Raises:
            AnswerError: no message with such a number was sent, or answers come too often.
        """
        if self._is_new or self.number is None or number > self.number:
            raise AnswerError(f"drawn is {number}, expected at most {self.number or 0}, the last number sent")
        self._answers.append(now_ns)
        while self._answers[0] <= now_ns - SECOND_NS:
            self._answers.popleft()
        if len(self._answers) > ANSWERS_MAX:
            raise AnswerError(f"more than {ANSWERS_MAX} answers in a second, expected one")
        self._answered_ns = now_ns
        while self._in_flight and self._in_flight[0] <= number:
            self._in_flight.popleft()

    def is_silent(self, now_ns: int) -> bool:
        """Whether the client has not answered for so long that the connection must be closed."""
        return now_ns - self._answered_ns >= SILENT_NS
