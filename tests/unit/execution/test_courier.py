"""The courier reports missing and late replies, limits its calls, and probes a gateway that is down."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import pytest
from msgspec import Raw

from proto.codec import decode_report_message, decode_request, encode
from proto.gateway import Fence, OrderReply, Ping, PingReply
from proto.messages import Answer, Call, CallOutcome, CourierHello
from proto.time import Now
from services.execution.core.courier import (
    IDLE_PING_NS,
    MISSED_REPLIES_MAX,
    PING_ID,
    PROBE_NS_FIRST,
    PROBE_NS_MAX,
    REPLY_BYTES_MAX,
    WAITING_CALLS_MAX,
    CallRefused,
    Courier,
    GatewayDown,
    GatewayReply,
    GatewayUp,
    MalformedReply,
    Output,
    SendFailed,
    SendToGateway,
)

MS = 1_000_000
REQUEST = encode(Fence(order_id="a-1"))


def a_call(call_id: int, *, timeout_ms: int = 500, request: bytes = REQUEST) -> Call:
    return Call(call_id, timeout_ms, 0, Raw(request))


def a_reply(boot_id: str = "g1") -> bytes:
    return encode(
        OrderReply(status="UNKNOWN", mode="simulated", venue="v", account="a", boot_id=boot_id, order_id="a-1")
    )


def a_pong(boot_id: str = "g1") -> bytes:
    return encode(PingReply(status="OK", mode="simulated", venue="v", account="a", boot_id=boot_id, now_ns=1))


class CourierHarness:
    """A courier with a clock, and a gateway that can be disconnected and answers PINGs by itself."""

    def __init__(self, *, in_flight_max: int = 64, connected: bool = True, answering: bool = True) -> None:
        self.courier = Courier(boot_id="c1", in_flight_max=in_flight_max)
        self.mono_ns = 1_000 * MS
        self.is_connected = connected
        self.is_answering = answering
        self.boot_id = "g1"
        self.outputs: list[Output] = []
        self.sent: list[tuple[int, bytes, int]] = []
        self.perform(self.courier.start(self.now))

    @property
    def now(self) -> Now:
        return Now(0, self.mono_ns)

    def is_up(self) -> bool:
        return self.courier.is_up

    def perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self.outputs.append(output)
            if not isinstance(output, SendToGateway):
                continue
            if not self.is_connected:
                self.perform(self.courier.handle(SendFailed(output.call_id), self.now))
                continue
            self.sent.append((output.call_id, output.request, self.mono_ns))
            if output.call_id == PING_ID and self.is_answering:
                self.perform(self.courier.handle(GatewayReply(PING_ID, a_pong(self.boot_id)), self.now))

    def call(self, *call_ids: int, timeout_ms: int = 500) -> None:
        for call_id in call_ids:
            self.perform(self.courier.handle(a_call(call_id, timeout_ms=timeout_ms), self.now))

    def reply(self, call_id: int, payload: bytes | None = None) -> None:
        self.perform(self.courier.handle(GatewayReply(call_id, payload or a_reply(self.boot_id)), self.now))

    def wait(self, milliseconds: int) -> None:
        end = self.mono_ns + milliseconds * MS
        while (due := self.courier.next_timer()) <= end:
            self.mono_ns = max(self.mono_ns, due)
            self.perform(self.courier.on_timer(self.now))
        self.mono_ns = end

    def outputs_of(self, kind: type) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def answers(self) -> list[tuple[int, CallOutcome]]:
        return [(output.call_id, output.outcome) for output in self.outputs if isinstance(output, Answer)]

    def calls_sent(self) -> list[int]:
        return [call_id for call_id, _, _ in self.sent if call_id != PING_ID]


# -------------------------------------------------------------------------------------------------- calls and answers


def test_request_and_reply_are_passed_on_unchanged() -> None:
    harness = CourierHarness()
    harness.call(7)
    harness.reply(7)
    assert harness.sent[-1][:2] == (7, REQUEST)
    answer = harness.outputs_of(Answer)[0]
    assert isinstance(answer, Answer)
    assert decode_report_message(encode(answer)) == answer
    assert bytes(answer.reply) == a_reply()


def test_a_call_without_a_reply_is_answered_with_no_answer_at_its_deadline() -> None:
    harness = CourierHarness()
    harness.call(7, timeout_ms=500)
    harness.wait(499)
    assert harness.answers() == []
    harness.wait(1)
    assert harness.answers() == [(7, CallOutcome.NO_ANSWER)]
    answer = harness.outputs_of(Answer)[0]
    assert isinstance(answer, Answer)
    assert decode_report_message(encode(answer)) == answer


def test_a_reply_after_the_deadline_is_reported_too() -> None:
    harness = CourierHarness()
    harness.call(7)
    harness.wait(500)
    harness.reply(7)
    assert harness.answers() == [(7, CallOutcome.NO_ANSWER), (7, CallOutcome.REPLY)]


def test_two_replies_to_one_call_are_both_reported() -> None:
    harness = CourierHarness()
    harness.call(7)
    harness.reply(7)
    harness.reply(7)
    assert harness.answers() == [(7, CallOutcome.REPLY)] * 2


def test_a_repeated_call_is_sent_again_with_a_new_deadline() -> None:
    harness = CourierHarness()
    harness.call(7, timeout_ms=500)
    harness.wait(400)
    harness.call(7, timeout_ms=500)
    assert harness.calls_sent() == [7, 7]
    assert harness.courier.in_flight == 1
    harness.wait(499)
    assert harness.answers() == []
    harness.wait(1)
    assert harness.answers() == [(7, CallOutcome.NO_ANSWER)]


def test_a_later_call_with_an_earlier_deadline_is_answered_at_its_deadline() -> None:
    harness = CourierHarness()
    harness.call(1, timeout_ms=5_000)
    harness.call(2, timeout_ms=100)
    harness.wait(100)
    assert harness.answers() == [(2, CallOutcome.NO_ANSWER)]


# ------------------------------------------------------------------------------------------------------------- limits


def test_at_most_in_flight_max_calls_are_in_flight() -> None:
    harness = CourierHarness(in_flight_max=2)
    harness.call(1, 2, 3, 4)
    assert harness.calls_sent() == [1, 2]
    assert (harness.courier.in_flight, harness.courier.waiting) == (2, 2)
    harness.reply(2)
    assert harness.calls_sent() == [1, 2, 3]


def test_a_call_whose_deadline_passes_while_it_waits_is_never_sent() -> None:
    harness = CourierHarness(in_flight_max=1)
    harness.call(1, timeout_ms=1_000)
    harness.call(2, timeout_ms=100)
    harness.wait(200)
    harness.reply(1)
    assert harness.calls_sent() == [1]
    assert harness.answers() == [(2, CallOutcome.NO_ANSWER), (1, CallOutcome.REPLY)]


def test_after_the_deadline_of_a_call_in_flight_a_waiting_call_is_sent() -> None:
    harness = CourierHarness(in_flight_max=1)
    harness.call(1, timeout_ms=100)
    harness.call(2, timeout_ms=1_000)
    harness.wait(100)
    assert harness.calls_sent() == [1, 2]


def test_a_call_beyond_the_limit_of_waiting_calls_is_answered_at_once_and_never_sent() -> None:
    harness = CourierHarness(in_flight_max=1)
    harness.call(*range(1, WAITING_CALLS_MAX + 3))
    assert harness.outputs_of(CallRefused) == [CallRefused(WAITING_CALLS_MAX + 2, WAITING_CALLS_MAX)]
    assert harness.answers() == [(WAITING_CALLS_MAX + 2, CallOutcome.NO_ANSWER)]
    assert harness.courier.waiting == WAITING_CALLS_MAX


def test_without_a_connection_the_number_of_waiting_calls_is_limited() -> None:
    harness = CourierHarness(connected=False)
    harness.call(*range(1, 1_001), timeout_ms=60_000)
    assert harness.courier.waiting + harness.courier.in_flight <= WAITING_CALLS_MAX + 1
    assert len(harness.outputs_of(CallRefused)) >= 1_000 - WAITING_CALLS_MAX - 1


# ------------------------------------------------------------------------------------------ a gateway that is down


def test_a_start_sends_a_hello_to_portfolio_and_a_ping_to_the_gateway() -> None:
    harness = CourierHarness()
    assert harness.outputs[0] == CourierHello("c1+")
    assert isinstance(decode_request(harness.sent[0][1])[0], Ping)
    assert harness.outputs_of(GatewayUp) == [GatewayUp("g1", before="")]
    assert harness.outputs_of(CourierHello)[-1] == CourierHello("c1+g1")


def test_a_ping_is_sent_each_second_only_while_there_are_no_replies() -> None:
    harness = CourierHarness()
    harness.wait(3_000)
    assert len(harness.sent) == 4
    for call_id in range(1, 101):
        harness.call(call_id)
        harness.wait(50)
        harness.reply(call_id)
    assert len(harness.sent) == 104


def test_after_a_restart_of_the_gateway_portfolio_gets_a_hello_with_the_new_boot_id() -> None:
    harness = CourierHarness()
    harness.boot_id = "g2"
    harness.wait(IDLE_PING_NS // MS)
    assert harness.outputs_of(GatewayUp)[-1] == GatewayUp("g2", before="g1")
    assert harness.outputs_of(CourierHello)[-1] == CourierHello("c1+g2")


def test_after_three_unanswered_calls_in_a_row_the_gateway_counts_as_down() -> None:
    harness = CourierHarness()
    harness.is_answering = False
    harness.call(1, 2, timeout_ms=100)
    harness.wait(100)
    assert harness.is_up()
    harness.call(3, timeout_ms=100)
    harness.wait(100)
    assert not harness.is_up()
    assert harness.outputs_of(GatewayDown) == [GatewayDown(MISSED_REPLIES_MAX)]


def test_a_reply_resets_the_count_of_unanswered_calls() -> None:
    harness = CourierHarness()
    for call_id in range(1, 20):
        harness.call(call_id, timeout_ms=100)
        harness.wait(100)
        if call_id % 2 == 0:
            harness.reply(call_id)
    assert not harness.outputs_of(GatewayDown)


def test_a_gateway_that_is_down_is_probed_at_doubling_pauses_up_to_a_limit() -> None:
    harness = CourierHarness()
    harness.is_answering = False
    harness.wait(60_000)
    assert not harness.is_up()
    times = [mono_ns for _, _, mono_ns in harness.sent]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    probing = pauses[MISSED_REPLIES_MAX + 1 :]
    assert probing[0] == PROBE_NS_FIRST
    assert all(later in (2 * earlier, PROBE_NS_MAX) for earlier, later in itertools.pairwise(probing))
    assert probing[-1] == PROBE_NS_MAX


def test_while_the_gateway_is_down_a_call_is_sent_only_if_a_probe_is_due() -> None:
    harness = CourierHarness()
    harness.is_answering = False
    harness.wait(30_000)
    assert not harness.is_up()
    harness.call(1)
    assert harness.calls_sent() == [], "the pause after the last probe is not over"
    harness.mono_ns += PROBE_NS_MAX
    harness.call(2)
    assert harness.calls_sent() == [2]


def test_when_the_gateway_answers_again_waiting_calls_are_sent_and_portfolio_gets_a_hello() -> None:
    harness = CourierHarness()
    harness.is_answering = False
    harness.wait(30_000)
    harness.call(1, 2, timeout_ms=60_000)
    hellos = len(harness.outputs_of(CourierHello))
    harness.is_answering = True
    harness.wait(PROBE_NS_MAX // MS)
    assert harness.is_up()
    assert harness.calls_sent() == [1, 2]
    assert len(harness.outputs_of(CourierHello)) == hellos + 1
    assert harness.outputs_of(GatewayUp)[-1] == GatewayUp("g1", before="g1")


def test_after_a_late_reply_the_gateway_counts_as_up_again() -> None:
    harness = CourierHarness()
    harness.is_answering = False
    harness.call(1, timeout_ms=100)
    harness.wait(10_000)
    assert not harness.is_up()
    harness.reply(1)
    assert harness.is_up()
    assert harness.answers() == [(1, CallOutcome.NO_ANSWER), (1, CallOutcome.REPLY)]


def test_without_a_connection_a_probe_is_tried_at_the_shortest_pause() -> None:
    harness = CourierHarness(connected=False)
    harness.call(1, timeout_ms=5_000)
    harness.wait(1_000)
    assert harness.outputs_of(GatewayDown) == [GatewayDown(MISSED_REPLIES_MAX)]
    harness.is_connected = True
    harness.wait(PROBE_NS_FIRST // MS)
    assert harness.calls_sent() == [1]
    assert harness.outputs_of(CourierHello)[-1] == CourierHello("c1+g1")


# ----------------------------------------------------------------------------------------------- malformed replies


@pytest.mark.parametrize("payload", [b"", b'{"status": "FILLED"}', b"\xc0", b"\x80" + bytes(REPLY_BYTES_MAX)])
def test_a_malformed_reply_is_reported_and_the_call_stays_open(payload: bytes) -> None:
    harness = CourierHarness()
    harness.call(7)
    harness.perform(harness.courier.handle(GatewayReply(7, payload), harness.now))
    malformed = harness.outputs_of(MalformedReply)
    assert len(malformed) == 1
    assert harness.answers() == []
    assert harness.courier.in_flight == 1


def test_a_malformed_reply_to_a_ping_is_reported_and_has_no_other_effect() -> None:
    harness = CourierHarness()
    harness.perform(harness.courier.handle(GatewayReply(PING_ID, b"\x81\xa1a\x01"), harness.now))
    assert len(harness.outputs_of(MalformedReply)) == 1
    assert harness.courier.gateway_boot == "g1"


def test_a_reply_to_a_call_is_passed_on_without_being_decoded() -> None:
    """A MessagePack map with unknown contents is passed on; portfolio decodes it."""
    harness = CourierHarness()
    harness.call(7)
    payload = msgspec.msgpack.encode({"anything": 1})
    harness.reply(7, payload)
    assert harness.answers() == [(7, CallOutcome.REPLY)]


def test_a_hello_with_a_long_boot_id_can_be_decoded() -> None:
    harness = CourierHarness()
    harness.boot_id = "g" * 64
    harness.wait(1_000)
    hello = harness.outputs_of(CourierHello)[-1]
    assert isinstance(hello, CourierHello)
    assert decode_report_message(encode(hello)) == hello
