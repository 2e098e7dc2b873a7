"""The settings of a stream name the code of the previous stream if one of its strategies has other code."""

from __future__ import annotations

import pytest

from services.portfolio.core.queries.event_text import event_text
from services.portfolio.core.state.config import changed_code, with_code_before
from tests.support.builders import a_book, an_opened_stream


@pytest.mark.parametrize(
    ("now", "before", "changed"),
    [
        ("", "", []),
        ("a:A=1", "", []),
        ("", "a:A=1", []),
        ("a:A=1", "a:A=1", []),
        ("a:A=2", "a:A=1", ["a:A"]),
        ("a:A=2", "b:B=1", []),
        ("a:A=1,b:B=2,c:C=3", "c:C=4,b:B=2,a:A=5", ["a:A", "c:C"]),
    ],
)
def test_a_strategy_of_both_streams_with_another_digest_has_other_code(
    now: str, before: str, changed: list[str]
) -> None:
    settings, earlier = ({"strategy_code": code} if code else {} for code in (now, before))
    assert changed_code(settings, earlier) == changed
    expected = {**settings, "strategy_code_before": before} if changed else settings
    assert with_code_before(settings, earlier) == expected


def test_the_event_of_the_stream_shows_the_former_code() -> None:
    opened = an_opened_stream(settings={"strategy_code": "a:A=2", "strategy_code_before": "a:A=1"})
    assert event_text(opened, a_book()).text.endswith("fills ideal; the code of a strategy was a:A=1 before")
