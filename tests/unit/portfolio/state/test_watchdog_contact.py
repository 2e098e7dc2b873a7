"""Portfolio shows a watchdog that sends no queries or cannot deliver its alerts."""

from __future__ import annotations

from services.portfolio.core.state.watchdog_contact import WATCHDOG_SILENT_NS, WATCHDOG_START_NS, WatchdogContact

NOW_NS = 5_000_000_000


def codes(contact: WatchdogContact, mono_ns: int) -> list[str]:
    return [found.code for found in contact.conditions(mono_ns)]


def test_without_a_started_watchdog_no_query_is_expected() -> None:
    assert codes(WatchdogContact(), 10**18) == []


def test_a_started_watchdog_that_sends_no_query_is_shown_as_silent() -> None:
    contact = WatchdogContact()
    contact.expect(NOW_NS)
    assert codes(contact, NOW_NS + WATCHDOG_START_NS) == []
    [found] = contact.conditions(NOW_NS + WATCHDOG_START_NS + 1)
    assert (found.code, found.text) == ("WATCHDOG_SILENT", "no query of the watchdog for 30 s; see watchdog.log")


def test_a_watchdog_is_shown_as_silent_until_it_sends_a_query_again() -> None:
    contact = WatchdogContact()
    contact.on_question("", "", NOW_NS)
    assert codes(contact, NOW_NS + WATCHDOG_SILENT_NS) == []
    assert codes(contact, NOW_NS + WATCHDOG_SILENT_NS + 1) == ["WATCHDOG_SILENT"]
    contact.on_question("", "", NOW_NS + 2 * WATCHDOG_SILENT_NS)
    assert codes(contact, NOW_NS + 2 * WATCHDOG_SILENT_NS + 1) == []


def test_a_failure_of_alerts_is_shown_until_the_watchdog_reports_none() -> None:
    contact = WatchdogContact()
    contact.on_question("ALERT_COMMAND cannot be run: pager: No such file or directory", "", NOW_NS)
    [found] = contact.conditions(NOW_NS)
    assert found.code == "ALERTS_FAIL"
    assert found.text == "ALERT_COMMAND cannot be run: pager: No such file or directory"
    contact.on_question("", "", NOW_NS)
    assert codes(contact, NOW_NS) == []


def test_a_silent_supervisor_and_failed_alerts_are_both_shown() -> None:
    contact = WatchdogContact()
    contact.on_question("exit status 1", "no answer for 4 s", NOW_NS)
    assert codes(contact, NOW_NS) == ["ALERTS_FAIL", "SUPERVISOR_SILENT"]
    assert codes(contact, NOW_NS + WATCHDOG_SILENT_NS + 1) == ["WATCHDOG_SILENT"], (
        "problems reported by a silent watchdog are not shown"
    )
