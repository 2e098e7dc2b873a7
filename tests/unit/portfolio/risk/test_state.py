"""State of the risk rules (spreads, equity, orders, losses), and its reset when a person resumes trading."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import json, structs

from proto.control import StateCause, TradingState
from proto.gateway import DealEntry
from proto.time import DAY_NS
from proto.trading.enums import Side
from services.portfolio.core.account.events import DealBooked, OrderCreated, OrderUpdated, TradingStateChanged
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, DEMO_LIMITS, Limits
from services.portfolio.core.risk.rules.circuit_breaker import COOLDOWN_DOUBLINGS_MAX
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.state_updates import (
    update_equity_peaks,
    update_from_event,
    update_spread_median,
)
from tests.support.builders import START_NS, a_deal, a_deposit, an_order

D = Decimal
NS = 1_000_000_000


def close_trade(risk: RiskState, cash: str, *, at_ns: int, ticket: int = 0, limits: Limits = DEFAULT_LIMITS) -> None:
    """Close a trade of EURUSD with this profit in USD. Without `ticket`, the fill belongs to a new order."""
    ticket = ticket or latest_closing_ticket(risk) + 1
    deal = a_deal(1, Side.SELL, entry=DealEntry.OUT, profit=D(cash), time_ns=at_ns, ticket=ticket)
    update_from_event(risk, DealBooked(deal=deal, order_id="", closings=[]), limits)


def latest_closing_ticket(risk: RiskState) -> int:
    return risk.breakers["EURUSD"].ticket if risk.breakers else 0


def test_the_running_median_converges_to_the_median_of_the_quoted_spreads() -> None:
    risk = RiskState()
    update_spread_median(risk, "EURUSD", 2e-5, 1e-5)
    assert risk.spread_medians == {"EURUSD": 2e-5}
    for number in range(1_000):
        update_spread_median(risk, "EURUSD", 9e-5 if number % 3 else 4e-5, 1e-5)
    assert 8.8e-5 < risk.spread_medians["EURUSD"] <= 9e-5
    update_spread_median(risk, "EURUSD", 5e-3, 1e-5)
    assert risk.spread_medians["EURUSD"] <= 9.06e-5, "one extreme quote raises the median by a twentieth of a point"


def test_equity_has_a_start_of_day_a_high_of_day_and_a_peak() -> None:
    risk = RiskState()
    for equity, at_ns in (("100", START_NS), ("120", START_NS + 1), ("110", START_NS + 2)):
        update_equity_peaks(risk, D(equity), at_ns)
    peaks = risk.peaks
    assert (peaks.day_start, peaks.day_high, peaks.high, peaks.equity) == (D(100), D(120), D(120), D(110))
    update_equity_peaks(risk, D(105), START_NS + DAY_NS)
    assert (peaks.day_start, peaks.day_high, peaks.high) == (D(105), D(105), D(120))


def test_a_deposit_is_not_a_gain_and_a_withdrawal_is_not_a_loss() -> None:
    risk = RiskState()
    update_equity_peaks(risk, D(100), START_NS)
    update_from_event(risk, DealBooked(deal=a_deposit(amount="-50"), order_id="", closings=[]), DEFAULT_LIMITS)
    peaks = risk.peaks
    assert (peaks.day_start, peaks.day_high, peaks.high, peaks.equity) == (D(50), D(50), D(50), D(50))


def test_three_losses_in_a_row_start_a_pause_that_doubles_until_two_trials_without_loss() -> None:
    risk, now_ns = RiskState(), START_NS
    for cash in ("-1", "-1", "0", "-1", "-1"):
        close_trade(risk, cash, at_ns=now_ns)
    breaker = risk.breakers["EURUSD"]
    assert (breaker.losses, breaker.until_ns) == (2, 0)
    close_trade(risk, "-1", at_ns=now_ns)
    assert (breaker.until_ns, breaker.trials_left) == (now_ns + 300 * NS, 2)
    now_ns = breaker.until_ns
    close_trade(risk, "1", at_ns=now_ns)
    close_trade(risk, "-1", at_ns=now_ns)
    assert (breaker.until_ns, breaker.trials_left) == (now_ns + 600 * NS, 2), (
        "after a losing trial the pause is twice as long"
    )
    now_ns = breaker.until_ns
    close_trade(risk, "1", at_ns=now_ns)
    close_trade(risk, "1", at_ns=now_ns)
    assert (breaker.trips, breaker.trials_left) == (0, 0)
    for _ in range(3):
        close_trade(risk, "-1", at_ns=now_ns)
    assert breaker.until_ns == now_ns + 300 * NS, "after recovery the next pause is as long as the first"


def test_a_close_during_a_pause_is_no_trial() -> None:
    """During the pause ten losing closes do not lengthen it, and two winning closes do not end it."""
    risk = RiskState()
    for cash in ["-1"] * 13 + ["1"] * 2:
        close_trade(risk, cash, at_ns=START_NS)
    breaker = risk.breakers["EURUSD"]
    assert (breaker.trips, breaker.until_ns, breaker.trials_left) == (1, START_NS + 300 * NS, 2)


def test_a_close_in_several_fills_is_one_trade() -> None:
    risk = RiskState()
    for ticket in (7, 7, 7, 8, 8):
        close_trade(risk, "-1", at_ns=START_NS, ticket=ticket)
    assert risk.breakers["EURUSD"].losses == 2


def test_the_length_of_a_pause_has_a_maximum() -> None:
    risk, now_ns = RiskState(), START_NS
    for _ in range(100):
        close_trade(risk, "-1", at_ns=now_ns)
        now_ns = max(now_ns, risk.breakers["EURUSD"].until_ns)
    pause_ns = 300 * 2**COOLDOWN_DOUBLINGS_MAX * NS
    close_trade(risk, "-1", at_ns=now_ns)
    assert risk.breakers["EURUSD"].until_ns == now_ns + pause_ns
    assert json.decode(json.encode(risk), type=RiskState) == risk


def test_the_demos_pause_doubles_to_five_minutes_and_one_trial_without_loss_resets_it() -> None:
    """The pauses last 60, 120, 240 and then always 300 s. The first pause after a trade without loss lasts 60 s."""
    risk, now_ns, pauses = RiskState(), START_NS, []
    for _ in range(3 + 5):
        close_trade(risk, "-1", at_ns=now_ns, limits=DEMO_LIMITS)
        until_ns = risk.breakers["EURUSD"].until_ns
        if until_ns > now_ns:
            pauses.append((until_ns - now_ns) // NS)
            now_ns = until_ns
    assert pauses == [60, 120, 240, 300, 300, 300]
    assert risk.breakers["EURUSD"].run == 8, "consecutive losses are counted across pauses"
    close_trade(risk, "1", at_ns=now_ns, limits=DEMO_LIMITS)
    assert risk.breakers["EURUSD"].run == 0
    for _ in range(3):
        close_trade(risk, "-1", at_ns=now_ns, limits=DEMO_LIMITS)
    assert risk.breakers["EURUSD"].until_ns == now_ns + 60 * NS


def test_the_demo_limits_differ_from_the_default_only_in_name_and_circuit_breaker() -> None:
    changed = {
        name: getattr(DEMO_LIMITS, name)
        for name in DEMO_LIMITS.__struct_fields__
        if getattr(DEMO_LIMITS, name) != getattr(DEFAULT_LIMITS, name)
    }
    assert changed == {"name": "demo", "breaker_cooldown_s": 60, "breaker_cooldown_max_s": 300, "breaker_trials": 1}


def test_an_opening_deal_is_no_closed_trade() -> None:
    risk = RiskState()
    update_from_event(risk, DealBooked(deal=a_deal(commission=D(-1)), order_id="", closings=[]), DEFAULT_LIMITS)
    assert risk.breakers == {}


def test_orders_are_counted_by_minute_day_and_direction() -> None:
    risk = RiskState()
    for number, side in enumerate((Side.BUY, Side.BUY, Side.SELL, Side.SELL, Side.SELL), 1):
        order = an_order(number, side, created_ns=START_NS + number * 30 * NS)
        update_from_event(risk, OrderCreated(order=order), DEFAULT_LIMITS)
    assert risk.order_times_ns == [START_NS + number * 30 * NS for number in (4, 5)]
    assert (risk.orders_of_day, risk.runs, risk.last_order_ns) == (
        5,
        {"EURUSD": -3},
        {"EURUSD": START_NS + 150 * NS},
    )
    update_from_event(risk, OrderCreated(order=an_order(6, created_ns=START_NS + DAY_NS)), DEFAULT_LIMITS)
    assert (risk.orders_of_day, risk.runs) == (1, {"EURUSD": 1})


def test_times_of_orders_are_kept_only_for_a_limit_of_orders_per_minute() -> None:
    unlimited = structs.replace(DEFAULT_LIMITS, orders_per_minute_max=None)
    risk = RiskState(order_times_ns=[START_NS])
    update_from_event(risk, OrderCreated(order=an_order(created_ns=START_NS + NS)), unlimited)
    assert risk.order_times_ns == []
    assert risk.orders_of_day == 1


def a_state_change(
    state: TradingState, reason: str, by: str = "risk", causes: list[StateCause] | None = None
) -> TradingStateChanged:
    return TradingStateChanged(state=state, reason=reason, by=by, time_ns=START_NS, causes=causes or [])


RESUMED = a_state_change(TradingState.ACTIVE, "looked at it", "person")


def a_state_after_a_drawdown() -> RiskState:
    """Return a state after the equity fell from 100 to 90, one order was rejected, and two were made."""
    risk = RiskState()
    for equity in (D(100), D(90)):
        update_equity_peaks(risk, equity, START_NS)
    rejected = OrderUpdated(
        order_id="a", status=OrderStatus.REJECTED, ticket=None, retcode=None, code="", error="", time_ns=START_NS
    )
    update_from_event(risk, rejected, DEFAULT_LIMITS)
    for number in (1, 2):
        update_from_event(risk, OrderCreated(order=an_order(number)), DEFAULT_LIMITS)
    return risk


def test_a_resume_resets_only_the_rules_that_restricted_the_desk() -> None:
    risk = a_state_after_a_drawdown()
    causes = [
        StateCause("PERSON", "person", "news"),
        StateCause("DRAWDOWN", "risk", "10 %, limit 7 %"),
        StateCause("REJECTS", "risk", "5, limit 5"),
    ]
    update_from_event(risk, a_state_change(TradingState.HALTED, "news", "person", causes), DEFAULT_LIMITS)
    update_from_event(risk, RESUMED, DEFAULT_LIMITS)
    assert (risk.peaks.high, risk.reject_times_ns) == (D(90), [])
    assert (risk.runs, risk.peaks.day_start, risk.stopped_for) == ({"EURUSD": 2}, D(100), [])


PERSONS_REASON = "DRAWDOWN: looks odd; REJECTS: 5, limit 5"
"""A person's reason that looks like the denials of two rules."""


