"""Log of conditions: each when it begins, at the level of its severity, and when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from common.logs import get_logger
from proto.control import Condition, Severity, describe
from proto.control.condition_watch import ConditionWatch

_LEVELS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}

_log = get_logger()


class ConditionLog:
    """Logs the changes between updates."""

    def __init__(self) -> None:
        """Start without conditions."""
        self._watch = ConditionWatch()

    def update(self, conditions: Iterable[Condition]) -> None:
        """Log conditions that began and ended."""
        begun, over = self._watch.update(conditions)
        for found in begun:
            getattr(_log, _LEVELS[found.severity])(describe(found), code=found.code, effect=found.effect)
        for found in over:
            _log.info(f"over: {describe(found)}", code=found.code)
