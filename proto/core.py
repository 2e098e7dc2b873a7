"""The interface of every core, and the order in which a shell calls its methods.

A process of the desk consists of a core and a shell. The core is a state machine that makes the decisions. It opens no
socket, reads no clock and no file, and never waits. The shell decodes messages, reads the clock, calls the core, and
carries out the outputs that the core returns, in the order in which it returns them.

    start(now)             once, before any other method
    handle(message, now)   for each message, in the order of arrival
    on_idle(now)           after all messages received so far have been handled, and after due timers
    next_timer()           before each wait
    on_timer(now)          once the time that `next_timer()` returned is reached

    wait for a message or a timer ──▶ handle … handle ──▶ on_idle ──▶ on_timer ──▶ on_idle ──▶ wait

Calls do not overlap, and `now.mono_ns` never decreases from one call to the next. In a process,
`common.event_loop.EventLoop.drive` makes these calls. The backtest and the simulation make the same calls with a
simulated time, so that they reach the same decisions as the process.

A core receives the messages of other processes through `handle`, except that portfolio's shell answers queries of the
desk's state itself and passes the findings of watchdog and notify to `WatchdogContact` and `NotifyContact`. The shell
also calls methods outside this interface:

- It reads values for metrics, `domain_ns` and the state for a checkpoint, and restores a checkpoint before `start`.
- It reports its own observations. Portfolio's shell reports a step of the wall clock by `on_clock_step`. The ledger
  writer sets conditions and halts trading for errors of the ledger. The gateway's shell reports a failing disk.
- It makes the core do a long computation, such as that of portfolio's round trips, in short steps between messages.

Bytes that are not a message do not reach `handle`: the shell drops them, and replies with an error if they are a
request. A core raises an exception only for its own bugs and for errors of its stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from proto.time import Now

Message_contra = TypeVar("Message_contra", contravariant=True)
Output_co = TypeVar("Output_co", covariant=True)


class Core(Protocol[Message_contra, Output_co]):
    """A core that handles messages of one type and returns outputs of another, which its shell carries out in order."""

    def start(self, now: Now) -> Sequence[Output_co]:
        """Begin with the state passed to the constructor; called once."""

    def handle(self, message: Message_contra, now: Now) -> Sequence[Output_co]:
        """Process one message."""

    def next_timer(self) -> int | None:
        """Monotonic time in nanoseconds at which `on_timer` is due: 0 for now, None if only a message can make it due.

        The shell calls it before every wait, so it must be fast. The returned time may be too early, never too late.
        """

    def on_timer(self, now: Now) -> Sequence[Output_co]:
        """Do the work that is due at `now.mono_ns`, if any is due."""

    def on_idle(self, now: Now) -> Sequence[Output_co]:  # noqa: ARG002 - cores that override it need `now`
        """Do work that is cheaper once for many messages. A core without such work does not override this method."""
        return ()
