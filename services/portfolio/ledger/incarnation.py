"""Incarnation of the ledger, replaced whenever used order ids may be missing from the ledger.

After a reboot of the host the ledger may lack its newest commits, and after a restore all commits since the backup.
Order ids begin with the incarnation, so that no id is ever used for two orders.
"""

from __future__ import annotations

import os
from typing import Final

from services.portfolio.ledger.ledger import HOST_BOOT, INCARNATION, Ledger

REASON: Final = "incarnation_reason"
"""Name of the note in `meta` with the reason for the current incarnation.

A restore sets it and removes the note INCARNATION, so that the next start takes a new incarnation.
"""


def ensure_incarnation(ledger: Ledger, *, host_boot: str) -> tuple[str, str]:
    """Return the incarnation for new order ids and its reason; `host_boot` identifies the current boot of the host."""
    known = ledger.meta(INCARNATION)
    if known is not None and ledger.meta(HOST_BOOT) == host_boot and not ledger.rollback:
        return known, ledger.meta(REASON) or ""
    incarnation = os.urandom(4).hex()
    why = (ledger.meta(REASON) or "") if known is None else ledger.rollback or "the host was restarted"
    ledger.set_metas({INCARNATION: incarnation, HOST_BOOT: host_boot, REASON: why or "a new ledger"})
    return incarnation, why or "a new ledger"
