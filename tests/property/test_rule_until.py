"""A scan of ticks that skips to a rule's `until` misses no row at which the rule returns another code.

All time limits begin and end at full quarters of an hour. The rows are at each quarter, at the times when orders and
rejections stop counting, and a nanosecond before and after each of these times.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from msgspec import structs

from proto.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.server_time import QUARTER_NS, server_day
from services.portfolio.core.risk.limits import NO_LIMITS, Limits
from services.portfolio.core.risk.news import Impact, NewsEvent
from services.portfolio.core.risk.rule import RiskRule, TickRows
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state import Breaker
from services.portfolio.core.risk.types import OrderProposal, RiskContext
from tests.unit.portfolio.risk.scenes import an_account, an_order_for

RULES_WITH_UNTIL = [rule for rule in RULES if rule.until is not None]

FRIDAY_NS = 1_767_916_800_000_000_000  # 2026-01-09 00:00 UTC
SUMMER_TIME_NS = 1_772_928_000_000_000_000  # 2026-03-08 00:00 UTC: New York's clocks are set forward at 07:00
WINTER_TIME_NS = 1_793_491_200_000_000_000  # 2026-11-01 00:00 UTC: set back at 06:00
STARTS_NS = (FRIDAY_NS, SUMMER_TIME_NS - DAY_NS, SUMMER_TIME_NS, WINTER_TIME_NS - DAY_NS, WINTER_TIME_NS)

DAYS_SCANNED = 4

TIMES_OF_DAY = st.builds(lambda hour, quarter: f"{hour:02d}:{15 * quarter:02d}", st.integers(0, 23), st.integers(0, 3))
MINUTES_OF_WEEK = st.integers(0, 7 * 24 * 4).map(lambda quarter: 15 * quarter)
QUARTERS_MIN = st.integers(0, 6).map(lambda quarter: 15 * quarter)
OFFSETS_NS = st.integers(-8, DAYS_SCANNED * 96).map(lambda quarter: quarter * QUARTER_NS)


@st.composite
def limits_of_time(draw: st.DrawFn) -> Limits:
    begin, end = draw(TIMES_OF_DAY), draw(st.one_of(TIMES_OF_DAY, st.just("24:00")))
    return structs.replace(
        NO_LIMITS,
        trading_hours=f"{begin}-{end}",
        friday_close=draw(TIMES_OF_DAY),
        rollover_pause_min=draw(st.one_of(QUARTERS_MIN, st.just(1_000))),
        news_before_min=draw(QUARTERS_MIN),
        news_after_min=draw(QUARTERS_MIN),
        news_impact_min=Impact.MEDIUM,
        breaker_losses=3,
        quote_age_ms_max=2_000,
        repeated_orders_max=draw(st.integers(0, 3)),
        rejects_per_minute_max=draw(st.integers(0, 4)),
        orders_per_second_max=draw(st.sampled_from((None, 0, 1, 3, 7))),
        orders_per_minute_max=draw(st.sampled_from((None, 0, 2, 30))),
        orders_per_day_max=draw(st.sampled_from((None, 0, 5))),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[TickRows, OrderProposal, RiskContext]:
    start_ns = draw(st.sampled_from(STARTS_NS)) + draw(st.integers(0, 95)) * QUARTER_NS
    limits = draw(limits_of_time())
    moments_ns = st.builds(lambda offset: start_ns + offset, OFFSETS_NS)
    events = draw(
        st.lists(
            st.builds(NewsEvent, moments_ns, st.sampled_from(("EUR", "JPY")), st.sampled_from(Impact), st.just("CPI")),
            max_size=6,
        )
    )
    account = an_account(structs.replace(limits, news_calendar=tuple(sorted(events))))
    memory = account.risk_state
    if draw(st.booleans()):
        memory.breakers["EURUSD"] = Breaker(until_ns=draw(moments_ns), trips=1)
    just_before_ns = st.builds(lambda age: start_ns - age, st.integers(0, 70 * SECOND_NS))
    memory.reject_times_ns = sorted(draw(st.lists(just_before_ns, max_size=5)))
    memory.order_times_ns = sorted(draw(st.lists(just_before_ns, max_size=5)))
    if memory.order_times_ns:
        memory.last_order_ns["EURUSD"] = memory.order_times_ns[-1]
    memory.order_day, memory.orders_of_day = server_day(start_ns), draw(st.integers(0, 6))
    memory.runs["EURUSD"] = draw(st.integers(-3, 3))
    order = an_order_for(direction=draw(st.sampled_from((-1, 1))))
    spans = draw(st.lists(st.tuples(MINUTES_OF_WEEK, MINUTES_OF_WEEK), max_size=3))
    holidays = sorted(draw(st.lists(moments_ns, min_size=2, max_size=2)))
    terms = structs.replace(
        order.instrument,
        sessions=tuple(sorted((min(span), max(span)) for span in spans)),
        holidays=(tuple(holidays),) if draw(st.booleans()) else (),
        expires_ns=draw(st.one_of(st.just(0), moments_ns)),
        clock=draw(st.sampled_from(("new_york_close", "Europe/Athens", "UTC"))),
    )
    order = order._replace(instrument=terms)
    if draw(st.booleans()):
        order = order._replace(
            type=OrderType.LIMIT, limit_price=Decimal(1), time_in_force=TimeInForce.GTD, expires_ns=draw(moments_ns)
        )
    account = account._replace(
        tick_age_ns=draw(st.sampled_from((0, 2 * SECOND_NS + 1))),
        signal_age_ns_max=draw(st.sampled_from((None, SECOND_NS))),
        storage_problem=draw(st.sampled_from(("", "disk full"))),
        lease_problem=draw(st.sampled_from(("", "no answer"))),
    )
    moments = [start_ns + quarter * QUARTER_NS for quarter in range(DAYS_SCANNED * 96)]
    counted_ns = memory.reject_times_ns + memory.order_times_ns
    moments += [time_ns + MINUTE_NS for time_ns in counted_ns]
    moments += [time_ns + SECOND_NS // most for time_ns in memory.order_times_ns for most in (1, 3, 7)]
    times_ns = sorted({moment + shift for moment in moments for shift in (-1, 0, 1) if moment + shift >= start_ns})
    prices = [1.1] * len(times_ns)
    return TickRows(times_ns, prices, prices), order, account


def codes_of(rule: RiskRule, times_ns: Sequence[int], order: OrderProposal, context: RiskContext) -> list[str | None]:
    denials = (rule.check(order, context, time_ns) for time_ns in times_ns)
    return [None if denial is None else denial.code for denial in denials]


@settings(max_examples=80)
@given(situations())
def test_a_scan_by_until_skips_no_row_at_which_the_answer_changes(
    situation: tuple[TickRows, OrderProposal, RiskContext],
) -> None:
    ticks, order, context = situation
    for rule in RULES_WITH_UNTIL:
        assert rule.until is not None
        codes = codes_of(rule, ticks.time_ns, order, context)
        row = 0
        while row < len(codes):
            following = rule.until(ticks, row, order, context)
            assert row < following <= len(codes), rule.code
            assert codes[row:following] == [codes[row]] * (following - row), rule.code
            row = following


@pytest.mark.parametrize("rule", [rule for rule in RULES_WITH_UNTIL if rule.limits], ids=lambda rule: rule.code)
def test_every_rule_with_limits_denies_in_some_drawn_situation(rule: RiskRule) -> None:
    """The test of the scan covers a rule only if the drawn situations include a denial by the rule."""
    denies = situations().map(lambda situation: any(codes_of(rule, situation[0].time_ns, *situation[1:])))
    assert find(
        denies,
        bool,
        settings=settings(phases=[Phase.generate], max_examples=300, database=None),
    )


def test_until_of_trading_hours_is_the_next_beginning_or_end_of_the_hours() -> None:
    [rule] = [rule for rule in RULES if rule.code == "TRADING_HOURS"]
    assert rule.until is not None
    account = an_account(structs.replace(NO_LIMITS, trading_hours="00:00-12:00"))
    midnight_ns = FRIDAY_NS - 2 * HOUR_NS
    ticks = TickRows([midnight_ns + minute * MINUTE_NS for minute in range(3_000)], [], [])
    assert rule.until(ticks, 0, an_order_for(), account) == 720
    assert rule.until(ticks, 719, an_order_for(), account) == 720
    assert rule.until(ticks, 720, an_order_for(), account) == 1_440
    assert rule.until(ticks, 2_999, an_order_for(), account) == 3_000
