"""Quiet hours and the daily summary: local times over midnight and over changes of summer time."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.control import Severity, TradingState
from proto.notify import MessageKind
from proto.time import MINUTE_NS, SECOND_NS
from services.notify.core.inputs import DayFigures, EventsRead
from services.notify.core.quiet_hours import Interval, is_never_over, next_time_of_day, quiet_until
from tests.support.notify_runs import a_rule, a_status, an_event, begun
from tests.unit.notify.conftest import StartRun

VIENNA = ZoneInfo("Europe/Vienna")
NIGHT = Interval(time(22), time(7))


def utc_ns(text: str) -> int:
    """A UTC time such as 2026-03-28T21:00 in nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-01-10T20:59", "2026-01-10T20:59"),  # 21:59 in Vienna
        ("2026-01-10T21:00", "2026-01-11T06:00"),
        ("2026-01-10T23:30", "2026-01-11T06:00"),  # after midnight in Vienna
        ("2026-01-11T05:59", "2026-01-11T06:00"),
        ("2026-01-11T06:00", "2026-01-11T06:00"),
        ("2026-03-28T22:00", "2026-03-29T05:00"),  # the night of the change to summer time has eight hours
        ("2026-10-24T21:00", "2026-10-25T06:00"),  # that of the change back has ten
    ],
)
def test_quiet_hours_end_at_the_local_time(at: str, until: str) -> None:
    assert quiet_until(utc_ns(at), [NIGHT], VIENNA) == utc_ns(until)


def test_an_end_that_the_clock_skips_is_the_moment_of_the_change() -> None:
    """02:30 does not exist on 2026-03-29 in Vienna: the clock goes from 02:00 to 03:00."""
    end_ns = quiet_until(utc_ns("2026-03-28T23:00"), [Interval(time(22), time(2, 30))], VIENNA)
    assert utc_ns("2026-03-29T01:00") <= end_ns <= utc_ns("2026-03-29T01:30")


def test_touching_intervals_are_one() -> None:
    intervals = [NIGHT, Interval(time(7), time(8))]
    assert quiet_until(utc_ns("2026-01-10T23:00"), intervals, VIENNA) == utc_ns("2026-01-11T07:00")


def test_intervals_that_cover_the_day_are_found() -> None:
    assert is_never_over([Interval(time(0), time(12)), Interval(time(12), time(0))])
    assert is_never_over([Interval(time(6), time(20)), NIGHT, Interval(time(20), time(22))])
    assert not is_never_over([NIGHT])
    assert not is_never_over([])


