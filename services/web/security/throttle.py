"""Delays after failed sign-ins, for the source and for the user name; each further failure doubles the delay.

Sessions are not affected. An attempt counts as failed until it succeeds, so that simultaneous attempts do not avoid the
delay. The delay of a user name does not apply to a source from which that user has signed in before, so that failures
elsewhere cannot lock the user out.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from common.clock import mono_ns

FREE_FAILURES: Final = 3
"""Failures without a delay."""

SOURCE_DELAY_S_MAX: Final = 300
USER_DELAY_S_MAX: Final = 30
"""Longest delays in seconds. That of a user name is shorter, because another person may cause it."""

FORGET_S: Final = 900
"""Seconds after the last delay after which failures no longer count."""

ENTRIES_MAX: Final = 4_096
"""Largest number of sources, and of user names, that are kept; those with the oldest attempts are dropped."""

_S: Final = 1_000_000_000
_IPV6_SOURCE_BITS: Final = 64


class _Failures(Struct):
    count: int = 0
    free_ns: int = 0
    """Monotonic time of the next allowed attempt."""


class _Delays:
    """Failures by key, with a delay that doubles after each failure."""

    def __init__(self, delay_s_max: int) -> None:
        self._delay_s_max = delay_s_max
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def free_ns(self, key: str) -> int:
        found = self._failures.get(key)
        return 0 if found is None else found.free_ns

    def count(self, key: str, now_ns: int) -> None:
        found = self._failures.pop(key, None)
        if found is None or now_ns - found.free_ns > FORGET_S * _S:
            found = _Failures()
        found.count += 1
        over = found.count - FREE_FAILURES
        delay_s = min(2 ** min(over - 1, 30), self._delay_s_max) if over > 0 else 0
        found.free_ns = now_ns + delay_s * _S
        self._failures[key] = found
        if len(self._failures) > ENTRIES_MAX:
            self._failures.popitem(last=False)

    def uncount(self, key: str, now_ns: int) -> None:
        found = self._failures.get(key)
        if found is not None:
            found.count -= 1
            found.free_ns = min(found.free_ns, now_ns)
            if found.count <= 0:
                del self._failures[key]

    def forget(self, key: str) -> None:
        self._failures.pop(key, None)

    def __len__(self) -> int:
        return len(self._failures)


class Throttle:
    """Failed sign-ins by source and by user name; used by one thread."""

    def __init__(self, now_ns: Callable[[], int] = mono_ns) -> None:
        """Measure delays with the monotonic clock `now_ns`."""
        self._now_ns = now_ns
        self._sources = _Delays(SOURCE_DELAY_S_MAX)
        self._users = _Delays(USER_DELAY_S_MAX)
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, address: str, user: str) -> int:
        """Seconds, rounded up, until a sign-in of `user` from `address` is allowed; 0 if it is allowed now."""
        source = source_of(address)
        free_ns = self._sources.free_ns(source)
        if (source, user) not in self._seen:
            free_ns = max(free_ns, self._users.free_ns(user))
        return max(0, -(-(free_ns - self._now_ns()) // _S))

    def count(self, address: str, user: str) -> None:
        """Count an attempt, as failed; `user` is empty for an attempt without a user name."""
        now_ns = self._now_ns()
        self._sources.count(source_of(address), now_ns)
        if user:
            self._users.count(user, now_ns)

    def succeed(self, address: str, user: str) -> None:
        """Remove the count of an attempt that succeeded.

        Earlier failures of the source still count, because its user may try the passwords of others.
        """
        source = source_of(address)
        self._sources.uncount(source, self._now_ns())
        self._users.forget(user)
        if user:
            self._seen[source, user] = None
            self._seen.move_to_end((source, user))
            if len(self._seen) > ENTRIES_MAX:
                self._seen.popitem(last=False)

    @property
    def entries(self) -> int:
        """Number of kept sources and user names."""
        return len(self._sources) + len(self._users) + len(self._seen)


def source_of(address: str) -> str:
    """The source of requests from an address: the address; for IPv6 its network, because one host may use all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_SOURCE_BITS), strict=False))
    return address
