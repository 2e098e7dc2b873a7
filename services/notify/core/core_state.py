"""What the core of notify keeps between steps, apart from alerts and messages."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.notify.core.escalations import Escalation
from services.notify.core.inputs import DayFigures
from services.notify.core.repeats import RepeatEntry

VENUE_UNKNOWN: Final = "VENUE UNKNOWN"
"""Label of alerts before the mode of the venue is known."""

CORE: Final = "core"
"""Name of the stored value with the core's own state."""


class CoreState(Struct, frozen=True, kw_only=True):
    """The stored value.

    `figures`, `warnings` and `criticals` are counts since `since_ns`. `next_summary_ns` is 0 without a daily summary.
    """

    mode: str = VENUE_UNKNOWN
    repeats: list[RepeatEntry] = []
    escalations: list[Escalation] = []
    figures: DayFigures = DayFigures()
    warnings: int = 0
    criticals: int = 0
    since_ns: int = 0
    next_summary_ns: int = 0
