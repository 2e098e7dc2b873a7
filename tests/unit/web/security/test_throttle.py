"""Delays after failed sign-ins, by source and by user name."""

from __future__ import annotations

from services.web.security.throttle import (
    ENTRIES_MAX,
    FORGET_S,
    FREE_FAILURES,
    SOURCE_DELAY_S_MAX,
    USER_DELAY_S_MAX,
    Throttle,
)
from tests.unit.web.security.builders import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"


def fail(throttle: Throttle, count: int, address: str = HERE, user: str = "alice") -> None:
    for _ in range(count):
        throttle.count(address, user)


def test_the_delay_doubles_after_each_failure_up_to_a_limit() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(FREE_FAILURES + 12):
        throttle.count(HERE, "")
        waits.append(throttle.wait_s(HERE, ""))
        clock.add_s(waits[-1])
        assert throttle.wait_s(HERE, "") == 0
    assert waits[: FREE_FAILURES + 4] == [0] * FREE_FAILURES + [1, 2, 4, 8]
    assert waits[-1] == SOURCE_DELAY_S_MAX


def test_a_source_waits_for_every_user_and_a_user_name_waits_at_every_source() -> None:
    throttle = Throttle(Clock())
    fail(throttle, FREE_FAILURES + 1)
    assert throttle.wait_s(HERE, "bob") == 1
    assert throttle.wait_s(THERE, "alice") == 1
    assert throttle.wait_s(THERE, "bob") == 0


def test_failures_elsewhere_do_not_delay_a_user_at_a_known_source() -> None:
    throttle = Throttle(Clock())
    throttle.count(HERE, "alice")
    throttle.succeed(HERE, "alice")
    fail(throttle, 20, address=THERE)
    assert throttle.wait_s(HERE, "alice") == 0
    assert throttle.wait_s("192.0.2.3", "alice") == USER_DELAY_S_MAX


def test_attempts_at_the_same_time_are_counted_before_they_end() -> None:
    throttle = Throttle(Clock())
    allowed = 0
    for _ in range(100):
        if throttle.wait_s(HERE, "alice") == 0:
            throttle.count(HERE, "alice")
            allowed += 1
    assert allowed == FREE_FAILURES + 1


def test_a_success_does_not_clear_the_failures_of_its_source() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(6):
        clock.add_s(throttle.wait_s(HERE, "victim"))
        throttle.count(HERE, "victim")
        clock.add_s(throttle.wait_s(HERE, "mallory"))
        throttle.count(HERE, "mallory")
        throttle.succeed(HERE, "mallory")
    throttle.count(HERE, "another")
    assert throttle.wait_s(HERE, "") == 2 ** (6 - FREE_FAILURES)


def test_successes_cause_no_delay() -> None:
    throttle = Throttle(Clock())
    for _ in range(50):
        assert throttle.wait_s(HERE, "alice") == 0
        throttle.count(HERE, "alice")
        throttle.succeed(HERE, "alice")


def test_old_failures_do_not_count() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    fail(throttle, 8)
    clock.add_s(SOURCE_DELAY_S_MAX + FORGET_S)
    throttle.count(HERE, "alice")
    assert throttle.wait_s(HERE, "alice") == 0


def test_the_memory_is_bounded() -> None:
    throttle = Throttle(Clock())
    for number in range(2 * ENTRIES_MAX):
        throttle.count(f"10.0.{number // 256}.{number % 256}", f"user{number}")
        throttle.succeed(f"10.0.{number // 256}.{number % 256}", f"other{number}")
        throttle.count(f"10.0.{number // 256}.{number % 256}", f"user{number}")
    assert throttle.entries == 3 * ENTRIES_MAX


def test_all_ipv6_addresses_of_a_network_are_one_source() -> None:
    throttle = Throttle(Clock())
    for number in range(FREE_FAILURES + 1):
        throttle.count(f"2001:db8:1:2::{number + 1}", "")
    assert throttle.wait_s("2001:db8:1:2:ffff::1", "") == 1
    assert throttle.wait_s("2001:db8:1:3::1", "") == 0
