"""Names of alerts that notify, the web page and the commands share: the link to an alert, and why a message waits."""

from __future__ import annotations

from enum import StrEnum


class WaitReason(StrEnum):
    """Why a message of an alert has not been sent yet; the time at which it is due is stored beside it."""

    DURATION = "DURATION"
    """The condition has not lasted as long as the rule requires."""
    GROUPING = "GROUPING"
    """Further alerts of the rule may come into the same message."""
    RATE_LIMIT = "RATE_LIMIT"
    """The rule has sent as many messages as it may within its interval."""
    QUIET_HOURS = "QUIET_HOURS"
    QUEUE = "QUEUE"
    """Another message to the target is being sent."""
    RETRY = "RETRY"
    """The last try has failed."""


def alert_link(page_url: str, number: int) -> str:
    """Return the address that opens an alert in the Journal of the page; empty without the address of a page.

    Args:
        page_url: address of the page, with or without a slash at its end; may be empty.
        number: the number of the alert.
    """
    return f"{page_url.rstrip('/')}/#/journal?alert={number}" if page_url else ""
