"""Carries calls to the gateway and answers back; it keeps nothing that is not in the ledger or at the gateway.

A call is answered by the gateway's reply, or by NO_ANSWER when its deadline has passed; a reply that comes later than
that is reported all the same, because it is evidence. The same call id again means "send it again", and gets a new
deadline. At most `in_flight_max` calls are at the gateway at a time and `WAITING_CALLS_MAX` wait for their turn; a call
beyond those is answered with NO_ANSWER at once and never sent.

A gateway that leaves `MISSED_REPLIES_MAX` calls or pings in a row unanswered is held to be absent. Calls then wait, within
their deadlines, and one of them or a PING goes out as a probe, at pauses that double up to `PROBE_NS_MAX`. When the
gateway is heard again, or a PING shows that it has started anew, a CourierHello asks portfolio to send again whatever
is open: the courier does not know what the gateway has lost.
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
"""Portfolio has few questions open at a time; more than this at one gateway only makes each of them late."""

WAITING_CALLS_MAX: Final = 256
"""What a burst may pile up while the gateway is away for the length of a deadline."""

MISSED_REPLIES_MAX: Final = 3
"""One lost answer is an accident, three in a row are an absence."""

IDLE_PING_NS: Final = 1_000_000_000
"""A gateway not heard for this long is pinged, so that a new boot or an absence shows without a call."""

PROBE_NS_FIRST: Final = 100_000_000
PROBE_NS_MAX: Final = 2_000_000_000

REPLY_BYTES_MAX: Final = MAX_FRAME_BYTES - 256
"""Longest reply that still fits, inside its Answer, into one frame of the bus."""

PING_ID: Final = 0
"""Call ids start at 1, so this one is the courier's own."""

_PING: Final = encode(Ping())
_BOOT_CHARS_MAX: Final = 64


class GatewayReply(Struct, frozen=True):
    """What the gateway answered to a call or a ping, undecoded."""

    call_id: int
    payload: bytes


class SendFailed(Struct, frozen=True):
    """The socket did not take the request of a call or a ping, because no gateway is connected."""

    call_id: int


class SendToGateway(Struct, frozen=True):
    """Send `request` to the gateway under `call_id`; where the socket does not take it, the courier gets `SendFailed`."""

    call_id: int
    request: bytes


class GatewayDown(Struct, frozen=True):
    """The gateway has left `silent` calls or pings in a row unanswered."""

    silent: int


class GatewayUp(Struct, frozen=True):
    """The gateway answers, for the first time, after an absence or after a start of its own."""

    boot_id: str
    before: str


class MalformedReply(Struct, frozen=True):
    """The gateway answered with something that is no reply; it counts as no answer."""

    call_id: int
    why: str


class CallRefused(Struct, frozen=True):
    """More calls are under way than the courier carries."""

    call_id: int


Event = GatewayDown | GatewayUp | MalformedReply | CallRefused
Message = Call | GatewayReply | SendFailed
Output = SendToGateway | Answer | CourierHello | Event


class _PendingCall:
    """One call under way, sent or waiting."""

    __slots__ = ("deadline_ns", "request")

    def __init__(self, request: bytes, deadline_ns: int) -> None:
        self.request = request
        self.deadline_ns = deadline_ns


