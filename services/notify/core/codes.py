"""Codes of alerts: events of the ledger, problems of processes, and conditions of the desk."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from proto.alert_record import PROCESS_ALERTS
from proto.control import CONDITION_KINDS, Severity

FILL: Final = "FILL"
DENIAL: Final = "DENIAL"
TRADING_STATE: Final = "TRADING_STATE"
RECONCILIATION_DIFFERENCE: Final = "RECONCILIATION_DIFFERENCE"
LEDGER_REPLACED: Final = "LEDGER_REPLACED"
DAILY_SUMMARY: Final = "DAILY_SUMMARY"
PORTFOLIO_SILENT: Final = "PORTFOLIO_SILENT"
NOTIFY_FAILS: Final = "NOTIFY_FAILS"

LEDGER_CODES: Final = {
    FILL: Severity.INFO,
    DENIAL: Severity.INFO,
    TRADING_STATE: Severity.CRITICAL,
    RECONCILIATION_DIFFERENCE: Severity.CRITICAL,
    LEDGER_REPLACED: Severity.WARNING,
    DAILY_SUMMARY: Severity.INFO,
}
"""Highest severity by code of the alerts about the ledger. TRADING_STATE is INFO when trading is resumed."""

CAUSES: Final = frozenset(code for code, kind in CONDITION_KINDS.items() if kind.effect is None)
"""Conditions that are causes of the trading state; the alert TRADING_STATE names them."""

CONDITION_CODES: Final = {
    code: kind.severity
    for code, kind in CONDITION_KINDS.items()
    if kind.effect is not None and kind.severity is not Severity.INFO and code != "PROCESS_DOWN"
}
"""Severity by code of the conditions that make an alert. PROCESS_DOWN is detected by screens only."""

KNOWN: Final = {**LEDGER_CODES, **PROCESS_ALERTS, **CONDITION_CODES}
"""Highest severity by code of every alert."""

LASTING: Final = frozenset({TRADING_STATE, RECONCILIATION_DIFFERENCE, *CONDITION_CODES})
"""Codes of alerts about something that lasts until it ends."""


@lru_cache(maxsize=1_024)
def matches(pattern: str, code: str) -> bool:
    """Whether a code has the form of a pattern, in which `*` stands for any number of characters."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), code) is not None
