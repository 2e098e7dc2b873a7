"""Portfolio shows a watchdog that stops asking, or whose alerts are not delivered."""

from __future__ import annotations

from services.portfolio.core.state.watchdog_contact import WATCHDOG_SILENT_NS, WATCHDOG_START_NS, WatchdogContact

NOW_NS = 5_000_000_000


def codes(contact: WatchdogContact, mono_ns: int) -> list[str]:
    return [found.code for found in contact.conditions(mono_ns)]


def test_no_watchdog_is_expected_if_none_is_started() -> None:
    assert codes(WatchdogContact(), 10**18) == []


def test_a_started_watchdog_that_never_asks_is_silent() -> None:
    contact = WatchdogContact()
    contact.expect(NOW_NS)
    assert codes(contact, NOW_NS + WATCHDOG_START_NS) == []
    [found] = contact.conditions(NOW_NS + WATCHDOG_START_NS + 1)
    assert (found.code, found.text) == ("WATCHDOG_SILENT", "no query of the watchdog for 30 s; see watchdog.log")


def test_a_watchdog_that_stops_asking_is_silent_until_it_asks_again() -> None:
    contact = WatchdogContact()
    contact.on_question("", "", NOW_NS)
    assert codes(contact, NOW_NS + WATCHDOG_SILENT_NS) == []
    assert codes(contact, NOW_NS + WATCHDOG_SILENT_NS + 1) == ["WATCHDOG_SILENT"]
    contact.on_question("", "", NOW_NS + 2 * WATCHDOG_SILENT_NS)
    assert codes(contact, NOW_NS + 2 * WATCHDOG_SILENT_NS + 1) == []


def test_undelivered_alerts_are_shown_until_one_is_delivered() -> None:
    contact = WatchdogContact()
    contact.on_question("ALERT_COMMAND cannot be run: pager: No such file or directory", "", NOW_NS)
    [found] = contact.conditions(NOW_NS)
    assert found.code == "ALERTS_FAIL"
    assert found.text == "ALERT_COMMAND cannot be run: pager: No such file or directory"
    contact.on_question("", "", NOW_NS)
    assert codes(contact, NOW_NS) == []


def test_a_missing_supervisor_is_shown_beside_failed_alerts() -> None:
    contact = WatchdogContact()
    contact.on_question("exit status 1", "no answer for 4 s", NOW_NS)
    assert codes(contact, NOW_NS) == ["ALERTS_FAIL", "SUPERVISOR_SILENT"]
    assert codes(contact, NOW_NS + WATCHDOG_SILENT_NS + 1) == ["WATCHDOG_SILENT"], "what it said then is old"
