"""The numbers of a utilization row, the end of a pause, and the consequence that follows from a rule's declaration."""

from __future__ import annotations

import pytest
from msgspec import structs

from proto.trading.server_time import server_day
from proto.trading.units import TEXT_CHARS_MAX
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, Limits
from services.portfolio.core.risk.news import Impact, NewsEvent
from services.portfolio.core.risk.rule import LimitUtilization
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state import Breaker, Peaks
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.risk.utilization import limit_utilization
from tests.support.builders import START_NS
from tests.unit.portfolio.risk.rule_rows import ROWS, Row
from tests.unit.portfolio.risk.scenes import MINUTE_NS, NS, SERVER_MIDNIGHT_NS, D, Scene, an_account, only

SHOWN = [row for row in ROWS if any(rule.utilization or rule.pause_end for rule in row.rules)]


def row_of(code: str, account: RiskContext, now_ns: int = START_NS, subject: str = "") -> LimitUtilization:
    [found] = [row for row in limit_utilization(account, now_ns) if (row.code, row.subject) == (code, subject)]
    return found


def with_state(limits: Limits, **state: object) -> RiskContext:
    account = an_account(limits)
    for name, value in state.items():
        setattr(account.risk_state, name, value)
    return account


def test_the_used_fraction_of_a_count_is_the_count_divided_by_the_limit() -> None:
    account = with_state(only(orders_per_minute_max=8), order_times_ns=[START_NS, START_NS])
    assert row_of("ORDER_RATE", account) == LimitUtilization(
        "ORDER_RATE", "", "8 a minute", "2", "6 orders", 0.25, consequence="denies opening orders"
    )


def test_a_limit_of_zero_has_no_used_fraction() -> None:
    row = row_of("ORDER_RATE", an_account(only(orders_per_minute_max=0)))
    assert (row.now, row.headroom, row.used_fraction) == ("0", "none", None)


@pytest.mark.parametrize(
    ("equity", "used", "headroom"),
    [("9800", 0.4, "3.00 % to the next level"), ("9300", 0.7, "3.00 % to the next level"), ("8500", 1.5, "none")],
)
def test_a_drawdown_is_compared_with_the_next_level_or_the_last(equity: str, used: float, headroom: str) -> None:
    limits = only(drawdown_warn_pct=D(5), drawdown_halt_pct=D(10))
    row = row_of("DRAWDOWN", with_state(limits, peaks=Peaks(equity=D(equity), high=D(10_000))))
    assert (row.used_fraction, row.headroom) == (used, headroom)


def test_a_gain_of_the_day_is_a_negative_fraction_and_a_loss_at_the_limit_ends_with_the_day() -> None:
    def of_equity(equity: str) -> LimitUtilization:
        scene = Scene(only(daily_loss_pct_max=D(2))).at(SERVER_MIDNIGHT_NS - 1)
        account = scene.account()
        peaks = account.risk_state.peaks
        peaks.equity, peaks.day_start, peaks.day_high = D(equity), D(10_000), None
        peaks.day = server_day(SERVER_MIDNIGHT_NS - 1)
        return row_of("DAILY_LOSS", account, SERVER_MIDNIGHT_NS - 1, "from the day's start")

    assert (of_equity("10100").used_fraction, of_equity("10100").ends_ns) == (-0.5, 0)
    assert (of_equity("9800").used_fraction, of_equity("9800").ends_ns) == (1.0, SERVER_MIDNIGHT_NS)


def test_a_pause_of_the_circuit_breaker_uses_the_limit_and_has_its_end() -> None:
    account = with_state(
        only(breaker_losses=4), breakers={"EURUSD": Breaker(until_ns=START_NS + NS), "GBPUSD": Breaker(losses=1)}
    )
    paused, counting = (row_of("CIRCUIT_BREAKER", account, START_NS, name) for name in ("EURUSD", "GBPUSD"))
    assert (paused.used_fraction, paused.headroom, paused.ends_ns) == (1.0, "none", START_NS + NS)
    assert (counting.used_fraction, counting.headroom, counting.ends_ns) == (0.25, "3 losses", 0)
    over = row_of("CIRCUIT_BREAKER", account, START_NS + NS, "EURUSD")
    assert (over.used_fraction, over.ends_ns) == (0.0, 0)


