"""Circuit breaker: after several losing trades in a row, opening in the symbol pauses. Then trial trades follow.

A loss in a trial trade starts a longer pause. The symbol has recovered after enough trial trades without a loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from proto.gateway import DealEntry, VenueDeal
from proto.time import NEVER_NS, SECOND_NS, utc_text
from services.portfolio.core.account.events import DealBooked, RiskReset
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    measured_utilization,
    select_symbol,
)
from services.portfolio.core.risk.state import Breaker, RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

COOLDOWN_DOUBLINGS_MAX: Final = 10
"""Highest number of doublings of a pause.

After ten doublings the default pause of 300 s is three and a half days, so that a person has time to react.
"""


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with CIRCUIT_BREAKER during the pause of the symbol; `now_ns` is venue time."""
    losses = context.limits.breaker_losses
    breaker = context.risk_state.breakers.get(order.instrument.symbol)
    if losses is None or breaker is None or now_ns >= breaker.until_ns:
        return None
    return Denial(
        "CIRCUIT_BREAKER",
        f"{losses} losses in a row",
        f"pause until {utc_text(breaker.until_ns)}",
        until_ns=breaker.until_ns,
    )


def until(order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the end of the pause (see `rule.Until`)."""
    breaker = context.risk_state.breakers.get(order.instrument.symbol)
    return NEVER_NS if breaker is None or now_ns >= breaker.until_ns else breaker.until_ns


def _on_deal(risk_state: RiskState, event: DealBooked, limits: Limits) -> None:
    deal = event.deal
    if deal.kind.is_trade and deal.entry is not DealEntry.IN and limits.breaker_losses is not None:
        breaker = risk_state.breakers.setdefault(deal.symbol, Breaker())
        _count_trade(breaker, deal, limits, limits.breaker_losses)


def _count_trade(breaker: Breaker, deal: VenueDeal, limits: Limits, losses_max: int) -> None:
    """Count the result of a closed trade.

    A trade that closes during a pause is not counted, because it was usually opened before the pause. An order that
    closes in several fills counts as one trade, with the result of its first fill.
    """
    if deal.time_ns < breaker.until_ns or (deal.ticket and deal.ticket == breaker.ticket):
        return
    breaker.ticket = deal.ticket
    if deal.cash >= 0:
        breaker.losses = breaker.run = 0
        breaker.trials_left = max(breaker.trials_left - 1, 0)
        if not breaker.trials_left:
            breaker.trips = 0
        return
    breaker.losses += 1
    breaker.run += 1
    if breaker.losses >= losses_max or breaker.trials_left:
        doublings = min(breaker.trips, COOLDOWN_DOUBLINGS_MAX)
        pause_s = limits.breaker_cooldown_s * 2**doublings
        if limits.breaker_cooldown_max_s is not None:
            pause_s = min(pause_s, limits.breaker_cooldown_max_s)
        breaker.until_ns = deal.time_ns + pause_s * SECOND_NS
        breaker.trips, breaker.losses, breaker.trials_left = breaker.trips + 1, 0, limits.breaker_trials


def _utilization(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    limit = context.limits.breaker_losses
    if limit is None:
        return
    for symbol, breaker in sorted(context.risk_state.breakers.items()):
        ends_ns = breaker.until_ns if now_ns < breaker.until_ns else 0
        pause = f", pause until {utc_text(ends_ns)}" if ends_ns else ""
        yield measured_utilization(
            "CIRCUIT_BREAKER",
            symbol,
            f"{limit} losses in a row",
            f"{breaker.losses} in a row, {breaker.trials_left} trials left{pause}",
            amount=Decimal(limit if ends_ns else breaker.losses),  # the pause begins a new count, but the limit is used
            limit=Decimal(limit),
            unit="losses",
            ends_ns=ends_ns,
        )


def _remembered(risk_state: RiskState, symbol: str) -> dict[str, str]:
    found = {}
    for name, breaker in risk_state.breakers.items():
        texts = [f"{breaker.losses} losses in a row"] if breaker.losses else []
        texts += [f"{breaker.trips} pauses without recovery"] if breaker.trips else []
        texts += [f"{breaker.trials_left} trials left"] if breaker.trials_left else []
        texts += [f"pause until {utc_text(breaker.until_ns)}"] if breaker.until_ns else []
        if texts:
            found[name] = ", ".join(texts)
    return select_symbol(symbol, found)


def _clear(risk_state: RiskState, event: RiskReset) -> None:
    for name, breaker in risk_state.breakers.items():
        if event.symbol in ("", name):
            # The ticket is kept: a further fill of the order that closed the last trade is not another trade.
            risk_state.breakers[name] = Breaker(ticket=breaker.ticket)


def _contradiction(limits: Limits) -> str:
    longest_s, first_s = limits.breaker_cooldown_max_s, limits.breaker_cooldown_s
    if longest_s is None or longest_s >= first_s:
        return ""
    return f"breaker_cooldown_max_s is {longest_s}, expected at least breaker_cooldown_s, which is {first_s}"


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "CIRCUIT_BREAKER",
            "consecutive losing trades of a symbol that start a pause. After the pause the symbol recovers by "
            "`breaker_trials` trades without a loss; a loss before the recovery starts a pause twice as long, up to "
            "ten doublings or the maximum. Trades that close during a pause do not count",
            "wait for the end of the pause; then the symbol recovers by trades without a loss",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=(RuleLimit("breaker_losses"),),
    parameters=("breaker_cooldown_s", "breaker_cooldown_max_s", "breaker_trials"),
    contradiction=_contradiction,
    has_condition=True,
    can_be_excepted=True,
    reset=RuleReset(by_symbol=True, values=_remembered, clear=_clear),
    updates={DealBooked: _on_deal},
    utilization=_utilization,
    until=until,
)
