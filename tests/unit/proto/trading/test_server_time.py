"""Minutes of the server's week, days and sessions, in winter and in summer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from proto.trading.server_time import is_clock, is_in_session, minute_of_week, next_day_ns, server_ns, utc_times_of

WEEK = 7 * 24 * 60


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(("utc", "minute"), [
    ("2026-01-04T22:00", 0),  # Sunday 17:00 in New York, winter
    ("2026-01-04T21:59", WEEK - 1),
    ("2026-07-05T21:00", 0),  # Sunday 17:00 in New York, summer
    ("2026-01-05T22:00", 24 * 60),
    ("2026-01-09T21:59", 5 * 24 * 60 - 1),  # the last minute of Friday
])  # fmt: skip
def test_the_week_begins_with_the_servers_monday(utc: str, minute: int) -> None:
    assert minute_of_week(at(utc)) == minute


@pytest.mark.parametrize(("utc", "end"), [
    ("2026-01-05T22:00", "2026-01-06T22:00"),
    ("2026-01-06T21:59:59", "2026-01-06T22:00"),
    ("2026-03-07T22:00", "2026-03-08T21:00"),  # summer time begins in New York on March 8th at 07:00 UTC
    ("2026-03-08T20:59", "2026-03-08T21:00"),
    ("2026-10-31T21:00", "2026-11-01T22:00"),  # summer time ends in New York on November 1st at 06:00 UTC
    ("2026-11-01T21:59", "2026-11-01T22:00"),
])  # fmt: skip
def test_a_day_ends_at_17_in_new_york_also_when_clocks_change_there(utc: str, end: str) -> None:
    assert next_day_ns(at(utc)) == at(end)


def test_a_session_includes_its_first_minute_and_excludes_its_end() -> None:
    sessions = ((60, 120), (180, WEEK))
    midnight_ns = at("2026-01-04T22:00")
    answers = {minute: is_in_session(sessions, midnight_ns + minute * 60_000_000_000 + 59_999_999_999)
               for minute in (59, 60, 119, 120, 179, 180, WEEK - 1)}  # fmt: skip
    assert answers == {59: False, 60: True, 119: True, 120: False, 179: False, 180: True, WEEK - 1: True}
    assert not is_in_session((), midnight_ns)


@pytest.mark.parametrize(("clock", "utc", "shown"), [
    ("new_york_close", "2026-03-10T12:00", "2026-03-10T15:00"),  # New York has summer time, Europe not yet
    ("Europe/Athens", "2026-03-10T12:00", "2026-03-10T14:00"),
    ("Europe/Athens", "2026-07-10T12:00", "2026-07-10T15:00"),
    ("UTC", "2026-07-10T12:00", "2026-07-10T12:00"),
    ("Australia/Adelaide", "2026-04-04T16:29", "2026-04-05T02:59"),  # clocks go back at 16:30 UTC
    ("Australia/Adelaide", "2026-04-04T16:30", "2026-04-05T02:00"),
])  # fmt: skip
def test_a_clock_shows_the_time_of_its_zone(clock: str, utc: str, shown: str) -> None:
    assert server_ns(at(utc), clock) == at(shown)
    assert at(utc) in utc_times_of(at(shown), clock)


def test_a_local_time_occurs_twice_when_clocks_go_back_and_never_when_they_go_forward() -> None:
    assert utc_times_of(at("2026-10-25T02:30"), "Europe/Berlin") == [at("2026-10-25T00:30"), at("2026-10-25T01:30")]
    assert utc_times_of(at("2026-03-29T02:30"), "Europe/Berlin") == []


def test_a_clock_is_named_new_york_close_or_by_its_time_zone() -> None:
    assert [is_clock(name) for name in ("new_york_close", "UTC", "Europe/Athens", "Athens", "")] == [True] * 3 + [
        False
    ] * 2
