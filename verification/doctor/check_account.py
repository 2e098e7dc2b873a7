"""Checks of refusals: retcodes of the latest orders, and errors of a MetaTrader terminal in the gateway's log."""

from __future__ import annotations

import re
from typing import Final

from proto.time import utc_text
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.retcodes import RetcodeOutcome
from services.mt5.terminal import terminal_errors
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Finding, Findings, Grade, check, fine
from verification.doctor.log_tail import last_lines

EXECUTED: Final = (OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED, OrderStatus.ACCEPTED)
MINUTE_CHARS: Final = len("2026-01-31 23:59")
LINES: Final = 40
"""Newest lines of the gateway's log that are searched."""

_ERROR: Final = re.compile(r"\((-\d{1,5})(?:\)|, ')")
"""An error of the terminal as the gateway writes it: `IPC timeout (-10005)` or `(-10005, 'IPC timeout')`."""


@check("orders")
def orders(desk: ExaminedDesk) -> Findings:
    """Refusals of the latest orders that no executed order of the same symbol has followed."""
    facts = desk.ledger
    if facts.problem:
        yield Finding(Grade.UNKNOWN, "LEDGER_UNREADABLE", "not examined, because the ledger cannot be read")
        return
    refused: dict[int, list[Order]] = {}
    settled: set[str] = set()
    for order in facts.latest_orders:  # the newest first
        if order.status in EXECUTED:
            settled.add(order.symbol)
        elif order.symbol not in settled and order.retcode is not None and _is_refusal(order.retcode):
            refused.setdefault(order.retcode, []).append(order)
    for number, found in refused.items():
        yield _refusal(number, found)
    if not refused:
        count = len(facts.latest_orders)
        yield fine(f"the latest {count} show no lasting refusal" if count else "none yet")


@check("terminal")
def terminal(desk: ExaminedDesk) -> Findings:
    """Errors of the MetaTrader terminal, in the gateway's answers and in the last lines of its log."""
    texts = [desk.gateway.account] if isinstance(desk.gateway.account, str) and desk.gateway.account else []
    if desk.status is not None:
        texts += [one.text for one in desk.status.conditions if one.code == "VENUE_UNAVAILABLE"]
    if desk.gateway.hello is None or texts:
        texts += last_lines(desk.log_dir / "mt5.log", LINES)[::-1]
    for text in texts:
        shown = _ERROR.search(text)
        known = None if shown is None else terminal_errors.of(int(shown[1]))
        if known is not None:
            yield Finding(Grade.WRONG, known.code, f"{known.number} {known.name}: {known.meaning}", known.action)
            return
    venue = desk.gateway.hello.venue if desk.gateway.hello is not None else ""
    yield fine(f"no error of a terminal; the venue is {venue}" if venue else "no error in the gateway's log")


def _is_refusal(number: int) -> bool:
    return retcodes.outcome_of(number) is not RetcodeOutcome.DONE


def _refusal(number: int, found: list[Order]) -> Finding:
    newest = found[0]
    row = retcodes.of(number)
    name, meaning, action = ("unknown", "MetaTrader documents no such code.", "Ask the broker.")
    if row is not None:
        name, meaning, action = row.name, row.meaning, row.action
    count = f", {len(found)} orders" if len(found) > 1 else ""
    order = f"{newest.order_id} {newest.symbol} of {utc_text(newest.created_ns)[:MINUTE_CHARS]}"
    text = f"{order} {newest.status.value}: {number} {name}{count}. {meaning}"
    return Finding(Grade.WARNING, f"RETCODE_{number}", text, action)


CHECKS: Final[tuple[Check, ...]] = (orders, terminal)
