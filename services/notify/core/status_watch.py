"""What portfolio's status shows and the other sources do not: a second look, in case that one of them is silent.

A condition that stays in the status without an alert makes one, also when the watchdog is down or the disk is full. An
alert whose condition is no longer in the status ends, also when nobody has recorded the end.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from proto.control import CONDITION_KINDS, CONDITIONS_MAX, Severity, StatusReply, TradingState, describe, needs_person
from proto.notify import AlertPhase
from proto.time import SECOND_NS
from services.notify.core.codes import CAUSES, PORTFOLIO_SILENT, TRADING_STATE
from services.notify.core.inputs import SourceEvent

SETTLED_NS: Final = 5 * SECOND_NS
"""Time for which status and alerts must differ, longer than the other sources need."""

SILENT_NS: Final = 10 * SECOND_NS
"""Time without an answer after which PORTFOLIO_SILENT begins."""

FIRST_ANSWER_NS: Final = 60 * SECOND_NS
"""Time without an answer when notify has just started, because portfolio may be reading a large ledger."""

Key = tuple[str, str]


class StatusWatch:
    """Compares each status with the alerts that last."""

    def __init__(self) -> None:
        self.is_settled = False
        """Whether portfolio has answered, or has not for the time that it may need at its start."""
        self._heard_mono_ns = 0
        self._silent_mono_ns = 0
        self._since: dict[tuple[Key, bool], int] = {}
        """Monotonic time since which a key is present without an alert (True), or has one but is absent (False)."""

    def start(self, mono_ns: int) -> None:
        """Begin to wait for the first answer."""
        self._heard_mono_ns, self._silent_mono_ns = mono_ns, mono_ns + FIRST_ANSWER_NS

    def update(self, status: StatusReply | None, lasting: Collection[Key], mono_ns: int) -> list[SourceEvent]:
        """Take an answer of portfolio, or None if there was none.

        Args:
            status: the status.
            lasting: code and subject of the alerts that last.
            mono_ns: monotonic time.
        """
        self.is_settled |= status is not None or mono_ns >= self._silent_mono_ns
        if status is None:
            self._since.clear()
            if mono_ns < self._silent_mono_ns or (PORTFOLIO_SILENT, "") in lasting:
                return []
            text = f"portfolio has not answered for {(mono_ns - self._heard_mono_ns) // SECOND_NS} s; read its log"
            return [_event(AlertPhase.BEGAN, PORTFOLIO_SILENT, "", Severity.CRITICAL, text, "notify")]
        self._heard_mono_ns, self._silent_mono_ns = mono_ns, mono_ns + SILENT_NS
        present = _present(status)
        events = []
        if (PORTFOLIO_SILENT, "") in lasting:
            text = "portfolio answers again"
            events.append(_event(AlertPhase.ENDED, PORTFOLIO_SILENT, "", Severity.CRITICAL, text, "notify"))
        differing: dict[tuple[Key, bool], int] = {}
        missing = [(key, True) for key in present if key not in lasting]
        # A full list may lack conditions that are present.
        is_whole = len(status.conditions) < CONDITIONS_MAX
        gone = [(key, False) for key in lasting if is_whole and key not in present and _is_in_status(key[0])]
        for found in (*missing, *gone):
            differing[found] = self._since.get(found, mono_ns)
            if mono_ns - differing[found] >= SETTLED_NS:
                key, is_begun = found
                severity, text = present.get(key, (Severity.WARNING, ""))
                phase = AlertPhase.BEGAN if is_begun else AlertPhase.ENDED
                events.append(_event(phase, *key, severity, text, "status"))
                del differing[found]
        self._since = differing
        return events


def _present(status: StatusReply) -> dict[Key, tuple[Severity, str]]:
    """Severity and text of what the status shows, by code and subject."""
    found = {
        (one.code, one.subject): (one.severity, describe(one))
        for one in status.conditions
        if needs_person(one) and one.code not in CAUSES
    }
    if status.trading_state is not TradingState.ACTIVE:
        text = f"trading is {status.trading_state.value}: {status.trading_reason}"
        found[TRADING_STATE, ""] = (Severity.CRITICAL, text)
    return found


def _is_in_status(code: str) -> bool:
    """Whether the status shows everything with a code."""
    return code == TRADING_STATE or (code in CONDITION_KINDS and code != PORTFOLIO_SILENT)


def _event(phase: AlertPhase, code: str, subject: str, severity: Severity, text: str, origin: str) -> SourceEvent:
    return SourceEvent(phase=phase, code=code, subject=subject, severity=severity, text=text, origin=origin)
