"""The record of many ticks leaves the peaks that each tick would leave, to the last digit of their texts."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from marketdata.tick_bounds import TickBounds
from proto.trading.enums import Side
from proto.trading.server_time import server_day
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.decision.equity_scan import BALANCE, EQUITY, SCALE_SIZE, EquityScan, PassedEquity
from services.portfolio.core.plan.plan import PLAIN
from services.portfolio.core.risk.equity_levels import Reference
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.registry import ActiveRules, active_rules
from services.portfolio.core.risk.state import Peaks
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import PortfolioState, compose_state
from tests.support.builders import START_NS, a_deal, a_deposit, an_instrument_learned, an_opened_stream, some_rules

D = Decimal
RULES = active_rules(DEFAULT_LIMITS, PLAIN)


def a_state(*, lots: str = "0.01") -> PortfolioState:
    """A desk with 10,000 USD and a position of `lots`, before its first valuation."""
    state = compose_state(
        config=some_rules("EURUSD", limits=DEFAULT_LIMITS), book=Book(), persisted=PersistedState(), incarnation="live"
    )
    state.account.emit(an_opened_stream())
    state.account.emit(an_instrument_learned())
    state.account.emit(DealBooked(deal=a_deposit(1), order_id="", closings=[]))
    if lots != "0":
        state.account.emit(DealBooked(deal=a_deal(2, Side.BUY, lots, "1.1"), order_id="", closings=[]))
    state.stream.cursor.time_ns = START_NS
    state.stream.cursor.marks["EURUSD"] = Mark(1.1, 1.1001, START_NS)
    return state


def valued(state: PortfolioState, equity: str = "10000") -> PortfolioState:
    """The desk after a first tick with this equity."""
    state.stream.on_equity(D(equity), START_NS)
    return state


def scale_of(state: PortfolioState) -> list[float]:
    scale = np.zeros(SCALE_SIZE)
    EquityScan(state, RULES).fill(scale)
    return list(map(float, scale))


@given(
    first=st.sampled_from(["10000", "10000.00", "9999.5", "10001.03"]),
    units=st.lists(st.integers(-300, 300), min_size=1, max_size=12),
)
@example(first="10000", units=[5, 0])
@example(first="10000", units=[-5, 0])
@example(first="9999.5", units=[-50, -50, -51])
def test_the_record_of_ticks_is_that_of_each_tick(first: str, units: list[int]) -> None:
    """The equity is an amount of the balance and a number of cents; its text depends on the tick that set it."""
    single, bulk = valued(a_state(), first), valued(a_state(), first)
    highest = -math.inf
    latest = scale_of(bulk)[EQUITY]
    for cents in units:
        equity = single.account.valuation.equity_of_units(cents)
        assert str(equity) == str(D(10_000) + D(cents).scaleb(-2))
        single.stream.on_equity(equity, START_NS)
        if cents != latest:
            highest, latest = max(highest, cents), float(cents)
    if highest > -math.inf:
        EquityScan(bulk, RULES).record(PassedEquity(highest, latest))
    assert msgspec.json.encode(bulk.stream.risk.peaks) == msgspec.json.encode(single.stream.risk.peaks)


def test_a_flat_account_has_its_balance_as_equity() -> None:
    state = valued(a_state(lots="0"), "9990")
    EquityScan(state, RULES).record(PassedEquity(0.0, 0.0))
    assert str(state.stream.risk.peaks.equity) == "10000"


def test_a_deposit_moves_the_references_with_the_balance() -> None:
    """Relative to the balance, a deposit changes nothing; profit that a deal books lowers them."""
    state = valued(a_state(), "10003.50")
    scale = scale_of(state)
    assert scale[EQUITY] == scale[Reference.HIGH] == scale[Reference.DAY_START] == scale[Reference.DAY_HIGH] == 350.0
    assert scale[BALANCE] == 1_000_000.0
    state.account.emit(DealBooked(deal=a_deposit(3, "500"), order_id="", closings=[]))
    assert scale_of(state) == [*scale[:BALANCE], 1_050_000.0, *scale[BALANCE + 1 :]]
    state.account.emit(
        DealBooked(deal=a_deal(4, Side.SELL, "0.01", "1.1035", profit=D("3.5")), order_id="", closings=[])
    )
    assert scale_of(state)[EQUITY] == 0.0


@pytest.mark.parametrize(
    ("rules", "peaks", "any_ns", "parts"),
    [
        (RULES, "10000", None, set()),
        (RULES._replace(unlevelled_watches=("MINE",)), "10000", 0, {"MINE"}),
        (RULES, "", 0, set()),  # not valued yet: the next tick is
        (RULES, "200000000000", 0, {"equity"}),  # too large for floats
    ],
)
def test_ticks_that_need_an_exact_equity_are_outside(
    rules: ActiveRules, peaks: str, any_ns: int | None, parts: set[str]
) -> None:
    state = a_state()
    if peaks:
        valued(state, peaks)
    bounds = TickBounds(["EURUSD"])
    before = bounds.any_ns
    EquityScan(state, rules).add_bounds(bounds)
    assert bounds.any_ns == (before if any_ns is None else any_ns)
    assert bounds.visited_parts == parts


def test_a_position_without_a_quote_is_valued_at_each_tick() -> None:
    """Without a rule on the equity, each tick from the next due point of the curve on is tried."""
    state = valued(a_state())
    del state.stream.cursor.marks["EURUSD"]
    state.stream.equity_curve.due_ns = 7
    bounds = TickBounds(["EURUSD"])
    EquityScan(state, RULES._replace(needs_equity=False)).add_bounds(bounds)
    assert (bounds.any_ns, bounds.visited_parts) == (7, set())
    EquityScan(state, RULES).add_bounds(bounds)
    assert (bounds.any_ns, bounds.visited_parts) == (0, {"equity"})


def test_peaks_of_an_earlier_day_are_renewed_by_the_next_tick() -> None:
    state = valued(a_state())
    state.stream.risk.peaks = structs.replace(state.stream.risk.peaks, day=server_day(START_NS) - 1)
    bounds = TickBounds(["EURUSD"])
    EquityScan(state, RULES).add_bounds(bounds)
    assert bounds.any_ns == 0
    assert isinstance(state.stream.risk.peaks, Peaks)
