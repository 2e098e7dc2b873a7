"""The link to an alert, and the state of a message in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from proto.alerts import alert_link, delivery_text
from proto.notify import DeliveryLine, MessageKind, MessageState, WaitReason


@pytest.mark.parametrize(
    ("page_url", "expected"),
    [
        ("https://desk.example.com", "https://desk.example.com/#/journal?alert=17"),
        ("http://127.0.0.1:8642/", "http://127.0.0.1:8642/#/journal?alert=17"),
        ("https://example.com/desk/", "https://example.com/desk/#/journal?alert=17"),
        ("", ""),
    ],
)
def test_a_link_opens_an_alert_in_the_journal(page_url: str, expected: str) -> None:
    assert alert_link(page_url, 17) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": MessageState.SENT, "tries": 2}, "sent"),
        (
            {"state": MessageState.GIVEN_UP, "tries": 300, "error": "HTTP 500"},
            "given up after 300 tries: HTTP 500",
        ),
        ({"state": MessageState.GIVEN_UP, "tries": 1, "error": "HTTP 500"}, "given up after 1 try: HTTP 500"),
        ({"state": MessageState.SENDING, "tries": 1, "waits_for": WaitReason.RETRY}, "is being sent"),
        (
            {"state": MessageState.SENDING, "tries": 2, "error": "refused", "waits_for": WaitReason.RETRY},
            "waits, RETRY after 2 tries: refused",
        ),
        (
            {"state": MessageState.WAITING, "waits_for": WaitReason.QUIET_HOURS, "due_ns": 1_577_836_800_000_000_000},
            "waits, QUIET_HOURS until 2020-01-01 00:00:00.000Z",
        ),
        ({"state": MessageState.WAITING}, "waits, QUEUE"),
    ],
)
def test_a_message_says_what_it_waits_for(fields: dict[str, Any], expected: str) -> None:
    message = DeliveryLine(message=1, target="phone", rule="urgent", kind=MessageKind.ALERT, **fields)
    assert delivery_text(message) == expected
