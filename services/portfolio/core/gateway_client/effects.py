"""Effects: actions of the desk itself that a task requests, besides its requests to the gateway."""

from __future__ import annotations

from msgspec import Struct

from proto.control import ReconcileReply


class Effect(Struct, frozen=True):
    """Base of the effects that a task may yield; only `Pause` suspends the task."""


class Pause(Effect, frozen=True):
    """Suspend the task for `ns` nanoseconds, or until its scheduler ends the pause."""

    ns: int


class PullDeals(Effect, frozen=True):
    """Pull the venue's deals with numbers above `after`; None means above the last booked deal."""

    after: int | None = None


class Reconnect(Effect, frozen=True):
    """Reopen the session with the gateway, which begins with HELLO."""


class ReportComparison(Effect, frozen=True):
    """Send the result of a reconciliation to the person who requested it."""

    reply: ReconcileReply
