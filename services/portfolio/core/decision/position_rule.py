"""The single-position rule: at most one position per symbol, and what a signal may do to it.

Flat allows BUY and SELL. A position blocks more of its own direction. The opposite signal closes it, or reverses it
where the desk is set so. One that is held long and short alike is not flat, and has no opposite: it blocks both. An order that may still be executed counts: while one is open or in doubt, nothing is sent.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from numbers import Real
from typing import Final, NamedTuple

from services.portfolio.core.account.position import Position
from services.portfolio.core.plan.on_opposite import OnOpposite

SIGNAL_NAMES: Final = {1: "BUY", 0: "HOLD", -1: "SELL"}


class SignalVerdict(StrEnum):
    """How a signal was judged; the values count as reasons in the report."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a secret
    HOLD = "HOLD"
    INVALID_SIGNAL = "INVALID_SIGNAL"
    POSITION_OPEN = "POSITION_OPEN"
    ORDER_OPEN = "ORDER_OPEN"
    UNPROVEN = "UNPROVEN"


class PositionRuleResult(NamedTuple):
    """The verdict and the words for it."""

    verdict: SignalVerdict
    reason: str


_PASS_FLAT: Final = {
    direction: PositionRuleResult(
        SignalVerdict.PASS, f"[RISK] PASS: Signal={SIGNAL_NAMES[direction]}({direction}), Position=FLAT"
    )
    for direction in (-1, 1)
}
_HOLD: Final = PositionRuleResult(SignalVerdict.HOLD, "[RISK] HOLD signal (0) - no order sent")


def check_position_rule(
    signal: int, position: Position, open_order: str | None, *, entries: int | None = None, legs_max: int = 1
) -> PositionRuleResult:
    """Judge a signal against the position and the order that is open or in doubt.

    Args:
        signal: -1, 0 or +1.
        position: as it is held. What stands against the signal may always be closed, whatever is held beside it.
        open_order: the id of an order that has to end first, or None.
        entries: orders in the signal's direction that what is held was opened by; its lots unless they are counted.
        legs_max: so many entries a symbol may have.
    """
    if not _is_signal(signal):
        return PositionRuleResult(
            SignalVerdict.INVALID_SIGNAL, f"[RISK] INVALID signal {_shown(signal)}, expected -1, 0 or 1"
        )
    if signal == 0:
        return _HOLD
    signal = 1 if signal > 0 else -1  # a model's 1.0 is said as 1
    name = SIGNAL_NAMES[signal]
    if open_order is not None:
        return PositionRuleResult(
            SignalVerdict.ORDER_OPEN, f"[RISK] BLOCKED: Signal={name}({signal}) but order {open_order} is open"
        )
    if position.is_flat:
        return _PASS_FLAT[signal]
    if entries is None:
        entries = len(position.lots)
    if not position.has_leg_against(signal) and entries >= legs_max:
        return PositionRuleResult(
            SignalVerdict.POSITION_OPEN, f"[RISK] BLOCKED: Signal={name}({signal}) but position is {position.label}"
        )
    return PositionRuleResult(SignalVerdict.PASS, f"[RISK] PASS: Signal={name}({signal}), Position={position.label}")


def _is_signal(signal: object) -> bool:
    if signal.__class__ is int:
        return signal in (-1, 0, 1)
    if isinstance(signal, bool):
        return False
    return isinstance(signal, Real) and signal in (-1, 0, 1)


def _shown(signal: object) -> str:
    if isinstance(signal, int) and signal.bit_length() > 64:
        return "out of range"
    return repr(signal)[:60]


def explicit_volume(signal: int, position: Position, wanted: Decimal, on_opposite: OnOpposite) -> Decimal:
    """Lots to send for a signal that passed and a volume that the caller chose.

    Against a position a smaller volume reduces it; a larger one is cut to the position with `close` and opens the other
    side with the excess with `reverse`.
    """
    if position.direction == -signal and on_opposite is OnOpposite.CLOSE:
        return min(wanted, position.volume)
    return wanted
