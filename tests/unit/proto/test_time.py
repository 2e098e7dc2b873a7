"""Times as text."""

from __future__ import annotations

import pytest

from proto.time import utc_text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01 00:00:00.000Z"),
        (1_577_836_800_000_000_000, "2020-01-01 00:00:00.000Z"),
        (1_577_836_800_123_000_000, "2020-01-01 00:00:00.123Z"),
        (1_577_836_800_123_456_789, "2020-01-01 00:00:00.123456Z"),
        (2**62, "2116-02-20 23:53:38.427387Z"),
    ],
)
def test_a_time_is_shown_in_milliseconds_or_in_microseconds_if_needed(time_ns: int, text: str) -> None:
    assert utc_text(time_ns) == text
