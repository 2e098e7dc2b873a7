"""Logs each condition when it begins, at the level of the condition's severity, and when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from common.logs import get_logger
from proto.control import Condition, Severity, describe
from proto.control.condition_watch import ConditionWatch

_LEVELS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}

_log = get_logger()


class ConditionLog:
    """Logs the conditions that begin or end between two updates."""

    def __init__(self) -> None:
        """Start without conditions."""
        self._watch = ConditionWatch()

    def update(self, conditions: Iterable[Condition]) -> None:
        """Log the conditions that began or ended since the previous update."""
        begun, ended = self._watch.update(conditions)
        for found in begun:
            getattr(_log, _LEVELS[found.severity])(describe(found), code=found.code, effect=found.effect)
        for found in ended:
            _log.info(f"ended: {describe(found)}", code=found.code)
