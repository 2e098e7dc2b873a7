"""The face that every core has, and how a shell drives it.

A process of the desk is a shell around one core. The core decides: it is a state machine that opens no socket, reads no
clock and no file, and never waits. The shell does everything else: it decodes what arrives, reads the clock, calls the
core, and carries out what the core returns, in the order in which it is returned.

    start(now)             once, before any other verb
    handle(message, now)   for each message, in the order of arrival
    on_idle(now)           when all messages at hand have been handled, and after due timers
    next_timer()           before each wait
    on_timer(now)          when the time of `next_timer()` has come

    wait for a message or a timer ──▶ handle … handle ──▶ on_idle ──▶ on_timer ──▶ on_idle ──▶ wait

Calls do not overlap, and `now.mono_ns` never goes back between them. `common.event_loop.EventLoop.drive` is this loop
for a process; the backtest and the simulation call the same verbs with a time of their own, so that they run the very
same decisions.

Messages enter by `handle` alone. What else a core offers are readings (metrics, `domain_ns`), its state for a
checkpoint, and commands that are answered at once. Bytes that are no message never reach `handle`; a core raises for a
bug of its own, and passes on what its stores raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from proto.time import Now

Message_contra = TypeVar("Message_contra", contravariant=True)
Output_co = TypeVar("Output_co", covariant=True)


class Core(Protocol[Message_contra, Output_co]):
    """A core that takes messages of one type and returns outputs of another, for its shell to carry out in order."""

    def start(self, now: Now) -> Sequence[Output_co]:
        """Begin with the state that the core was given; called once."""

    def handle(self, message: Message_contra, now: Now) -> Sequence[Output_co]:
        """Take one message in."""

    def next_timer(self) -> int | None:
        """Monotonic time in nanoseconds at which `on_timer` is due, 0 for at once; None when only a message can change that.

        It is called before every wait, so it has to be cheap, and it may be too early but never too late.
        """

    def on_timer(self, now: Now) -> Sequence[Output_co]:
        """Run what is due at `now.mono_ns`; do nothing if nothing is due."""

    def on_idle(self, now: Now) -> Sequence[Output_co]:  # noqa: ARG002 - for cores with work to do at this moment
        """Do what is better done once for many messages; a core that has no such work leaves this verb out."""
        return ()
