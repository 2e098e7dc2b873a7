"""The courier sends portfolio's calls to the gateway and reports the answers to portfolio.

It keeps all calls in memory. The answer to a call is the gateway's reply, or NO_ANSWER when the call's deadline has
passed. A reply after the deadline is also reported, because it shows the outcome of the order. A repeated call, with
the same id, is sent again and gets a new deadline. At most `in_flight_max` calls are in flight, and at most
`WAITING_CALLS_MAX` wait. A further call is answered with NO_ANSWER at once and never sent.

A gateway that leaves `MISSED_REPLIES_MAX` calls or PINGs in a row unanswered counts as down. Calls then wait until
their deadlines. From time to time a new call or a PING is sent as a probe; the pauses between probes double up to
`PROBE_NS_MAX`. When the gateway answers again, or its reply to a PING shows a restart, a CourierHello asks portfolio to
send every open call again, because the courier cannot know which calls the gateway has lost.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from proto.codec import NIL, MalformedMessageError, decode_reply, encode
from proto.core import Core
from proto.gateway import Ping
from proto.messages import Answer, Call, CallOutcome, CourierHello
from proto.time import Now
from proto.trading.units import MAX_FRAME_BYTES

IN_FLIGHT_MAX: Final = 64
"""Default limit of calls in flight. Portfolio needs few, and more would only wait longer in the gateway's queue."""

WAITING_CALLS_MAX: Final = 256
"""Limit of waiting calls, enough for those that arrive within one deadline while the gateway does not answer."""

MISSED_REPLIES_MAX: Final = 3
"""Number of missing replies in a row after which the gateway counts as down; a single reply may be lost."""

IDLE_PING_NS: Final = 1_000_000_000
"""Time without a reply or a PING after which a PING is sent, to detect a restart or a failure between calls."""

PROBE_NS_FIRST: Final = 100_000_000
"""First pause between two probes of a gateway that is down; each further pause is twice as long."""

PROBE_NS_MAX: Final = 2_000_000_000
"""Longest pause between two probes."""

REPLY_BYTES_MAX: Final = MAX_FRAME_BYTES - 256
"""Longest reply that fits into a frame as part of an Answer."""

PING_ID: Final = 0
"""Call id of the courier's PINGs; the call ids of portfolio start at 1."""

_PING: Final = encode(Ping())
_BOOT_CHARS_MAX: Final = 64


class GatewayReply(Struct, frozen=True):
    """The gateway's reply to a call or a PING, not decoded."""

    call_id: int
    payload: bytes


class SendFailed(Struct, frozen=True):
    """The request of a call or a PING could not be sent, because no gateway is connected."""

    call_id: int


class SendToGateway(Struct, frozen=True):
    """Send `request` to the gateway with `call_id`; if that fails, the shell passes `SendFailed` to the courier."""

    call_id: int
    request: bytes


class GatewayDown(Struct, frozen=True):
    """The gateway has left `silent` calls or PINGs in a row unanswered."""

    silent: int


class GatewayUp(Struct, frozen=True):
    """The gateway answers for the first time since the start of this process, or again after it was down or restarted.

    `before` is the gateway's previous boot id, empty at the first answer.
    """

    boot_id: str
    before: str


class MalformedReply(Struct, frozen=True):
    """The gateway's reply is malformed; it counts as a missing reply."""

    call_id: int
    why: str


class CallRefused(Struct, frozen=True):
    """A call was refused because `waiting` calls were already waiting."""

    call_id: int
    waiting: int


Event = GatewayDown | GatewayUp | MalformedReply | CallRefused
Message = Call | GatewayReply | SendFailed
Output = SendToGateway | Answer | CourierHello | Event


class _PendingCall:
    """A call in flight or waiting."""

    __slots__ = ("deadline_ns", "request")

    def __init__(self, request: bytes, deadline_ns: int) -> None:
        self.request = request
        self.deadline_ns = deadline_ns


