"""Alerts in the Journal: their targets, the link of a message, and the acknowledgement, with a real notify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from services.web.security.identity import Role
from tests.browser.conftest import Visiting
from tests.browser.desks import HandDesk, a_hand_desk
from tests.browser.shown import agree, columns
from tests.browser.test_layout import CONTROLS, NAMELESS, OVERFLOW, reached
from tests.browser.visits import NARROW, UNANSWERED, WIDE
from tests.support.command_line import TIMEOUT_S
from tests.support.message_servers import Webhook
from tests.support.notify_processes import RULE, settings_of, wait_for_notify
from tests.support.ports import free_port
from tests.support.waits import wait_for

CAPTION = "Alerts, newest first"


@dataclass(frozen=True)
class AlertedDesk:
    """A desk with notify, whose target is `webhook`."""

    desk: HandDesk
    webhook: Webhook

    def start_notify(self) -> None:
        """Start notify, and wait until it runs."""
        self.desk.processes.start("notify")
        wait_for_notify(self.desk.processes.runtime)

    def halt(self, reason: str) -> dict[str, Any]:
        """Halt the desk, and return the open alert about the halt, whose message has been sent."""
        self.desk.command("halt", reason=reason).raise_for_status()
        path = f"/alerts?code=TRADING_STATE&text={reason}&status=open"

        def sent() -> dict[str, Any] | None:
            rows: list[dict[str, Any]] = (self.desk.served.read(path) or {"rows": []})["rows"]
            return next((row for row in rows if any(one["state"] == "SENT" for one in row["deliveries"])), None)

        return wait_for(sent, f"the alert about {reason}", seconds=TIMEOUT_S)

    def acknowledge_all(self) -> None:
        """Leave no alert open."""
        with self.desk.served.client() as api:
            api.post("/alerts/ack", json={"all_open": True}).raise_for_status()


@pytest.fixture(scope="module")
def shared_alerted_desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertedDesk]:
    """A desk with notify, as the last test left it."""
    folder, port = tmp_path_factory.mktemp("alerted"), free_port()
    rules = f'{RULE}\ntitle = "{{code}}"\ntext = "{{text}} {{link}}"\n'
    with closing(Webhook()) as webhook:
        settings = settings_of(folder, webhook, rules, page_url=f"http://127.0.0.1:{port}")
        with a_hand_desk(folder / "hand", port=port, **settings) as desk:
            found = AlertedDesk(desk, webhook)
            found.start_notify()
            yield found


@pytest.fixture
def alerted_desk(shared_alerted_desk: AlertedDesk) -> AlertedDesk:
    """A desk with notify that is active and has no open alert."""
    shared_alerted_desk.desk.make_ready()
    shared_alerted_desk.acknowledge_all()
    return shared_alerted_desk


def states(page: Page) -> list[list[str]]:
    """Number, targets and state of each shown alert, without the text of its button."""
    rows = columns(page, CAPTION, "No.", "Sent to", "State")
    return [[number, sent, state.removesuffix("Acknowledge")] for number, sent, state in rows]


def test_a_halt_is_shown_in_the_head_and_acknowledged_by_the_keyboard(
    alerted_desk: AlertedDesk, visiting: Visiting
) -> None:
    page = visiting(alerted_desk.desk.served).open()
    badge = page.locator(".head .open-alerts")
    expect(badge).to_be_hidden()
    number = alerted_desk.halt("before-the-news")["number"]
    expect(badge).to_have_text("■ 1alert")
    badge.click()
    agree(lambda: states(page), lambda: [[str(number), "✓ phone", "● open"]], "the open alert")
    page.get_by_label("State").select_option("")
    page.get_by_role("button", name=f"Acknowledge alert {number}").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("Acknowledged: 1")
    expect(badge).to_be_hidden()
    expected = [str(number), "✓ phone", "✓ one-time address"]
    agree(lambda: states(page)[0], lambda: expected, "the acknowledged alert")
    stored = alerted_desk.desk.served.read(f"/alerts/{number}")
    assert (stored["acknowledged_by"], stored["is_open"]) == ("one-time address", False)


def test_the_link_of_a_message_opens_its_alert(alerted_desk: AlertedDesk, visiting: Visiting) -> None:
    page = visiting(alerted_desk.desk.served).open()
    number = alerted_desk.halt("see-the-link")["number"]
    [message] = [text for text in alerted_desk.webhook.messages if "see-the-link" in text]
    [link] = set(re.findall(r"http\S+", message))
    page.goto(link)
    details = page.get_by_role("region", name="Details")
    expect(details.get_by_role("heading", name=f"Alert {number}")).to_be_visible()
    expect(details).to_contain_text("see-the-link")
    expect(details.locator(".alert-messages li")).to_have_count(1)
    expect(details.locator(".alert-messages li")).to_contain_text("phone message")
    details.get_by_role("button", name="Acknowledge").click()
    expect(details).to_contain_text("✓ one-time address")
    expect(details.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page.reload()
    expect(details.get_by_role("heading", name=f"Alert {number}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    assert page.url.endswith("#/journal?view=alerts")


@pytest.mark.parametrize("named", ["99999", "abc"])
def test_a_link_to_an_alert_that_the_desk_lacks_says_so(
    alerted_desk: AlertedDesk, visiting: Visiting, named: str
) -> None:
    alerted_desk.halt("beside-a-dead-link")
    visit = visiting(alerted_desk.desk.served)
    visit.permit(r"status of 4\d\d")
    page = visit.open()
    page.goto(f"{alerted_desk.desk.served.url}/#/journal?alert={named}")
    expect(page.locator(".notice")).to_contain_text(f"Alerts: {named} cannot be shown: ")
    expect(page.get_by_role("region", name="Details")).to_be_hidden()
    expect(page.locator(".notice")).to_have_count(1)


def test_all_shown_alerts_are_acknowledged_at_once(alerted_desk: AlertedDesk, visiting: Visiting) -> None:
    number = alerted_desk.halt("for-all-shown")["number"]
    page = visiting(alerted_desk.desk.served).open("journal")
    page.get_by_role("link", name="Alerts", exact=True).click()
    every = page.get_by_role("button", name="Acknowledge all 1 shown")
    expect(every).to_be_visible()
    page.get_by_label("Text").fill("no such text")
    page.get_by_label("Text").press("Enter")
    expect(page.get_by_text("Nothing matches the filters.")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge all")).to_have_count(0)
    page.get_by_role("button", name="Clear filters").click()
    every.click()
    expect(page.locator(".notice")).to_contain_text("Acknowledged: 1")
    assert alerted_desk.desk.served.read(f"/alerts/{number}")["is_open"] is False


def test_a_person_who_may_only_read_has_no_button(alerted_desk: AlertedDesk, visiting: Visiting) -> None:
    number = alerted_desk.halt("for-readers")["number"]
    page = visiting(alerted_desk.desk.served).open(role=Role.READ)
    page.goto(f"{alerted_desk.desk.served.url}/#/journal?alert={number}")
    expect(page.get_by_role("heading", name=f"Alert {number}")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge").and_(page.locator(":visible"))).to_have_count(0)


def test_a_notify_that_has_ended_is_named(alerted_desk: AlertedDesk, visiting: Visiting) -> None:
    number = alerted_desk.halt("without-notify")["number"]
    visit = visiting(alerted_desk.desk.served)
    visit.permit(*UNANSWERED)
    page = visit.open()
    page.goto(f"{alerted_desk.desk.served.url}/#/journal?view=alerts")
    expect(page.get_by_role("button", name=f"Acknowledge alert {number}")).to_be_visible()
    alerted_desk.desk.processes.kill("notify")
    expect(page.locator("page-journal > .answer")).to_contain_text("⚠ notify gives no sign of life")
    page.get_by_role("button", name=f"Acknowledge alert {number}").click()
    expect(page.locator(".notice")).to_contain_text("Not acknowledged: notify did not answer within 3 s")
    alerted_desk.start_notify()
    expect(page.locator("page-journal > .answer")).to_be_hidden()
    page.get_by_role("button", name=f"Acknowledge alert {number}").click()
    expect(page.locator(".notice").last).to_contain_text("Acknowledged: 1")


def test_a_desk_without_notify_says_so(hand_desk: HandDesk, visiting: Visiting) -> None:
    page = visiting(hand_desk.served).open("journal")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(page.locator("page-journal")).to_contain_text("No alerts are sent: NOTIFY_FILE is not set")
    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.locator(".table-scroll[aria-label='Events of the ledger, newest first']")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_alerts_fit_and_every_control_is_reached(
    alerted_desk: AlertedDesk, visiting: Visiting, width: int, theme: Literal["dark", "light"]
) -> None:
    number = alerted_desk.halt(f"a-halt-with-a-long-reason-{width}-{theme}")["number"]
    served = alerted_desk.desk.served
    visit = visiting(served, viewport={"width": width, "height": 844}, color_scheme=theme)
    page = visit.open()
    page.goto(f"{served.url}/#/journal?view=alerts&status=open")
    button = page.get_by_role("button", name=f"Acknowledge alert {number}")
    expect(button).to_be_in_viewport(ratio=1)
    expect(page.locator(".head .simulated")).to_be_in_viewport()
    assert page.evaluate(OVERFLOW) == []
    page.evaluate("document.activeElement.blur()")
    controls: list[Any] = page.evaluate(CONTROLS)
    found = reached(page, len(controls))
    assert [text for index, text in enumerate(controls) if str(index) not in found] == []
    assert [controls[int(index)] for index, is_shown in found.items() if not is_shown] == []
    assert page.evaluate(NAMELESS) == []
