"""Between the levels that a rule declares, the equity changes no code of the rule's denials and no warning."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.portfolio.core.risk.equity_levels import (
    ABOVE,
    NEAR,
    REACHED,
    EquityLevel,
    Reference,
    level_state,
)
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.registry import active_rules
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state import Peaks
from services.portfolio.core.risk.state_updates import update_equity_peaks
from services.portfolio.core.risk.types import RiskContext
from tests.unit.portfolio.risk.scenes import MINUTE_NS, SERVER_MIDNIGHT_NS, D, an_account, an_order_for, only

UNIT = D("0.01")
PCT = st.sampled_from(["0.01", "0.5", "1", "2", "2.5", "3", "33.33", "100"]).map(D)
CENTS = st.integers(-300_000, 2_000_000)


def references(peaks: Peaks) -> dict[Reference, Decimal]:
    found = {Reference.HIGH: peaks.high, Reference.DAY_START: peaks.day_start, Reference.DAY_HIGH: peaks.day_high}
    return {reference: value for reference, value in found.items() if value is not None}


def states(limits: Limits, peaks: Peaks, balance: Decimal) -> list[int]:
    """State of each level that the rules declare under these limits."""
    assert peaks.equity is not None
    equity = float((peaks.equity - balance) / UNIT)
    return [
        level_state(
            equity,
            float((references(peaks)[level.reference] - balance) / UNIT),
            float(balance / UNIT),
            float(level.fall_pct / 100),
        )
        for level in active_rules(limits, an_account().plan).equity_levels
    ]


def results(account: RiskContext) -> list[Any]:
    """Codes, escalations and presence of warnings of the rules that declare levels."""
    found: list[Any] = []
    for rule in RULES:
        if rule.equity_levels is None:
            continue
        denial = rule.check(an_order_for(), account, account.cursor.time_ns)
        found.append(denial and (denial.code, denial.escalate_to))
        if rule.equity_watch is not None:
            warning, denial = rule.equity_watch.check(account)
            found += [warning == "", denial and (denial.code, denial.escalate_to)]
    return found


@given(pct=st.lists(PCT, min_size=4, max_size=4), balance=CENTS, cents=st.lists(CENTS, min_size=2, max_size=6))
@example(pct=[D(2), D(3), D(5), D(7)], balance=1_000_000, cents=[1_000_000, 980_002, 980_000, 970_000])
def test_the_results_of_rules_change_only_with_the_state_of_a_level(
    pct: list[Decimal], balance: int, cents: list[int]
) -> None:
    daily_loss_pct, *levels = pct
    warn, reduce, halt = sorted(levels)
    limits = only(
        daily_loss_pct_max=daily_loss_pct, drawdown_warn_pct=warn, drawdown_reduce_pct=reduce, drawdown_halt_pct=halt
    )
    account = an_account(limits)
    account.cursor.time_ns = SERVER_MIDNIGHT_NS + MINUTE_NS
    known: dict[tuple[int, ...], list[Any]] = {}
    for equity in cents:
        update_equity_peaks(account.risk_state, equity * UNIT, account.cursor.time_ns)
        state = tuple(states(limits, account.risk_state.peaks, balance * UNIT))
        if NEAR not in state:
            assert known.setdefault(state, results(account)) == results(account)


@given(balance=CENTS, reference=CENTS, equity=CENTS, pct=PCT)
@example(balance=1_000_000, reference=1_000_000, equity=980_000, pct=D(2))
def test_the_state_of_a_level_is_the_exact_one_or_near(balance: int, reference: int, equity: int, pct: Decimal) -> None:
    state = level_state(float(equity - balance), float(reference - balance), float(balance), float(pct / 100))
    is_reached = reference > 0 and (D(reference) - equity) / reference * 100 >= pct
    distance = abs(reference * pct / 100 - (reference - equity))
    assert (state == NEAR) == (distance <= 1 or abs(reference) <= 1)
    assume(state != NEAR)
    assert state == (REACHED if is_reached else ABOVE)


def test_a_level_is_near_within_a_unit_and_above_or_reached_beyond() -> None:
    """2% below 10,000.00 is 9,800.00."""
    found = [
        level_state(float(equity), 0.0, 1_000_000.0, 0.02) for equity in (-19_998, -19_999, -20_000, -20_001, -20_002)
    ]
    assert found == [ABOVE, NEAR, NEAR, NEAR, REACHED]


@pytest.mark.parametrize(
    ("limits", "levels"),
    [
        ({}, []),
        ({"drawdown_halt_pct": D(7)}, [(Reference.HIGH, D(7))]),
        ({"daily_loss_pct_max": D(2)}, [(Reference.DAY_START, D(2)), (Reference.DAY_HIGH, D(2))]),
    ],
)
def test_only_active_levels_count(limits: dict[str, Any], levels: list[tuple[Reference, Decimal]]) -> None:
    rules = active_rules(only(**limits), an_account().plan)
    assert list(rules.equity_levels) == [EquityLevel(*level) for level in levels]
    assert rules.unlevelled_watches == ()
