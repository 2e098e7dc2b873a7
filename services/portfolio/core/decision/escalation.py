"""Changes of the trading state by risk rules: restrictions by denials and losses, and their end on the next day."""

from __future__ import annotations

from collections.abc import Iterable

from proto.control import TradingState
from proto.trading.server_time import server_day
from services.portfolio.core.account.state_causes import RISK
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.registry import ENDS_WITH_DAY
from services.portfolio.core.risk.rule import EquityWatch
from services.portfolio.core.risk.types import Denial, RiskContext
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.portfolio_state import PortfolioState


def resume_after_day_end(account: AccountState, limits: Limits, now_ns: int) -> None:
    """Resume trading on the server's next day if `rearm_at_day_end` is set and all causes are of `ENDS_WITH_DAY`.

    Args:
        account: owner of the trading state.
        limits: the desk's limits.
        now_ns: current venue time.
    """
    trading = account.book.trading
    if not limits.rearm_at_day_end or trading is None or trading.state is TradingState.ACTIVE:
        return
    is_of_day = all(cause.by == RISK and cause.code in ENDS_WITH_DAY for cause in account.state_causes)
    if is_of_day and server_day(now_ns) > server_day(trading.time_ns):
        reason = f"the server's day is over in which the desk was {trading.state} for {trading.reason}"
        account.resume_trading(reason, by=RISK)


def watch_equity(state: PortfolioState, watches: Iterable[EquityWatch]) -> None:
    """Let the active rules that watch the equity warn or restrict trading; called when the equity has changed."""
    context = RiskContext(state.account.book, state.stream.cursor, state.config.limits, state.stream.risk)
    for watch in watches:
        warning, denial = watch.check(context)
        state.warnings.conditions.update(watch.condition, warning)
        escalate(state.account, denial)


def escalate(account: AccountState, denial: Denial | None) -> None:
    """Restrict trading to the trading state that the denial demands, if it demands one."""
    if denial is not None and denial.escalate_to is not None:
        account.restrict_trading(denial.escalate_to, denial.code, f"{denial.observed}, limit {denial.limit}", by=RISK)
