"""Check of what the desk itself reports: its conditions, or the stored causes of a stopped desk's trading state."""

from __future__ import annotations

from typing import Any, Final

from proto.control import CONDITION_KINDS, describe, headline
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, Grade, check, fine, from_condition


@check("trading")
def trading(desk: ExaminedDesk) -> Findings:
    """The desk's conditions, among them the contact of the watchdog; of a stopped desk the trading state."""
    status = desk.status
    if status is None:
        yield from _stored(desk)
        return
    results = [
        finding
        for one in status.conditions
        if (finding := from_condition(one.code, describe(one))).grade is not Grade.OK
    ]
    yield from results
    if not results:
        yield fine(f"{headline(status.conditions, status.symbols)}, trading state {status.trading_state.value}")


def _stored(desk: ExaminedDesk) -> Findings:
    if desk.ledger_owner is not None:
        yield from_condition(
            "PORTFOLIO_SILENT", f"PORTFOLIO_SILENT: the process{desk.ledger_owner} that writes the ledger is silent"
        )
    elif desk.is_running:
        yield from_condition(
            "PORTFOLIO_SILENT", f"PORTFOLIO_SILENT: {desk.control_url or 'its socket'} does not answer"
        )
    causes: list[dict[str, Any]] = (desk.ledger.trading or {}).get("causes", [])
    for cause in causes:
        code = cause["code"] if cause["code"] in CONDITION_KINDS else "UNCLASSIFIED"
        yield from_condition(code, f"{code} (by {cause.get('by', '')}): {cause.get('text', '')}")
    state = (desk.ledger.trading or {}).get("state", "ACTIVE")
    if not causes and state != "ACTIVE":
        reason = (desk.ledger.trading or {}).get("reason", "")
        yield from_condition("UNCLASSIFIED", f"UNCLASSIFIED: {state}: {reason}")
    elif not causes and not desk.is_running:
        yield fine(f"the desk is stopped, trading state {state}")


CHECKS: Final[tuple[Check, ...]] = (trading,)
