"""Escalation: which denials and drawdown levels change the trading state.

What a new day lets the desk do again is here, too.
"""

from __future__ import annotations

from typing import Final

from proto.control import TradingState
from proto.trading.server_time import server_day
from services.portfolio.core.account.state_causes import RISK
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.rules.drawdown import drawdown_denial, drawdown_pct
from services.portfolio.core.risk.types import Denial, RiskContext
from services.portfolio.core.state.portfolio_state import PortfolioState

_ENDS_WITH_DAY: Final = ("REJECTS",)
"""Causes that a new day takes away. What lost money is none of them, nor is a desk that has run away."""


def resume_after_day_end(state: PortfolioState, now_ns: int) -> None:
    """Trade again on the server's next day, if `rearm_at_day_end` says so and the risk rules stopped for such reasons alone."""
    limits, trading = state.config.limits, state.account.book.trading
    if not limits.rearm_at_day_end or trading is None or trading.state is TradingState.ACTIVE:
        return
    is_of_day = all(cause.by == RISK and cause.code in _ENDS_WITH_DAY for cause in state.account.state_causes)
    if is_of_day and server_day(now_ns) > server_day(trading.time_ns):
        reason = f"the server's day is over in which the desk was {trading.state} for {trading.reason}"
        state.account.resume_trading(reason, by=RISK)


def escalate_drawdown(state: PortfolioState) -> None:
    """Warn, let the desk only reduce, or halt it, from the level of its drawdown on."""
    account = RiskContext(state.account.book, state.stream.cursor, state.config.limits, state.stream.risk)
    fallen, warn_pct = drawdown_pct(account), state.config.limits.drawdown_warn_pct
    text = ""
    if fallen is not None and warn_pct is not None and fallen >= warn_pct:
        text = f"drawdown {format_percent(fallen)}, warned of from {format_percent(warn_pct)}"
    state.warnings.conditions.update("DRAWDOWN_WARNING", text)
    escalate(state, drawdown_denial(account))


def escalate(state: PortfolioState, denial: Denial | None) -> None:
    """Go over to the state that a denial asks for, if any."""
    if denial is not None and denial.escalate_to is not None:
        state.account.restrict_trading(
            denial.escalate_to, denial.code, f"{denial.observed}, limit {denial.limit}", by=RISK
        )
