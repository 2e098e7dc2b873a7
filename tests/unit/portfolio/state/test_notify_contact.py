"""Portfolio shows a notify that sends no queries or cannot deliver its messages."""

from __future__ import annotations

from services.portfolio.core.state.notify_contact import NOTIFY_SILENT_NS, NOTIFY_START_NS, NotifyContact

NOW_NS = 5_000_000_000


def shown(contact: NotifyContact, mono_ns: int) -> list[tuple[str, str]]:
    return [(found.code, found.text) for found in contact.conditions(mono_ns)]


def test_a_desk_that_never_had_notify_misses_nothing() -> None:
    assert shown(NotifyContact(), 10**18) == []


def test_a_notify_is_shown_as_silent_until_it_sends_a_query_again() -> None:
    contact = NotifyContact()
    contact.on_question("", NOW_NS)
    assert shown(contact, NOW_NS + NOTIFY_SILENT_NS) == []
    assert shown(contact, NOW_NS + NOTIFY_SILENT_NS + 1) == [
        ("NOTIFY_SILENT", "no query of notify for 15 s; see notify.log")
    ]
    contact.on_question("", NOW_NS + 2 * NOTIFY_SILENT_NS)
    assert shown(contact, NOW_NS + 2 * NOTIFY_SILENT_NS) == []


def test_a_notify_that_never_starts_is_silent_after_a_grace_time() -> None:
    contact = NotifyContact()
    contact.expect(NOW_NS)
    assert shown(contact, NOW_NS + NOTIFY_START_NS) == []
    late_ns = NOW_NS + NOTIFY_START_NS + 1
    assert shown(contact, late_ns) == [("NOTIFY_SILENT", "no query of notify for 60 s; see notify.log")]
    contact.on_question("", late_ns)
    assert shown(contact, late_ns) == []
    assert [code for code, _ in shown(contact, late_ns + NOTIFY_SILENT_NS + 1)] == ["NOTIFY_SILENT"]


def test_a_failing_target_is_shown_until_notify_reports_none() -> None:
    contact = NotifyContact()
    contact.on_question("target phone: 4 tries failed, HTTP 500", NOW_NS)
    assert shown(contact, NOW_NS) == [("NOTIFY_FAILS", "target phone: 4 tries failed, HTTP 500")]
    contact.on_question("", NOW_NS)
    assert shown(contact, NOW_NS) == []
