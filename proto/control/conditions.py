"""Conditions: named causes that prevent trading or need a person; `CONDITION_KINDS` is the table of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from proto.control.condition_kinds import CONDITION_KINDS, Effect, Severity
from proto.trading.units import Name, Text

CONDITIONS_MAX: Final = 100
"""Largest number of conditions in one reply, so that it fits into a frame. The least grave ones are left out."""


class TradingState(StrEnum):
    """Which orders the desk may send: all (ACTIVE), orders that reduce positions (REDUCE_ONLY), or closes (HALTED).

    In HALTED only a person's closes and those of FLATTEN are sent.
    """

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"


class StateCause(Struct, frozen=True, omit_defaults=True):
    """A cause of the trading state REDUCE_ONLY or HALTED.

    `code` is a key of `CONDITION_KINDS`. `by` is the person or the part of the desk that set the cause.
    """

    code: Name
    by: Name
    text: Text
    state: TradingState = TradingState.HALTED


class Condition(Struct, frozen=True, kw_only=True):
    """A current condition; `subject` is a symbol, a process or a file, or empty if it concerns the whole desk."""

    code: Name
    severity: Severity
    effect: Effect
    subject: Text = ""
    by: Text = ""
    text: Text = ""


PROCESS_STATES: Final = ("CONNECTING", "RECONCILING", "WAITING_FOR_SIGNALS", "FAILED", "STOPPING")
"""Conditions that are states of the portfolio process."""

_GRAVITY: Final = {effect: rank for rank, effect in enumerate(Effect)}
_URGENCY: Final = {severity: rank for rank, severity in enumerate(Severity)}


def severity_rank(severity: Severity) -> int:
    """Return the rank of a severity; that of a graver one is higher."""
    return _URGENCY[severity]


def condition(code: str, text: str, *, subject: str = "", by: str = "", effect: Effect | None = None) -> Condition:
    """Build a condition with a code of `CONDITION_KINDS`; `effect` is required for a cause of the trading state.

    Raises:
        KeyError: the table has no such code.
    """
    kind = CONDITION_KINDS[code]
    found = effect or kind.effect
    assert found is not None, f"{code} takes its effect from the trading state"
    return Condition(code=code, severity=kind.severity, effect=found, subject=subject, by=by, text=text[:512])


def by_gravity(conditions: Iterable[Condition]) -> list[Condition]:
    """Sort conditions by effect, then by severity, the gravest first. Equally grave ones keep their order."""
    return sorted(conditions, key=lambda one: (-_GRAVITY[one.effect], -severity_rank(one.severity)))


def needs_person(found: Condition) -> bool:
    """Whether a condition raises an alert: its severity is WARNING or CRITICAL."""
    return found.severity is not Severity.INFO


def keeps_from_trading(found: Condition) -> bool:
    """Whether a condition is CRITICAL and prevents trading in at least one symbol.

    Exit codes and health checks report these conditions.
    """
    return found.effect is not Effect.NONE and found.severity is Severity.CRITICAL


def trades_nothing(conditions: Iterable[Condition], symbols: Iterable[str]) -> bool:
    """Whether the conditions together prevent orders that open exposure in every symbol.

    Args:
        conditions: current conditions.
        symbols: traded symbols.
    """
    found = list(conditions)
    if any(one.effect in (Effect.REDUCE_ONLY, Effect.HALTED) for one in found):
        return True
    prevented = {one.subject for one in found if one.effect is Effect.SYMBOL}
    traded = frozenset(symbols)
    return bool(traded) and traded <= prevented


def headline(conditions: Iterable[Condition], symbols: Iterable[str]) -> str:
    """The effect of all conditions on trading; TRADING if none prevents trading in any symbol.

    Args:
        conditions: current conditions.
        symbols: traded symbols. If conditions of single symbols prevent trading, the headline is NOT TRADING if they
            affect all traded symbols, else PARTLY TRADING.
    """
    found = by_gravity(conditions)
    gravest = next(iter(found), None)
    if gravest is None or gravest.effect is Effect.NONE:
        return "TRADING"
    if gravest.effect is Effect.SYMBOL:
        return "NOT TRADING" if trades_nothing(found, symbols) else "PARTLY TRADING"
    if gravest.effect is Effect.REDUCE_ONLY:
        return "REDUCE ONLY"
    return gravest.code.replace("_", " ") if gravest.code in PROCESS_STATES else "HALTED"


def describe(found: Condition) -> str:
    """One line of text for a condition: code, subject, who set it, text."""
    subject = f" {found.subject}" if found.subject else ""
    by = f" (by {found.by})" if found.by else ""
    return f"{found.code}{subject}{by}: {found.text}"
