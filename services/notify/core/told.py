"""The targets that got the beginning of something that lasts, so that they also get its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proto.notify import MessageKind
from services.notify.core.rows import AlertRow, MessageRow


class Told:
    """For each lasting alert, the targets that were told, with the name of the rule."""

    def __init__(self, targets: Iterable[str]) -> None:
        """Start without alerts; only `targets` are kept, because the file of rules may have lost others."""
        self._targets = frozenset(targets)
        self._by_alert: dict[int, dict[str, str]] = {}

    def add(self, message: MessageRow, alerts: Mapping[int, AlertRow]) -> None:
        """Take a message that is being sent or was sent, and the alerts by number."""
        if message.kind is MessageKind.ENDED or message.target not in self._targets:
            return
        for number in message.alerts:
            if number in alerts and alerts[number].lasts:
                self._by_alert.setdefault(number, {}).setdefault(message.target, message.rule)

    def forget(self, message: MessageRow) -> None:
        """Take a message that was given up."""
        for number in message.alerts:
            self._by_alert.get(number, {}).pop(message.target, None)

    def of(self, number: int) -> dict[str, str]:
        """The targets that were told of an alert, with the name of the rule."""
        return self._by_alert.get(number, {})

    def take(self, number: int) -> dict[str, str]:
        """The same, and forget the alert."""
        return self._by_alert.pop(number, {})
