"""Conversion of the broker's server time to UTC, with changes to and from summer time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mt5.terminal.server_clock import NoSuchTimeError, ServerClock

HOUR_NS = 3_600_000_000_000
MS = 1_000_000


def ns(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("zone", "server", "utc"),
    [
        ("new_york_close", (2026, 1, 15, 12), (2026, 1, 15, 10)),
        ("new_york_close", (2026, 7, 15, 13), (2026, 7, 15, 10)),
        # New York has summer time, Europe does not have it yet.
        ("new_york_close", (2026, 3, 20, 13), (2026, 3, 20, 10)),
        ("Europe/Athens", (2026, 3, 20, 12), (2026, 3, 20, 10)),
        ("Europe/Athens", (2026, 4, 20, 13), (2026, 4, 20, 10)),
        ("UTC", (2026, 7, 15, 10), (2026, 7, 15, 10)),
    ],
)
def test_server_time_is_converted_to_utc_and_back(
    zone: str, server: tuple[int, int, int, int], utc: tuple[int, int, int, int]
) -> None:
    clock = ServerClock(zone)
    assert clock.utc_ns(ns(*server)) == ns(*utc)
    assert clock.server_ns(ns(*utc)) == ns(*server)


def test_a_repeated_hour_is_resolved_by_the_order_of_times() -> None:
    """On 2026-11-01 at 06:00 UTC New York sets its clocks back, and the server's clock shows 08:00 to 09:00 twice."""
    clock = ServerClock()
    shown = ns(2026, 11, 1, 8, 30)
    assert clock.utc_ns(shown) == ns(2026, 11, 1, 5, 30)
    assert clock.utc_ns(shown, not_before_ns=ns(2026, 11, 1, 5, 30)) == ns(2026, 11, 1, 5, 30)
    assert clock.utc_ns(shown, not_before_ns=ns(2026, 11, 1, 5, 59)) == ns(2026, 11, 1, 6, 30)
    # Both UTC times are before the last known time, so the later one is meant.
    assert clock.utc_ns(shown, not_before_ns=ns(2026, 11, 1, 7)) == ns(2026, 11, 1, 6, 30)


def test_a_server_time_in_a_skipped_hour_raises() -> None:
    """On 2026-03-08 at 07:00 UTC New York sets its clocks forward, and the server's clock skips 09:00 to 10:00."""
    with pytest.raises(NoSuchTimeError, match=r"server time 2026-03-08 09:30:00 does not exist in new_york_close"):
        ServerClock().utc_ns(ns(2026, 3, 8, 9, 30))


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="new_york_close, UTC, or a zone such as Europe/Athens"):
        ServerClock("Mars/Olympus")


def test_a_fresh_tick_reveals_a_wrong_zone_but_not_a_host_clock_wrong_by_minutes() -> None:
    clock, wall_ns = ServerClock(), ns(2026, 1, 15, 10)
    tick_ms = ns(2026, 1, 15, 12) // MS
    assert clock.problem(tick_ms, wall_ns) is None
    assert clock.problem(tick_ms, wall_ns + HOUR_NS // 10) is None
    problem = ServerClock("Europe/London").problem(tick_ms, wall_ns)
    assert problem is not None
    assert problem.startswith(
        "MT5_SERVER_ZONE: value 'Europe/London' puts the server +0 h from UTC, but its newest tick is +2 h"
    )


@given(
    st.integers(min_value=ns(2000, 1, 1), max_value=ns(2035, 1, 1)),
    st.sampled_from(["new_york_close", "Europe/Athens"]),
)
def test_a_utc_time_converted_to_server_time_and_back_is_unchanged(utc_ns: int, zone: str) -> None:
    """For a repeated hour, `not_before_ns` selects the UTC time."""
    clock = ServerClock(zone)
    assert clock.utc_ns(clock.server_ns(utc_ns), not_before_ns=utc_ns) == utc_ns
