"""Standing decisions: what further signals of a symbol and direction get while only ticks change the desk.

A backtest uses them to pass over signals that cannot cause an event.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.decision.position_judgement import entries_against, judge_position
from services.portfolio.core.decision.position_rule import SignalVerdict
from services.portfolio.core.state.portfolio_state import PortfolioState


class Action(IntEnum):
    """What a backtest does at a signal."""

    SKIP = 0
    """Count it: it holds, or the position rule blocks it."""

    DENIED = 1
    """Count it as denied with the same code as the signal before it."""

    VISIT = 2
    """Decide it, because it may cause an event."""


class StandingDecision(NamedTuple):
    """The decision of a symbol's further signals in one direction.

    Args:
        action: what to do at each of the signals.
        verdict: the verdict of the position rule; with SKIP, HOLD or the verdict of a blocked signal.
        reason: text of the verdict of a blocked signal.
        code: code of the denial, with DENIED.
        until_ns: venue time from which on the decision may be another one.
    """

    action: Action
    verdict: SignalVerdict = SignalVerdict.PASS
    reason: str = ""
    code: str = ""
    until_ns: int = 0


HOLD: Final = StandingDecision(Action.SKIP, SignalVerdict.HOLD)
VISIT: Final = StandingDecision(Action.VISIT)


def standing_decision(state: PortfolioState, symbol: str, direction: int) -> StandingDecision:
    """Return the standing decision of a lock-step stream until the next event of the account.

    Args:
        state: the owners of the desk's state.
        symbol: a traded symbol whose terms are known.
        direction: +1 or -1.
    """
    book, cursor, limits = state.account.book, state.stream.cursor, state.config.limits
    position = own_position(book, symbol, limits.foreign_orders)
    if position.direction == -direction and not book.open_orders:
        return VISIT  # the signal closes the position
    verdict, reason = judge_position(
        direction,
        position,
        book,
        legs_max=limits.position_legs_max,
        is_unproven=symbol in state.warnings.unproven_symbols,
    )
    if verdict is SignalVerdict.PASS:
        return VISIT
    if verdict is SignalVerdict.ORDER_OPEN and entries_against(symbol, direction, book):
        return VISIT
    if verdict.value not in cursor.blocked or symbol not in cursor.blocked_signals:
        return VISIT  # the order of the ledger's keys is that of the first signals
    return StandingDecision(Action.SKIP, verdict, reason)
