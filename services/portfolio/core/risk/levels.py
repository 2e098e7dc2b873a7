"""What the ladder does to the desk itself: by what it denies, and by a fall of the equity whether or not one asks."""

from __future__ import annotations

from services.portfolio.core.desk import Desk
from services.portfolio.core.risk.rules.drawdown import denial_at, drawdown_pct
from services.portfolio.core.risk.terms import Account, Denial
from services.portfolio.core.risk.words import percent


def limit_drawdown(desk: Desk) -> None:
    """Warn, let the desk only reduce, or halt it, from the level of its drawdown on."""
    account = Account(desk.book, desk.cursor, desk.rules.limits)
    fallen, warn_pct = drawdown_pct(account), desk.rules.limits.drawdown_warn_pct
    desk.warning = ""
    if fallen is not None and warn_pct is not None and fallen >= warn_pct:
        desk.warning = f"drawdown {percent(fallen)}, warned of from {percent(warn_pct)}"
    heed(desk, denial_at(account))


def heed(desk: Desk, denial: Denial | None) -> None:
    """Go over to the state that a denial asks for, if any."""
    if denial is not None and denial.then is not None:
        desk.restrict(denial.then, f"{denial.code}: {denial.observed}, limit {denial.limit}", by="risk")
