"""The two times every core is told."""

from __future__ import annotations

from typing import NamedTuple


class Now(NamedTuple):
    """The present, as the shell sees it when it calls a core.

    `domain_ns` is venue time in UTC nanoseconds (ages, expiry, sessions); in replay it is never past the last tick.
    `mono_ns` is the monotonic clock (timeouts, resending, heartbeats) and never decides anything of trading.
    """

    domain_ns: int
    mono_ns: int
