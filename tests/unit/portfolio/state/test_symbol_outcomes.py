"""Consecutive denied signals set a condition until an order is made, refused orders until an order is accepted."""

from __future__ import annotations

from services.portfolio.core.state.conditions import ActiveConditions
from services.portfolio.core.state.symbol_outcomes import (
    DENIED_NS_MIN,
    DENIED_SIGNALS_MIN,
    REFUSED_ORDERS_MIN,
    SymbolOutcomes,
)


def codes(conditions: ActiveConditions) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in conditions]


def test_consecutive_denials_over_a_minute_set_signals_denied_until_an_order_is_made() -> None:
    conditions = ActiveConditions()
    outcomes = SymbolOutcomes(conditions)
    for number in range(DENIED_SIGNALS_MIN):
        outcomes.on_denial("EURUSD", 1_000 + number, "SPREAD: 9 points, limit 3")
    assert codes(conditions) == [], "many denials within a short time do not set the condition"
    outcomes.on_denial("EURUSD", 1_000 + DENIED_NS_MIN, "SPREAD: 9 points, limit 3")
    outcomes.on_denial("GBPUSD", 1_000, "SPREAD: 9 points, limit 3")
    [found] = conditions
    assert (found.code, found.subject) == ("SIGNALS_DENIED", "EURUSD")
    assert found.text == "6 signals in a row denied within 60 s, the latest by SPREAD: 9 points, limit 3"
    outcomes.on_order("EURUSD", 0)
    assert codes(conditions) == []
    outcomes.on_denial("EURUSD", 2_000 + DENIED_NS_MIN, "again")
    assert codes(conditions) == [], "the order has reset the count"


def test_two_denials_a_minute_apart_set_no_condition() -> None:
    conditions = ActiveConditions()
    outcomes = SymbolOutcomes(conditions)
    outcomes.on_denial("EURUSD", 0, "NEWS")
    outcomes.on_denial("EURUSD", DENIED_NS_MIN, "NEWS")
    assert codes(conditions) == []


def test_consecutive_refusals_set_orders_refused_until_the_venue_accepts_an_order() -> None:
    conditions = ActiveConditions()
    outcomes = SymbolOutcomes(conditions)
    for _ in range(REFUSED_ORDERS_MIN - 1):
        outcomes.on_refusal("EURUSD", "REJECTED 10018 market closed")
    assert codes(conditions) == []
    outcomes.on_refusal("GBPUSD", "REJECTED 10018 market closed")
    outcomes.on_refusal("EURUSD", "REJECTED 10018 market closed")
    assert codes(conditions) == [("ORDERS_REFUSED", "EURUSD")]
    outcomes.on_acceptance("EURUSD")
    assert codes(conditions) == []
