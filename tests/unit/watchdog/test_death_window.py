"""Detection of crash loops from the deaths of a program."""

from __future__ import annotations

from services.watchdog.core.death_window import DEATHS_MAX, WINDOW_NS, DeathWindow

SECOND = 1_000_000_000


def test_an_alert_is_due_at_the_fifth_death_within_five_minutes_and_at_each_fifth_after_it() -> None:
    window = DeathWindow()
    alerts = [window.on_death("signal", number * 20 * SECOND) for number in range(15)]
    assert alerts == [0, 0, 0, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 15]


def test_no_alert_is_due_while_fewer_than_five_deaths_are_within_five_minutes() -> None:
    window = DeathWindow()
    apart = WINDOW_NS // (DEATHS_MAX - 1) + SECOND
    assert not any(window.on_death("signal", number * apart) for number in range(100))


def test_deaths_are_counted_separately_for_each_program() -> None:
    window = DeathWindow()
    alerts = [window.on_death(("signal", "mt5")[number % 2], number * SECOND) for number in range(8)]
    assert not any(alerts)
    assert window.on_death("mt5", 9 * SECOND) == DEATHS_MAX


def test_a_later_crash_loop_of_the_same_program_raises_an_alert_again() -> None:
    window = DeathWindow()
    for number in range(DEATHS_MAX):
        first = window.on_death("signal", number * SECOND)
    assert first == DEATHS_MAX
    again = [window.on_death("signal", 2 * WINDOW_NS + number * SECOND) for number in range(DEATHS_MAX)]
    assert again == [0, 0, 0, 0, DEATHS_MAX]
