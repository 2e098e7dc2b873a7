"""Causes of a trading state.

Events of earlier versions have no causes. Their causes are derived from `by` and `reason`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from proto.control import CONDITION_KINDS, StateCause, TradingState
from services.portfolio.core.account.events import TradingStateChanged

PERSON: Final = "person"
RISK: Final = "risk"
"""Value of `by` if a risk rule found the cause."""

_CODES_BY_ORIGIN: Final = {
    PERSON: "PERSON",
    "clock": "CLOCK_STEPPED",
    "gateway": "GATEWAY_REFUSED",
    "doubt": "IN_DOUBT_LIMIT",
    "terms": "INSTRUMENT_CHANGED",
    "reconciliation": "RECONCILIATION",
    "lease": "LEASE_LOST",
    "audit": "LEDGER_BROKEN",
    "invariants": "LEDGER_INVARIANT",
}
"""Code of the cause if an event has no `causes`, by the event's `by`."""

_UNCLASSIFIED: Final = "UNCLASSIFIED"


def causes_of(event: TradingStateChanged) -> list[StateCause]:
    """Return the causes of the event's trading state; ACTIVE has none."""
    if event.state is TradingState.ACTIVE:
        return []
    if event.causes:
        return event.causes
    if event.by != RISK:
        return [StateCause(_CODES_BY_ORIGIN.get(event.by, _UNCLASSIFIED), event.by, event.reason, event.state)]
    return [structs.replace(_cause_from_text(part), state=event.state) for part in event.reason.split("; ")]


def add_cause(causes: Iterable[StateCause], cause: StateCause) -> list[StateCause]:
    """Return `causes` with `cause` added, which replaces an earlier cause with the same code."""
    return [*(one for one in causes if one.code != cause.code), cause]


def describe_causes(causes: Iterable[StateCause]) -> str:
    """Return the causes as one line of text; the code of a person's cause is left out."""
    return "; ".join(one.text if one.code == "PERSON" else f"{one.code}: {one.text}" for one in causes)[:512]


def _cause_from_text(part: str) -> StateCause:
    code, colon, text = part.partition(": ")
    return StateCause(code, RISK, text) if colon and code in CONDITION_KINDS else StateCause(_UNCLASSIFIED, RISK, part)
