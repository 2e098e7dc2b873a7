"""Texts of alerts that several processes share: the link to an alert, its state, and why it was not sent."""

from __future__ import annotations

from proto.alert_record import AlertPhase
from proto.notify import AlertLine, DeliveryLine, MessageState
from proto.time import utc_text


def alert_link(page_url: str, number: int) -> str:
    """Return the address that opens an alert in the Journal of the page; empty without the address of a page.

    Args:
        page_url: address of the page, with or without a slash at its end; may be empty.
        number: the number of the alert.
    """
    return f"{page_url.rstrip('/')}/#/journal?alert={number}" if page_url else ""


def state_text(alert: AlertLine) -> str:
    """Return the state of an alert: open, acknowledged and by whom, ended, or empty for what only happened."""
    if alert.acknowledged_ns:
        return f"acknowledged by {alert.acknowledged_by}"
    if alert.is_open:
        return "open"
    return "ended" if alert.ended_ns else "lasts" if alert.phase is AlertPhase.BEGAN else ""


def delivery_text(delivery: DeliveryLine) -> str:
    """Return the state of a message in a few words: sent, given up, or why it waits and until when."""
    times = "1 try" if delivery.tries == 1 else f"{delivery.tries} tries"
    failed = f" after {times}: {delivery.error}" if delivery.error else ""
    match delivery.state:
        case MessageState.SENT:
            return "sent"
        case MessageState.GIVEN_UP:
            return f"given up{failed}"
        case MessageState.SENDING if not failed:
            return "is being sent"
    until = f" until {utc_text(delivery.due_ns)}" if delivery.due_ns else ""
    return f"waits, {delivery.waits_for}{until}{failed}"


def unsent_text(alert: AlertLine) -> str:
    """Return why an alert has no message; empty if it has one."""
    if alert.deliveries:
        return ""
    if not alert.rules:
        return "no rule matches, sent to nobody"
    rules = ", ".join(alert.rules)
    if alert.ended_ns:
        return f"ended before rule {rules} would have sent it"
    return (
        f"acknowledged before rule {rules} would have sent it" if alert.acknowledged_ns else f"not sent by rule {rules}"
    )