@given(st.integers(0, 366 * 24 * 60), st.integers(0, 1_439), st.integers(0, 1_439))
def test_after_the_end_it_is_not_quiet_and_before_it_was(minute: int, start: int, end: int) -> None:
    """For every minute of 2026 and every interval, also at the changes of summer time."""
    if start == end:
        return
    interval = Interval(time(start // 60, start % 60), time(end // 60, end % 60))
    at_ns = utc_ns("2026-01-01T00:00") + minute * MINUTE_NS
    until_ns = quiet_until(at_ns, [interval], VIENNA)
    local = datetime.fromtimestamp(until_ns // SECOND_NS, VIENNA).time()
    assert local not in interval
    assert (until_ns == at_ns) == (datetime.fromtimestamp(at_ns // SECOND_NS, VIENNA).time() not in interval)
    assert until_ns - at_ns <= 26 * 60 * MINUTE_NS


@given(st.integers(0, 366 * 24 * 60), st.integers(0, 1_439))
def test_the_next_time_of_day_is_later_and_within_a_day_and_a_change_of_the_clock(minute: int, at: int) -> None:
    after_ns = utc_ns("2026-01-01T00:00") + minute * MINUTE_NS
    found_ns = next_time_of_day(after_ns, time(at // 60, at % 60), VIENNA)
    assert 0 < found_ns - after_ns <= 25 * 60 * MINUTE_NS


def test_messages_wait_for_the_end_of_quiet_hours_and_critical_ones_do_not(start_run: StartRun) -> None:
    run = start_run(a_rule(quiet=[NIGHT]), zone=VIENNA, start_ns=utc_ns("2026-01-10T22:00"))
    run.happen(an_event(text="first"))
    run.advance(60)
    run.happen(begun())
    run.happen(an_event(text="second"))
    assert [one.alerts for one in run.sent] == [[2]]
    assert run.alerts()[0].deliveries[0].waits_for.value == "QUIET_HOURS"
    run.advance(8 * 3_600 - 61)
    assert len(run.sent) == 1
    run.advance(2)
    assert run.sent[1].alerts == [1, 3]
    assert run.sent[1].at_s == 8 * 3_600


def test_quiet_hours_can_delay_critical_messages_too(start_run: StartRun) -> None:
    run = start_run(a_rule(quiet=[NIGHT], quiet_critical=True), zone=VIENNA, start_ns=utc_ns("2026-01-10T22:00"))
    run.happen(begun(), an_event())
    assert run.sent == []
    run.advance(8 * 3_600)
    assert [one.alerts for one in run.sent] == [[1, 2]]


def test_a_group_that_ends_in_quiet_hours_waits(start_run: StartRun) -> None:
    run = start_run(
        a_rule(quiet=[NIGHT], group_s=10), zone=VIENNA, start_ns=utc_ns("2026-01-10T20:59") + 55 * SECOND_NS
    )
    run.happen(an_event())
    run.advance(60)
    assert run.sent == []


def test_a_failing_message_is_not_tried_in_quiet_hours(start_run: StartRun) -> None:
    run = start_run(a_rule(quiet=[NIGHT]), zone=VIENNA, start_ns=utc_ns("2026-01-10T20:58"))
    run.down = {"phone"}
    run.happen(an_event())
    run.advance(9 * 3_600)
    assert max(at_s for at_s, _, _ in run.tries) < 120
    run.down = set()
    run.advance(2 * 3_600)
    assert [one.at_s for one in run.sent] == [9 * 3_600 + 120]


def test_a_step_of_the_clock_back_delays_no_message_beyond_its_group(start_run: StartRun) -> None:
    run = start_run(a_rule(group_s=10))
    run.happen(an_event())
    run.step_clock(-7_200)
    run.advance(10)
    assert len(run.sent) == 1


def test_a_step_of_the_clock_forward_ends_a_wait(start_run: StartRun) -> None:
    run = start_run(a_rule(quiet=[NIGHT]), zone=VIENNA, start_ns=utc_ns("2026-01-10T22:00"))
    run.happen(an_event())
    run.step_clock(9 * 3_600)
    assert len(run.sent) == 1


def test_the_summary_has_the_figures_since_the_last_one(start_run: StartRun) -> None:
    run = start_run(a_rule(), zone=VIENNA, summary_at=time(22, 5), start_ns=utc_ns("2026-01-10T20:00"))
    figures = DayFigures(fills=3, orders=4, denials=2, realized=Decimal("-12.50"))
    run._perform(run.core.handle(EventsRead(events=[begun()], values={}, figures=figures), run.now))
    run.see(a_status(equity=Decimal("9987.50"), trading_state=TradingState.ACTIVE))
    run.advance(3_900 - 1)
    assert [one.kind for one in run.sent] == [MessageKind.ALERT]
    run.advance(1)
    summary = run.sent[1]
    assert (summary.kind, summary.at_s) == (MessageKind.SUMMARY, 3_900)
    assert "fills 3, orders 4, denials 2, realized -12.5 EUR" in summary.body
    assert "alerts: 1 CRITICAL, 0 WARNING" in summary.body
    assert "equity 9987.5 EUR, positions: none" in summary.body
    run.advance(24 * 3_600)
    assert "fills 0, orders 0, denials 0, realized 0 EUR" in run.sent[2].body
    assert run.sent[2].at_s == 3_900 + 24 * 3_600


def test_a_summary_says_that_portfolio_does_not_answer(start_run: StartRun) -> None:
    run = start_run(a_rule(), summary_at=time(8, 1))
    run.see(a_status())
    run.see(None)
    run.advance(60)
    assert "equity and positions unknown: portfolio does not answer" in run.sent[0].body


def test_a_summary_that_was_due_while_notify_was_down_comes_at_the_start(start_run: StartRun) -> None:
    run = start_run(a_rule(), summary_at=time(8, 1))
    run.store.close()
    run._move(run.now.mono_ns + 3_600 * SECOND_NS)
    run._open()
    run.see(a_status())
    assert [one.kind for one in run.sent] == [MessageKind.SUMMARY]
    run.restart()
    assert len(run.sent) == 1


def test_a_rule_for_grave_alerts_does_not_send_the_summary(start_run: StartRun) -> None:
    run = start_run(a_rule(severity=Severity.WARNING), summary_at=time(8, 1))
    run.advance(120)
    assert run.sent == []
