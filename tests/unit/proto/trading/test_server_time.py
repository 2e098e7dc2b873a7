"""The minutes of the server's week, and the sessions in them, in winter and in summer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from proto.trading.server_time import is_in_session, minute_of_week, next_day_ns

WEEK = 7 * 24 * 60


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(("utc", "minute"), [
    ("2026-01-04T22:00", 0),  # Sunday 17:00 in New York, winter
    ("2026-01-04T21:59", WEEK - 1),
    ("2026-07-05T21:00", 0),  # the same in summer
    ("2026-01-05T22:00", 24 * 60),
    ("2026-01-09T21:59", 5 * 24 * 60 - 1),  # the last minute of Friday
])  # fmt: skip
def test_the_week_begins_with_the_servers_monday(utc: str, minute: int) -> None:
    assert minute_of_week(at(utc)) == minute


@pytest.mark.parametrize(("utc", "end"), [
    ("2026-01-05T22:00", "2026-01-06T22:00"),
    ("2026-01-06T21:59:59", "2026-01-06T22:00"),
    ("2026-03-07T22:00", "2026-03-08T21:00"),  # New York goes to summer time on the 8th at 07:00 UTC
    ("2026-03-08T20:59", "2026-03-08T21:00"),
    ("2026-10-31T21:00", "2026-11-01T22:00"),  # and back on November 1st at 06:00 UTC
    ("2026-11-01T21:59", "2026-11-01T22:00"),
])  # fmt: skip
def test_a_day_ends_when_banks_in_new_york_close_also_when_its_clocks_change(utc: str, end: str) -> None:
    assert next_day_ns(at(utc)) == at(end)


def test_a_session_holds_from_its_first_minute_to_before_its_end() -> None:
    sessions = ((60, 120), (180, WEEK))
    midnight_ns = at("2026-01-04T22:00")
    answers = {minute: is_in_session(sessions, midnight_ns + minute * 60_000_000_000 + 59_999_999_999)
               for minute in (59, 60, 119, 120, 179, 180, WEEK - 1)}  # fmt: skip
    assert answers == {59: False, 60: True, 119: True, 120: False, 179: False, 180: True, WEEK - 1: True}
    assert not is_in_session((), midnight_ns)
