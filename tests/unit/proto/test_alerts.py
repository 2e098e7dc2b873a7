"""The link to an alert."""

from __future__ import annotations

import pytest

from proto.alerts import alert_link


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
