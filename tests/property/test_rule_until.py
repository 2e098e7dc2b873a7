"""A scan of times that skips to a rule's `until` misses no time at which the rule returns another code.

All time limits begin and end at full quarters of an hour. The times are each quarter, the moments at which orders and
rejections stop counting, and a nanosecond before and after each of these times. The quotes differ from time to time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import Phase as Stage
from hypothesis import find, given, settings
from hypothesis import strategies as st
from msgspec import structs

from proto.time import DAY_NS, HOUR_NS, MINUTE_NS, NEVER_NS, SECOND_NS
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.server_time import QUARTER_NS, server_day
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.risk.checks import check_base_rules, check_before_sizing, check_resting, outlook
from services.portfolio.core.risk.limits import NO_LIMITS, Limits
from services.portfolio.core.risk.news import Impact, NewsEvent
from services.portfolio.core.risk.rule import Phase, RiskRule
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state import Breaker, Peaks
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext
from tests.unit.portfolio.risk.scenes import PRICES, an_account, an_order_for

RULES_WITH_UNTIL = [rule for rule in RULES if rule.until is not None]
CHECK_OF_PHASE = {
    Phase.BASE: check_base_rules,
    Phase.BEFORE_SIZING: check_before_sizing,
    Phase.RESTING: check_resting,
}

FRIDAY_NS = 1_767_916_800_000_000_000  # 2026-01-09 00:00 UTC
SUMMER_TIME_NS = 1_772_928_000_000_000_000  # 2026-03-08 00:00 UTC: New York's clocks are set forward at 07:00
WINTER_TIME_NS = 1_793_491_200_000_000_000  # 2026-11-01 00:00 UTC: set back at 06:00
STARTS_NS = (FRIDAY_NS, SUMMER_TIME_NS - DAY_NS, SUMMER_TIME_NS, WINTER_TIME_NS - DAY_NS, WINTER_TIME_NS)

DAYS_SCANNED = 4

TIMES_OF_DAY = st.builds(lambda hour, quarter: f"{hour:02d}:{15 * quarter:02d}", st.integers(0, 23), st.integers(0, 3))
MINUTES_OF_WEEK = st.integers(0, 7 * 24 * 4).map(lambda quarter: 15 * quarter)
QUARTERS_MIN = st.integers(0, 6).map(lambda quarter: 15 * quarter)
OFFSETS_NS = st.integers(-8, DAYS_SCANNED * 96).map(lambda quarter: quarter * QUARTER_NS)


FIRST_TIMES = 50


@dataclass
class Situation:
    """An order, the times of a scan in ascending order, and one account with three sets of quotes."""

    times_ns: list[int] = field(repr=False)
    order: OrderProposal
    context: RiskContext = field(repr=False)
    later: tuple[RiskContext, RiskContext] = field(repr=False)

    def context_at(self, place: int) -> RiskContext:
        """The account at the time with this place in the scan: after the first times, two sets of quotes alternate."""
        return self.context if place < FIRST_TIMES else self.later[place % 2]


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
        daily_loss_pct_max=Decimal(2),
        drawdown_reduce_pct=Decimal(5),
        quote_age_ms_max=2_000,
        repeated_orders_max=draw(st.integers(0, 3)),
        rejects_per_minute_max=draw(st.integers(0, 4)),
        orders_per_second_max=draw(st.sampled_from((None, 0, 1, 3, 7))),
        orders_per_minute_max=draw(st.sampled_from((None, 0, 2, 30))),
        orders_per_day_max=draw(st.sampled_from((None, 0, 5))),
        confidence_min=draw(st.sampled_from((None, Decimal("0.9"), Decimal("0.95")))),
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
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
    memory.peaks = Peaks(day=server_day(start_ns), day_start=Decimal(100), day_high=Decimal(100), high=Decimal(100))
    memory.peaks.equity = draw(st.sampled_from((Decimal(99), Decimal(97), Decimal(94))))
    memory.runs["EURUSD"] = draw(st.integers(-3, 3))
    order = an_order_for(
        symbol=draw(st.sampled_from(("EURUSD", "EURUSD", "EURGBP"))), direction=draw(st.sampled_from((-1, 1)))
    )
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
    order = order._replace(stop_loss=draw(st.sampled_from((None, Decimal("0.95"), Decimal("1.05")))))
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
    marks = account.cursor.marks
    if draw(st.booleans()):
        del marks["GBPUSD"]

    def moved(factor: float) -> RiskContext:
        quotes = {symbol: Mark(price * factor, price * factor * 1.0001, start_ns) for symbol, price in PRICES.items()}
        return account._replace(cursor=structs.replace(account.cursor, marks=quotes))

    return Situation(times_ns, order, account, (moved(0.8), moved(1.2)))


def code_of(denial: Denial | None) -> str | None:
    return None if denial is None else denial.code


def codes_of(rule: RiskRule, situation: Situation, places: Sequence[int]) -> list[str | None]:
    times_ns, order = situation.times_ns, situation.order
    return [code_of(rule.check(order, situation.context_at(place), times_ns[place])) for place in places]


@settings(max_examples=80)
@given(situations())
def test_a_scan_by_until_skips_no_time_at_which_the_answer_changes(situation: Situation) -> None:
    times_ns, order = situation.times_ns, situation.order
    for rule in RULES_WITH_UNTIL:
        assert rule.until is not None
        codes = codes_of(rule, situation, range(len(times_ns)))
        at = 0
        while at < len(codes):
            until_ns = rule.until(order, situation.context_at(at), times_ns[at])
            assert until_ns >= times_ns[at], rule.code
            following = max(bisect_left(times_ns, until_ns), at + 1)
            assert codes[at:following] == [codes[at]] * (following - at), rule.code
            at = following


@settings(max_examples=80)
@given(situations(), st.sampled_from((Phase.BASE, Phase.BEFORE_SIZING, Phase.RESTING)), st.integers(0, 2_000))
def test_the_outlook_of_a_phase_holds_until_its_time(situation: Situation, phase: Phase, place: int) -> None:
    """The denial is that of the check, and a rule that cannot tell is the only reason of an earlier change."""
    times_ns, order = situation.times_ns, situation.order
    at = min(place, len(times_ns) - 1)
    found = outlook(phase, order, situation.context_at(at), times_ns[at])
    check = CHECK_OF_PHASE[phase]
    assert found.denial == check(order, situation.context_at(at), times_ns[at])
    assert found.until_ns > times_ns[at]
    if not found.uncertain:
        for later in range(at, bisect_left(times_ns, found.until_ns)):
            denial = check(order, situation.context_at(later), times_ns[later])
            assert code_of(denial) == code_of(found.denial)


@given(situations(), st.floats(-0.5, 1.5), st.integers(-3, 3))
def test_the_code_is_the_same_for_each_confidence_within_the_bounds(
    situation: Situation, confidence: float, steps: int
) -> None:
    """Drawn are confidences anywhere, and near the limit by multiples of a quarter of the last decimal place."""
    order, context = situation.order, situation.context
    least = context.limits.confidence_min
    near = confidence if least is None else float(least) + steps * 2.5e-13
    for rule in RULES:
        if rule.confidences is not None:
            for mine in (0.0, 0.9, 0.95, 1.0, confidence, near):
                asked = order._replace(confidence=mine)
                low, high = rule.confidences(asked, context)
                assert low <= mine <= high
                for other in (confidence, near, low, high):
                    if low <= other <= high:
                        answer = rule.check(asked._replace(confidence=other), context, 0)
                        assert code_of(answer) == code_of(rule.check(asked, context, 0))


def test_the_outlook_names_the_rules_that_cannot_tell() -> None:
    """SPREAD compares with the latest quote; a denial by an earlier rule makes it irrelevant."""
    limits = structs.replace(NO_LIMITS, spread_factor_max=Decimal(3), confidence_min=Decimal("0.5"))
    account, order = an_account(limits), an_order_for()
    passed = outlook(Phase.BEFORE_SIZING, order, account, FRIDAY_NS)
    assert (passed.denial, passed.uncertain) == (None, ("SPREAD",))
    assert passed.confidence_min == pytest.approx(0.5)
    assert passed.confidence_max == 1
    denied = outlook(Phase.BEFORE_SIZING, order._replace(confidence=0.2), account, FRIDAY_NS)
    assert code_of(denied.denial) == "CONFIDENCE"
    assert (denied.until_ns, denied.uncertain) == (NEVER_NS, ())


@pytest.mark.parametrize("rule", [rule for rule in RULES_WITH_UNTIL if rule.limits], ids=lambda rule: rule.code)
def test_every_rule_with_limits_denies_in_some_drawn_situation(rule: RiskRule) -> None:
    """The test of the scan covers a rule only if the drawn situations include a denial by the rule."""
    denies = situations().map(lambda drawn: any(codes_of(rule, drawn, range(len(drawn.times_ns)))))
    assert find(
        denies,
        bool,
        settings=settings(phases=[Stage.generate], max_examples=300, database=None),
    )


def test_until_of_trading_hours_is_the_next_beginning_or_end_of_the_hours() -> None:
    [rule] = [rule for rule in RULES if rule.code == "TRADING_HOURS"]
    assert rule.until is not None
    account = an_account(structs.replace(NO_LIMITS, trading_hours="00:00-12:00"))
    midnight_ns = FRIDAY_NS - 2 * HOUR_NS
    noon_ns, next_midnight_ns = midnight_ns + 12 * HOUR_NS, midnight_ns + DAY_NS
    assert rule.until(an_order_for(), account, midnight_ns) == noon_ns
    assert rule.until(an_order_for(), account, noon_ns - 1) == noon_ns
    assert rule.until(an_order_for(), account, noon_ns) == next_midnight_ns
