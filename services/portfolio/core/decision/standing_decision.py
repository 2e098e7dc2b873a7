"""Standing decisions: what further signals of a symbol and direction get while only ticks change the desk.

A backtest uses them to pass over signals that cannot cause an event.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final, NamedTuple

from msgspec import structs

from proto.time import NEVER_NS
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.tick_cursor import denial_run
from services.portfolio.core.decision.position_judgement import entries_against, judge_position
from services.portfolio.core.decision.position_rule import SignalVerdict
from services.portfolio.core.decision.signal_decision import DecisionConditions, SignalDecision
from services.portfolio.core.risk.checks import Outlook
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rules import spread
from services.portfolio.core.state.portfolio_state import PortfolioState


class Action(Enum):
    """What a backtest does at a signal."""

    SKIP = auto()
    """Count it: it holds, or the position rule blocks it."""

    DENIED = auto()
    """Count it as denied with the same code as the signal before it."""

    VISIT = auto()
    """Decide it, because it may cause an event."""


class StandingDecision(NamedTuple):
    """The decision of a symbol's further signals in one direction.

    Args:
        action: what to do at each of the signals.
        verdict: the verdict of the position rule; with SKIP, HOLD or the verdict of a blocked signal.
        reason: text of the verdict of a blocked signal.
        code: code of the denial, with DENIED.
        until_ns: venue time from which on the decision may be another one; 0 with VISIT.
        confidence_min: confidence below which a denied signal may get another decision.
        confidence_max: confidence above which a denied signal may get another decision.
        spread_factor_max: a denied signal may get another decision unless the spread is wide by it (`is_wide`);
            None if the decision does not depend on the spread.
    """

    action: Action
    verdict: SignalVerdict = SignalVerdict.PASS
    reason: str = ""
    code: str = ""
    until_ns: int = NEVER_NS
    confidence_min: float = -math.inf
    confidence_max: float = math.inf
    spread_factor_max: float | None = None


HOLD: Final = StandingDecision(Action.SKIP, SignalVerdict.HOLD)
VISIT: Final = StandingDecision(Action.VISIT, until_ns=0)


def standing_decision(
    state: PortfolioState, symbol: str, direction: int, confidence: float, conditions: DecisionConditions
) -> StandingDecision:
    """Return the standing decision of a lock-step stream until the next event of the account.

    Args:
        state: the owners of the desk's state.
        symbol: a traded symbol of which a tick was decided.
        direction: +1 or -1.
        confidence: of the symbol's latest signal in this direction; any value if there was none.
        conditions: inputs of the decision other than account and ticks.
    """
    book, cursor, limits = state.account.book, state.stream.cursor, state.config.limits
    position = own_position(book, symbol, limits.foreign_orders)
    last_denied = cursor.last_denied.get(symbol, "")
    is_run = last_denied.endswith(f" {direction}")
    if position.direction == -direction and not is_run and not book.open_orders:
        return VISIT  # the signal closes the position
    verdict, reason = judge_position(
        direction, position, book, legs_max=limits.position_legs_max, is_unproven=conditions.is_unproven
    )
    if verdict is SignalVerdict.PASS:
        if not is_run or entries_against(symbol, direction, book):
            return VISIT  # the first denial of a run makes an event
        signal = structs.replace(
            state.stream.last_signals[symbol], direction=direction, confidence=confidence, time_ns=cursor.time_ns
        )
        decision = SignalDecision(signal, reason, position, book, state.stream, state.config, conditions)
        return _standing_denial(decision.denial_outlook(), last_denied, direction, limits)
    if verdict is SignalVerdict.ORDER_OPEN and entries_against(symbol, direction, book):
        return VISIT
    if verdict.value not in cursor.blocked or symbol not in cursor.blocked_signals:
        return VISIT  # the order of the ledger's keys is that of the first signals
    return StandingDecision(Action.SKIP, verdict, reason)


def _standing_denial(outlook: Outlook | None, run: str, direction: int, limits: Limits) -> StandingDecision:
    """The standing decision if denials continue a run (`TickCursor.last_denied`), else VISIT."""
    if outlook is None:
        return VISIT
    code, factor = "", None
    if outlook.uncertain == (spread.RULE.code,):
        # All rules before it allow the signal, so that the spread alone decides whether it is denied.
        code, factor = spread.RULE.code, limits.spread_factor_max
    elif outlook.denial is not None and outlook.denial.escalate_to is None and not outlook.uncertain:
        code = outlook.denial.code
    if run != denial_run(code, direction):
        return VISIT
    return StandingDecision(
        Action.DENIED,
        code=code,
        until_ns=outlook.until_ns,
        confidence_min=outlook.confidence_min,
        confidence_max=outlook.confidence_max,
        spread_factor_max=None if factor is None else float(factor),
    )
