"""Hints for people, by denial code: what must change so that the desk accepts the order."""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import structs

from proto.control import DeskCommand, OrderCommandReply, PlaceCommand
from services.portfolio.core.risk.registry import EXCEPTABLE_CODES, HINT_OF_CODE, RESET_OF_CODE

R = TypeVar("R")

DENIAL_HINTS: Final = HINT_OF_CODE | {
    "POSITION_OPEN": "close the position by the opposite signal or `paperdesk close`, or raise position_legs_max",
    "ORDER_OPEN": "wait until the open order is filled, canceled or known to be unexecuted",
    "UNPROVEN": "wait for the next complete comparison with the venue, which shows whether the order expired",
    "INVALID_SIGNAL": "the strategy must return -1, 0 or 1",
    "NO_SIZE": "the plan's sizing must give a volume that the venue trades",
}
"""Hint by denial code; the codes are those of the risk rules, the position rule and the sizing."""


def denial_hint(code: str) -> str:
    """Return the hint for a code; for an unknown code, such as one of a venue, a reference to docs/risk.md."""
    return DENIAL_HINTS.get(code, f"docs/risk.md describes {code}")


def with_hint(reply: R, command: DeskCommand) -> R | OrderCommandReply:
    """Add a hint to a reply that denies a person's command. The hint also names a possible exception or reset."""
    if not isinstance(reply, OrderCommandReply) or not reply.denied:
        return reply
    hints = [denial_hint(reply.code)]
    if isinstance(command, PlaceCommand) and reply.code in EXCEPTABLE_CODES:
        hints.append(f"--past-rule {reply.code} overrides the rule for the order")
    if isinstance(command, PlaceCommand) and (rule := RESET_OF_CODE.get(reply.code)) is not None:
        symbol = f" --symbol {command.symbol}" if rule.by_symbol else ""
        hints.append(f"`paperdesk risk reset {reply.code}{symbol} --reason ...` clears the state of the rule")
    return structs.replace(reply, hint="; ".join(hints))