@pytest.mark.parametrize(
    "before",
    [
        [],
        [a_state_change(TradingState.HALTED, "news", "person")],
        [
            a_state_change(
                TradingState.HALTED, PERSONS_REASON, "person", [StateCause("PERSON", "person", PERSONS_REASON)]
            )
        ],
        [a_state_change(TradingState.HALTED, PERSONS_REASON, "person")],
    ],
    ids=["no halt", "halt for news", "reason like denials", "reason like denials, without stored causes"],
)
def test_a_resume_without_a_halt_by_a_rule_resets_no_rule(before: list[TradingStateChanged]) -> None:
    risk = a_state_after_a_drawdown()
    for event in (*before, RESUMED):
        update_from_event(risk, event, DEFAULT_LIMITS)
    assert (risk.peaks.high, risk.peaks.day_start, risk.peaks.equity) == (D(100), D(100), D(90))
    assert (risk.reject_times_ns, risk.runs) == ([START_NS], {"EURUSD": 2})


def test_a_resume_resets_the_count_of_repeated_orders_that_halted_the_desk() -> None:
    risk = a_state_after_a_drawdown()
    update_from_event(risk, a_state_change(TradingState.HALTED, "REPEATED_ORDERS: 21, limit 20"), DEFAULT_LIMITS)
    update_from_event(risk, RESUMED, DEFAULT_LIMITS)
    assert (risk.runs, risk.peaks.high) == ({}, D(100))