class Courier(Core[Message, Output]):
    """Decides for one gateway; the shell owns the sockets and does what is returned, in order."""

    def __init__(self, *, boot_id: str, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        assert in_flight_max > 0, in_flight_max
        self.boot_id = boot_id
        self.gateway_boot = ""
        self.is_up = True
        """Whether calls are sent as they come; assumed until shown otherwise."""
        self._in_flight_max = in_flight_max
        self._in_flight: dict[int, _PendingCall] = {}
        self._waiting: dict[int, _PendingCall] = {}
        self._silent = 0
        self._is_connected = True
        self._is_pinged = False
        self._ping_ns = 0
        self._heard_ns = 0
        self._probe_ns = 0
        self._probe_pause_ns = PROBE_NS_FIRST
        # No later than the earliest deadline; it is not moved when a call is answered, which may wake for nothing once.
        self._deadline_ns: int | None = None

    @property
    def in_flight(self) -> int:
        """Calls sent and not answered."""
        return len(self._in_flight)

    @property
    def heard_mono_ns(self) -> int:
        """When the gateway was last heard; before that, when this process began."""
        return self._heard_ns

    @property
    def waiting(self) -> int:
        """Calls that are not sent yet."""
        return len(self._waiting)

    def start(self, now: Now) -> list[Output]:
        """Begin: say that nothing is in hand, and look for the gateway. Called once."""
        self._heard_ns = now.mono_ns
        return [self._hello(), self._ping(now)]

    def handle(self, message: Message, now: Now) -> list[Output]:
        """Take over a call of portfolio, a reply of the gateway, or a request that could not be sent."""
        if not isinstance(message, Call):
            if isinstance(message, GatewayReply):
                return self._on_reply(message, now)
            return self._on_send_failed(message.call_id, now)
        call_id = message.call_id
        pending = _PendingCall(bytes(message.request), now.mono_ns + message.timeout_ms * 1_000_000)
        if self._deadline_ns is None or pending.deadline_ns < self._deadline_ns:
            self._deadline_ns = pending.deadline_ns
        is_turn = call_id in self._in_flight or len(self._in_flight) < self._in_flight_max
        if is_turn and ((self.is_up and self._is_connected) or self._take_probe(now)):
            self._waiting.pop(call_id, None)
            self._in_flight[call_id] = pending
            return [SendToGateway(call_id, pending.request)]
        if call_id in self._in_flight:
            self._in_flight[call_id] = pending
            return []
        if call_id not in self._waiting and len(self._waiting) >= WAITING_CALLS_MAX:
            return [CallRefused(call_id), Answer(call_id, CallOutcome.NO_ANSWER, NIL)]
        self._waiting[call_id] = pending
        return []

    def next_timer(self) -> int:
        """Monotonic time of the next ping, or of the earliest deadline of a call."""
        due = self._ping_due()
        return due if self._deadline_ns is None else min(due, self._deadline_ns)

    def on_timer(self, now: Now) -> list[Output]:
        """Report calls whose deadline has passed; ping a gateway that has not been heard."""
        outputs: list[Output] = []
        if self._deadline_ns is not None and self._deadline_ns <= now.mono_ns:
            outputs += self._expire(now)
        if self._ping_due() <= now.mono_ns:
            if self._is_pinged and self._is_connected:
                outputs += self._miss(now)
            if self.is_up or self._take_probe(now):
                outputs.append(self._ping(now))
        return outputs

    # ------------------------------------------------------------------------------------------------------- the gateway

    def _on_reply(self, reply: GatewayReply, now: Now) -> list[Output]:
        """Pass a reply on undecoded; those to the courier's own pings are decoded here."""
        call_id, payload = reply.call_id, reply.payload
        if call_id == PING_ID:
            try:
                return self._heard(now, decode_reply(payload).boot_id)
            except MalformedMessageError as error:
                return [MalformedReply(call_id, str(error))]
        if problem := _problem_of(payload):
            return [MalformedReply(call_id, problem)]
        if self._in_flight.pop(call_id, None) is None:
            self._waiting.pop(call_id, None)
        return [Answer(call_id, CallOutcome.REPLY, Raw(payload)), *self._heard(now, self.gateway_boot)]

    def _on_send_failed(self, call_id: int, now: Now) -> list[Output]:
        """Keep a call that could not be sent; it waits within its deadline."""
        self._is_connected = False
        self._probe_ns = now.mono_ns + PROBE_NS_FIRST
        if call_id == PING_ID:
            return self._miss(now)
        pending = self._in_flight.pop(call_id, None)
        if pending is not None:
            self._waiting[call_id] = pending
        return []

    def _ping_due(self) -> int:
        if self.is_up and self._is_connected:
            return max(self._heard_ns, self._ping_ns) + IDLE_PING_NS
        return self._probe_ns

    def _ping(self, now: Now) -> SendToGateway:
        self._ping_ns = now.mono_ns
        self._probe_ns = max(self._probe_ns, now.mono_ns + PROBE_NS_FIRST)
        self._is_pinged = True
        # Whether somebody is connected shows when the socket takes this one or does not.
        self._is_connected = True
        return SendToGateway(PING_ID, _PING)

    def _take_probe(self, now: Now) -> bool:
        """Whether an absent gateway may be tried now; if so, the next try is a longer pause away."""
        if now.mono_ns < self._probe_ns:
            return False
        self._probe_ns = now.mono_ns + self._probe_pause_ns
        self._probe_pause_ns = min(2 * self._probe_pause_ns, PROBE_NS_MAX)
        return True

    def _miss(self, now: Now) -> list[Output]:
        """One more call or ping without an answer."""
        self._silent += 1
        if not self.is_up or self._silent < MISSED_REPLIES_MAX:
            return []
        self.is_up = False
        self._probe_pause_ns = PROBE_NS_FIRST
        self._probe_ns = now.mono_ns
        return [GatewayDown(self._silent)]

    def _heard(self, now: Now, boot_id: str) -> list[Output]:
        """The gateway lives; if it was absent or is another, what is open is sent again."""
        self._heard_ns = now.mono_ns
        self._silent = 0
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
        """Own boot and the gateway's, so that either one's change shows."""
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
                    outputs += self._miss(now)
        deadlines = [pending.deadline_ns for calls in (self._in_flight, self._waiting) for pending in calls.values()]
        self._deadline_ns = min(deadlines, default=None)
        if self.is_up and self._waiting and self._is_connected:
            outputs += self._send_waiting()
        return outputs


def _problem_of(payload: bytes) -> str:
    """Why a payload cannot stand inside an Answer, or nothing."""
    if len(payload) > REPLY_BYTES_MAX:
        return f"{len(payload)} bytes, expected at most {REPLY_BYTES_MAX}"
    head = payload[0] if payload else 0
    if not (0x80 <= head <= 0x8F or head in (0xDE, 0xDF)):
        return f"first byte 0x{head:02x}, expected a MessagePack map"
    return ""
