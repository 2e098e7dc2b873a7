"""Stores the changes of each step; while the file cannot be written, they wait in memory and are stored later.

Messages are sent meanwhile, because a full disk itself is a reason for an alert.
"""

from __future__ import annotations

from common.errors import error_text
from common.logs import get_logger
from common.storage import DISK_FAULTS
from services.notify.core.rows import AlertRow, Changes, MessageRow
from services.notify.store import NotifyStore

_log = get_logger()


class StoreWriter:
    """The write side of the file of one notify process."""

    def __init__(self, store: NotifyStore) -> None:
        """Start without waiting changes."""
        self._store = store
        self._alerts: dict[int, AlertRow] = {}
        self._messages: dict[int, MessageRow] = {}
        self._removed: set[int] = set()
        self._values: dict[str, bytes] = {}
        self.problem = ""
        """Why changes wait; empty if none does."""

    @property
    def waiting(self) -> int:
        """Number of changes that wait."""
        return len(self._alerts) + len(self._messages) + len(self._removed) + len(self._values)

    def save(self, changes: Changes) -> None:
        """Store changes with those that wait.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        self._alerts |= {one.number: one for one in changes.alerts}
        self._messages |= {one.number: one for one in changes.messages}
        for number in changes.removed:
            self._messages.pop(number, None)
        self._removed.update(changes.removed)
        self._values |= changes.values
        self.retry()

    def retry(self) -> None:
        """Store the changes that wait, if there are any.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        if not self.waiting:
            return
        changes = Changes(
            alerts=[self._alerts[number] for number in sorted(self._alerts)],
            messages=[self._messages[number] for number in sorted(self._messages)],
            removed=sorted(self._removed),
            values=self._values,
        )
        try:
            self._store.save(changes)
        except DISK_FAULTS as error:
            text = error_text(error)
            if text != self.problem:
                _log.error("the file of notify cannot be written, messages are sent from memory", error=text)
            self.problem = text
            return
        if self.problem:
            _log.info("the file of notify can be written again")
        self.problem = ""
        self._alerts, self._messages, self._removed, self._values = {}, {}, set(), {}
