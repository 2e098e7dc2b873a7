"""Which incarnation of the ledger gives out order ids: a new one whenever ids that were given out may be missing from it.

After a reboot of the host the ledger may lack its newest commits, and after a restore all that came after the backup.
Ids begin with the incarnation, so that none of those is ever given to another order.
"""

from __future__ import annotations

import os
from typing import Final

from services.portfolio.ledger.ledger import HOST_BOOT, INCARNATION, Ledger

REASON: Final = "incarnation_reason"
"""Name in `meta`. A restore removes INCARNATION, so that the next start takes a new one, and says why in REASON."""


def ensure_incarnation(ledger: Ledger, *, host_boot: str) -> tuple[str, str]:
    """The incarnation to give out ids by, and why it was taken; `host_boot` is the boot of the host that runs now."""
    known = ledger.meta(INCARNATION)
    if known is not None and ledger.meta(HOST_BOOT) == host_boot and not ledger.rollback:
        return known, ledger.meta(REASON) or ""
    incarnation = os.urandom(4).hex()
    why = (ledger.meta(REASON) or "") if known is None else ledger.rollback or "the host was restarted"
    ledger.set_metas({INCARNATION: incarnation, HOST_BOOT: host_boot, REASON: why or "a new ledger"})
    return incarnation, why or "a new ledger"