class Courier(Core[Message, Output]):
    """Sends the calls to one gateway and tracks their deadlines."""

    def __init__(self, *, boot_id: str, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        """Start without calls.

        Args:
            boot_id: id of this start of the process.
            in_flight_max: largest number of calls in flight, > 0.
        """
        assert in_flight_max > 0, in_flight_max
        self.boot_id = boot_id
        self.gateway_boot = ""
        self.is_up = True
        """Whether the gateway answers, so that calls are sent at once; True at the start."""
        self._in_flight_max = in_flight_max
        self._in_flight: dict[int, _PendingCall] = {}
        self._waiting: dict[int, _PendingCall] = {}
        self._missed_replies = 0
        self._is_connected = True
        self._is_pinged = False
        self._ping_ns = 0
        self._replied_ns = 0
        self._probe_ns = 0
        self._probe_pause_ns = PROBE_NS_FIRST
        # A time at or before the earliest deadline of a call. The answer to a call does not change this time, which may
        # cause one timer without effect.
        self._deadline_ns: int | None = None

    @property
    def in_flight(self) -> int:
        """Number of calls that were sent but not answered yet."""
        return len(self._in_flight)

    @property
    def heard_mono_ns(self) -> int:
        """Monotonic time of the gateway's last reply, or of the start of this process if there was none."""
        return self._replied_ns

    @property
    def waiting(self) -> int:
        """Number of calls that were not sent yet."""
        return len(self._waiting)

    def start(self, now: Now) -> list[Output]:
        """Send portfolio a CourierHello, because this process knows no earlier call, and send the gateway a PING."""
        self._replied_ns = now.mono_ns
        return [self._hello(), self._ping(now)]

    def handle(self, message: Message, now: Now) -> list[Output]:
        """Process a call of portfolio, a reply of the gateway, or the failure to send a request."""
        if not isinstance(message, Call):
            if isinstance(message, GatewayReply):
                return self._on_reply(message, now)
            return self._on_send_failed(message.call_id, now)
        call_id = message.call_id
        pending = _PendingCall(bytes(message.request), now.mono_ns + message.timeout_ms * 1_000_000)
        if self._deadline_ns is None or pending.deadline_ns < self._deadline_ns:
            self._deadline_ns = pending.deadline_ns
        has_slot = call_id in self._in_flight or len(self._in_flight) < self._in_flight_max
        if has_slot and ((self.is_up and self._is_connected) or self._take_probe(now)):
            self._waiting.pop(call_id, None)
            self._in_flight[call_id] = pending
            return [SendToGateway(call_id, pending.request)]
        if call_id in self._in_flight:
            self._in_flight[call_id] = pending
            return []
        if call_id not in self._waiting and len(self._waiting) >= WAITING_CALLS_MAX:
            return [CallRefused(call_id, len(self._waiting)), Answer(call_id, CallOutcome.NO_ANSWER, NIL)]
        self._waiting[call_id] = pending
        return []

    def next_timer(self) -> int:
        """Return the monotonic time of the next PING, or of the earliest deadline of a call."""
        due = self._ping_due()
        return due if self._deadline_ns is None else min(due, self._deadline_ns)

    def on_timer(self, now: Now) -> list[Output]:
        """Answer calls whose deadline has passed, and send a PING if it is due."""
        outputs: list[Output] = []
        if self._deadline_ns is not None and self._deadline_ns <= now.mono_ns:
            outputs += self._expire(now)
        if self._ping_due() <= now.mono_ns:
            if self._is_pinged and self._is_connected:
                outputs += self._count_missing_reply(now)
            if self.is_up or self._take_probe(now):
                outputs.append(self._ping(now))
        return outputs

    # -------------------------------------------------------------------------------------------------------- gateway

    def _on_reply(self, reply: GatewayReply, now: Now) -> list[Output]:
        """Report a reply to a call without decoding it, or decode the reply to a PING."""
        call_id, payload = reply.call_id, reply.payload
        if call_id == PING_ID:
            try:
                return self._on_answering(now, decode_reply(payload).boot_id)
            except MalformedMessageError as error:
                return [MalformedReply(call_id, str(error))]
        if problem := _problem_of(payload):
            return [MalformedReply(call_id, problem)]
        if self._in_flight.pop(call_id, None) is None:
            self._waiting.pop(call_id, None)
        return [Answer(call_id, CallOutcome.REPLY, Raw(payload)), *self._on_answering(now, self.gateway_boot)]

    def _on_send_failed(self, call_id: int, now: Now) -> list[Output]:
        """Let a call that could not be sent wait until its deadline."""
        self._is_connected = False
        self._probe_ns = now.mono_ns + PROBE_NS_FIRST
        if call_id == PING_ID:
            return self._count_missing_reply(now)
        pending = self._in_flight.pop(call_id, None)
        if pending is not None:
            self._waiting[call_id] = pending
        return []

    def _ping_due(self) -> int:
        if self.is_up and self._is_connected:
            return max(self._replied_ns, self._ping_ns) + IDLE_PING_NS
        return self._probe_ns

    def _ping(self, now: Now) -> SendToGateway:
        self._ping_ns = now.mono_ns
        self._probe_ns = max(self._probe_ns, now.mono_ns + PROBE_NS_FIRST)
        self._is_pinged = True
        # The gateway counts as connected unless this PING cannot be sent.
        self._is_connected = True
        return SendToGateway(PING_ID, _PING)

    def _take_probe(self, now: Now) -> bool:
        """Return whether a gateway that is down or disconnected may be probed now; if so, double the next pause."""
        if now.mono_ns < self._probe_ns:
            return False
        self._probe_ns = now.mono_ns + self._probe_pause_ns
        self._probe_pause_ns = min(2 * self._probe_pause_ns, PROBE_NS_MAX)
        return True

    def _count_missing_reply(self, now: Now) -> list[Output]:
        """Count a call or PING without a reply."""
        self._missed_replies += 1
        if not self.is_up or self._missed_replies < MISSED_REPLIES_MAX:
            return []
        self.is_up = False
        self._probe_pause_ns = PROBE_NS_FIRST
        self._probe_ns = now.mono_ns
        return [GatewayDown(self._missed_replies)]

    def _on_answering(self, now: Now, boot_id: str) -> list[Output]:
        """Record that the gateway answers; if it was down or restarted, ask portfolio to send the open calls again."""
        self._replied_ns = now.mono_ns
        self._missed_replies = 0
        self._is_pinged = False
        self._is_connected = True
        outputs: list[Output] = []
        if not self.is_up or boot_id != self.gateway_boot:
            outputs.append(GatewayUp(boot_id, before=self.gateway_boot))
            self.is_up = True
            self.gateway_boot = boot_id
            outputs.append(self._hello())
        if self._waiting:
            outputs += self._send_waiting()
        return outputs

    def _hello(self) -> CourierHello:
        """Return the CourierHello; its boot id differs after a restart of this process or of the gateway."""
        return CourierHello(f"{self.boot_id}+{self.gateway_boot}"[:_BOOT_CHARS_MAX])

    # ---------------------------------------------------------------------------------------------------------- calls

    def _send_waiting(self) -> list[Output]:
        outputs: list[Output] = []
        for call_id in list(self._waiting)[: self._in_flight_max - len(self._in_flight)]:
            pending = self._in_flight[call_id] = self._waiting.pop(call_id)
            outputs.append(SendToGateway(call_id, pending.request))
        return outputs

    def _expire(self, now: Now) -> list[Output]:
        outputs: list[Output] = []
        for calls in (self._in_flight, self._waiting):
            for call_id in [key for key, pending in calls.items() if pending.deadline_ns <= now.mono_ns]:
                del calls[call_id]
                outputs.append(Answer(call_id, CallOutcome.NO_ANSWER, NIL))
                if calls is self._in_flight:
                    outputs += self._count_missing_reply(now)
        deadlines = [pending.deadline_ns for calls in (self._in_flight, self._waiting) for pending in calls.values()]
        self._deadline_ns = min(deadlines, default=None)
        if self.is_up and self._waiting and self._is_connected:
            outputs += self._send_waiting()
        return outputs


def _problem_of(payload: bytes) -> str:
    """Return why a payload cannot be part of an Answer; empty if it can."""
    if len(payload) > REPLY_BYTES_MAX:
        return f"{len(payload)} bytes, expected at most {REPLY_BYTES_MAX}"
    head = payload[0] if payload else 0
    if not (0x80 <= head <= 0x8F or head in (0xDE, 0xDF)):
        return f"first byte 0x{head:02x}, expected a MessagePack map"
    return ""
