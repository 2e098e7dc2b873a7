"""The position rule: it passes or blocks a signal by the symbol's position and open orders.

Without a position, BUY and SELL pass. A position that has reached the limit of entries (by default one) blocks signals
in its direction; a signal in the opposite direction passes, and closes or reverses the position. An open order of the
symbol, including one in doubt, blocks every signal. Exception: a resting order without fills does not block a close.
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
    """The verdict on a signal; reports count signals by verdict.

    POSITION_OPEN and ORDER_OPEN: a position or an open order blocks the signal. UNPROVEN: an order of the symbol was
    presumed to have expired, and no reconciliation has completed since.
    """

    PASS = "PASS"  # noqa: S105 - a verdict, not a secret
    HOLD = "HOLD"
    INVALID_SIGNAL = "INVALID_SIGNAL"
    POSITION_OPEN = "POSITION_OPEN"
    ORDER_OPEN = "ORDER_OPEN"
    UNPROVEN = "UNPROVEN"


class PositionRuleResult(NamedTuple):
    """The verdict and its reason as text; for a PASS, the reason is stored with the decision."""

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
    """Check a signal against the position and the open orders of its symbol.

    Args:
        signal: -1, 0 or +1; any other value gets INVALID_SIGNAL.
        position: of the symbol. A signal may always close a leg in the opposite direction, even if other legs have the
            signal's direction.
        open_order: the id of an open order that blocks the signal, or None.
        entries: number of orders that opened the position in the signal's direction; by default the number of its open
            lots.
        legs_max: highest number of entries in one direction.
    """
    if not _is_signal(signal):
        return PositionRuleResult(
            SignalVerdict.INVALID_SIGNAL, f"[RISK] INVALID signal {_shown(signal)}, expected -1, 0 or 1"
        )
    if signal == 0:
        return _HOLD
    signal = 1 if signal > 0 else -1  # the reason shows a model's 1.0 as 1
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


def explicit_volume(signal: int, position: Position, volume: Decimal, on_opposite: OnOpposite) -> Decimal:
    """Return the lots, above 0, of the order for a signal that passed and whose volume the caller chose.

    Args:
        signal: -1 or +1.
        position: of the symbol.
        volume: the chosen lots, above 0. Against a position, a smaller volume reduces the position. A larger volume is
            cut to the position's with `close`; with `reverse` the excess opens a position in the signal's direction.
        on_opposite: what a signal does to a position in the opposite direction.
    """
    if position.direction == -signal and on_opposite is OnOpposite.CLOSE:
        return min(volume, position.volume)
    return volume