@pytest.mark.parametrize("minutes", [-6, -5, 0, 4, 5])
def test_the_pause_around_the_rollover_has_its_end(minutes: int) -> None:
    account = an_account(only(rollover_pause_min=5))
    row = row_of("ROLLOVER", account, SERVER_MIDNIGHT_NS + minutes * MINUTE_NS)
    assert row.ends_ns == (SERVER_MIDNIGHT_NS + 5 * MINUTE_NS if -5 < minutes < 5 else 0)
    assert row.used_fraction is None


def test_news_has_an_end_while_it_denies() -> None:
    event = NewsEvent(START_NS + 10 * MINUTE_NS, "USD", Impact.HIGH, "CPI")
    account = an_account(only(news_calendar=(event,), news_before_min=5, news_after_min=3))
    assert row_of("NEWS", account, START_NS, "USD").ends_ns == 0
    assert row_of("NEWS", account, START_NS + 5 * MINUTE_NS, "USD").ends_ns == START_NS + 13 * MINUTE_NS


@pytest.mark.parametrize(
    ("code", "limits", "expected"),
    [
        ("SPREAD", DEFAULT_LIMITS, "denies opening orders"),
        ("CIRCUIT_BREAKER", DEFAULT_LIMITS, "denies opening orders; cancels resting orders that would open"),
        (
            "REPEATED_ORDERS",
            DEFAULT_LIMITS,
            "denies opening orders; makes the desk HALTED until a person resumes trading",
        ),
        (
            "REJECTS",
            structs.replace(DEFAULT_LIMITS, rearm_at_day_end=False),
            "denies opening orders; cancels resting orders that would open; "
            "makes the desk REDUCE_ONLY until a person resumes trading",
        ),
        (
            "REJECTS",
            structs.replace(DEFAULT_LIMITS, rearm_at_day_end=True),
            "denies opening orders; cancels resting orders that would open; "
            "makes the desk REDUCE_ONLY until a person resumes trading or the server's day ends",
        ),
        (
            "DRAWDOWN",
            DEFAULT_LIMITS,
            "raises the condition DRAWDOWN_WARNING; denies opening orders; cancels resting orders that would open; "
            "makes the desk REDUCE_ONLY, then HALTED until a person resumes trading",
        ),
        ("STORAGE", DEFAULT_LIMITS, "denies every order"),
    ],
)
def test_the_consequence_follows_from_the_declaration(code: str, limits: Limits, expected: str) -> None:
    [rule] = [rule for rule in RULES if rule.code == code]
    assert rule.consequence(limits) == expected


@pytest.mark.parametrize("policy", ForeignOrderPolicy)
def test_the_consequence_of_foreign_orders_is_that_of_the_policy(policy: ForeignOrderPolicy) -> None:
    row = row_of("FOREIGN_ORDERS", an_account(only(foreign_orders=policy)))
    assert row.limit == policy.value
    assert row.consequence


def test_every_row_has_a_consequence_that_fits_into_a_message() -> None:
    rows = limit_utilization(an_account(DEFAULT_LIMITS), START_NS)
    assert all(0 < len(row.consequence) <= TEXT_CHARS_MAX for row in rows), rows


def _denying_rows(row: Row) -> list[LimitUtilization]:
    scene = row.scene(True)
    return [found for found in limit_utilization(scene.account(), scene.now_ns) if found.code == row.code]


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.code)
def test_the_end_of_a_denial_is_the_end_of_its_row(row: Row) -> None:
    """Each rule whose denial ends by time shows the same end in `paperdesk risk`."""
    denial = row.scene(True).denial()
    assert denial is not None
    if denial.until_ns:
        assert denial.until_ns in {found.ends_ns for found in _denying_rows(row)}
