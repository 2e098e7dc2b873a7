"""The text of a message as it is sent, which is the same at each try, also if the disk becomes full between two."""

from __future__ import annotations

from services.notify.core.rows import UNFINISHED, MessageRow
from services.notify.core.text import sent_body


class SentTexts:
    """Remembers which unfinished messages were not stored at their first try."""

    def __init__(self, boot: str) -> None:
        """Start without messages; `boot` becomes part of the key of messages that are not stored."""
        self._boot = boot
        self._problems: dict[int, str] = {}

    def body_of(self, message: MessageRow, storage_problem: str) -> str:
        """The body of a message for a try.

        Args:
            message: the message.
            storage_problem: why the changes of this step could not be stored; empty if they are stored.
        """
        if message.tries == 1 and storage_problem:
            self._problems[message.number] = storage_problem
        return sent_body(message, storage_problem=self._problems.get(message.number, ""), boot=self._boot)

    def finish(self, message: MessageRow) -> None:
        """Take the result of a try."""
        if message.state not in UNFINISHED:
            self._problems.pop(message.number, None)
