"""Warnings about a plan whose distances are below the venue's stops level, so that its opening orders are denied."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from proto.trading.enums import OrderType
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import InstrumentLearned
from services.portfolio.core.plan.distance_warnings import plan_warning
from services.portfolio.core.plan.plan import PLAIN, Entry, Exits, Plan, Strategy
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from tests.support.builders import an_opened_stream, plain_terms, some_rules

LEVEL = 10


def warning_of(plan: Plan, **terms: Any) -> str:
    instrument = structs.replace(plain_terms(), stops_level_points=LEVEL, **terms)
    return plan_warning(plan, ("EURUSD", "NZDUSD"), {"EURUSD": instrument})


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.STOP])
def test_an_entry_offset_below_the_stops_level_is_reported_and_an_equal_one_is_not(kind: OrderType) -> None:
    assert warning_of(Plan(entry=Entry(type=kind, offset_points=9))) == (
        "the plan's opening orders are denied: entry.offset_points of EURUSD is 9 points, "
        "the venue's stops level 10 (INVALID_PRICE)"
    )
    assert warning_of(Plan(entry=Entry(type=kind, offset_points=10))) == ""


def test_the_smaller_of_stop_loss_and_trailing_distance_is_checked() -> None:
    assert "the stop loss of EURUSD is 9 points" in warning_of(Plan(exits=Exits(stop_loss_points=9)))
    assert "the stop loss of EURUSD is 5 points" in warning_of(
        Plan(exits=Exits(stop_loss_points=50, trailing_stop_points=5))
    )
    assert warning_of(Plan(exits=Exits(stop_loss_points=10, trailing_stop_points=50))) == ""


def test_a_take_profit_below_the_stops_level_is_reported_only_for_a_resting_entry() -> None:
    exits = Exits(take_profit_points=9)
    assert warning_of(Plan(exits=exits)) == ""
    resting = Plan(exits=exits, entry=Entry(type=OrderType.LIMIT, offset_points=20))
    assert "exits.take_profit_points of EURUSD is 9 points" in warning_of(resting)


def test_a_distance_that_rounding_raises_to_the_stops_level_is_not_reported() -> None:
    assert warning_of(Plan(exits=Exits(stop_loss_points=6)), tick_size=Decimal("0.0001")) == ""


def test_the_exits_of_a_strategy_are_checked_for_its_symbols() -> None:
    near = Strategy(symbols=("EURUSD",), exits=Exits(stop_loss_points=1))
    assert "the stop loss of EURUSD is 1 points" in warning_of(Plan(strategies={"a": near}))
    assert warning_of(Plan(strategies={"a": structs.replace(near, symbols=("GBPUSD",))})) == ""


def test_a_plan_without_distances_causes_no_warning() -> None:
    assert warning_of(PLAIN) == ""


def test_a_desk_warns_as_soon_as_the_terms_are_in_the_book() -> None:
    book = Book()
    book.apply(an_opened_stream())
    plan = Plan(exits=Exits(stop_loss_points=3))
    state = compose_state(config=some_rules(plan=plan), book=book, persisted=PersistedState(), incarnation="live")
    assert status_of(state).warning == ""
    state.account.emit(InstrumentLearned(instrument=structs.replace(plain_terms(), stops_level_points=LEVEL)))
    assert "the stop loss of EURUSD is 3 points, the venue's stops level 10" in status_of(state).warning
