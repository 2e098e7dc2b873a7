"""Effects that a task requests from its scheduler, besides its requests to the gateway."""

from __future__ import annotations

from msgspec import Struct

from proto.control import ReconcileReply


class Effect(Struct, frozen=True):
    """Base of effects, which a task may yield instead of a request; after all but `Pause` it continues at once."""


class Pause(Effect, frozen=True):
    """Resume the task after `ns`, or when its scheduler ends the pause."""

    ns: int


class PullDeals(Effect, frozen=True):
    """Pull the venue's deals soon; `after` is the number of a deal before those that are missing."""

    after: int | None = None


class Reconnect(Effect, frozen=True):
    """Open the session with the gateway again, HELLO first."""


class ReportComparison(Effect, frozen=True):
    """Answer the person who requested the reconciliation."""

    reply: ReconcileReply
