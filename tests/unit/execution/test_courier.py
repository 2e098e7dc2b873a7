"""The courier reports silence, keeps evidence, keeps its limits, and recovers after an absence."""

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


class Road:
    """A courier, the time, and a gateway that is reachable or not and answers pings by itself."""

    def __init__(self, *, in_flight_max: int = 64, connected: bool = True, answering: bool = True) -> None:
        self.courier = Courier(boot_id="c1", in_flight_max=in_flight_max)
        self.mono_ns = 1_000 * MS
        self.is_connected = connected
        self.is_answering = answering
        self.boot_id = "g1"
        self.outputs: list[Output] = []
        self.sent: list[tuple[int, bytes, int]] = []
        self.take(self.courier.start(self.now))

    @property
    def now(self) -> Now:
        return Now(0, self.mono_ns)

    def is_up(self) -> bool:
        return self.courier.is_up

    def take(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self.outputs.append(output)
            if not isinstance(output, SendToGateway):
                continue
            if not self.is_connected:
                self.take(self.courier.handle(SendFailed(output.call_id), self.now))
                continue
            self.sent.append((output.call_id, output.request, self.mono_ns))
            if output.call_id == PING_ID and self.is_answering:
                self.take(self.courier.handle(GatewayReply(PING_ID, a_pong(self.boot_id)), self.now))

    def call(self, *call_ids: int, timeout_ms: int = 500) -> None:
        for call_id in call_ids:
            self.take(self.courier.handle(a_call(call_id, timeout_ms=timeout_ms), self.now))

    def reply(self, call_id: int, payload: bytes | None = None) -> None:
        self.take(self.courier.handle(GatewayReply(call_id, payload or a_reply(self.boot_id)), self.now))

    def wait(self, milliseconds: int) -> None:
        end = self.mono_ns + milliseconds * MS
        while (due := self.courier.next_timer()) <= end:
            self.mono_ns = max(self.mono_ns, due)
            self.take(self.courier.on_timer(self.now))
        self.mono_ns = end

    def outputs_of(self, kind: type) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def answers(self) -> list[tuple[int, CallOutcome]]:
        return [(output.call_id, output.outcome) for output in self.outputs if isinstance(output, Answer)]

    def calls_sent(self) -> list[int]:
        return [call_id for call_id, _, _ in self.sent if call_id != PING_ID]


# -------------------------------------------------------------------------------------------------- calls and answers


def test_request_and_reply_are_passed_on_unchanged() -> None:
    road = Road()
    road.call(7)
    road.reply(7)
    assert road.sent[-1][:2] == (7, REQUEST)
    answer = road.outputs_of(Answer)[0]
    assert isinstance(answer, Answer)
    assert decode_report_message(encode(answer)) == answer
    assert bytes(answer.reply) == a_reply()


def test_a_call_without_a_reply_is_answered_with_no_answer_at_its_deadline() -> None:
    road = Road()
    road.call(7, timeout_ms=500)
    road.wait(499)
    assert road.answers() == []
    road.wait(1)
    assert road.answers() == [(7, CallOutcome.NO_ANSWER)]
    answer = road.outputs_of(Answer)[0]
    assert isinstance(answer, Answer)
    assert decode_report_message(encode(answer)) == answer


def test_a_reply_after_the_deadline_is_still_reported() -> None:
    road = Road()
    road.call(7)
    road.wait(500)
    road.reply(7)
    assert road.answers() == [(7, CallOutcome.NO_ANSWER), (7, CallOutcome.REPLY)]


def test_two_replies_to_one_call_are_both_reported() -> None:
    road = Road()
    road.call(7)
    road.reply(7)
    road.reply(7)
    assert road.answers() == [(7, CallOutcome.REPLY)] * 2


def test_a_repeated_call_is_sent_again_with_a_new_deadline() -> None:
    road = Road()
    road.call(7, timeout_ms=500)
    road.wait(400)
    road.call(7, timeout_ms=500)
    assert road.calls_sent() == [7, 7]
    assert road.courier.in_flight == 1
    road.wait(499)
    assert road.answers() == []
    road.wait(1)
    assert road.answers() == [(7, CallOutcome.NO_ANSWER)]


def test_a_later_call_with_an_earlier_deadline_is_answered_at_its_deadline() -> None:
    road = Road()
    road.call(1, timeout_ms=5_000)
    road.call(2, timeout_ms=100)
    road.wait(100)
    assert road.answers() == [(2, CallOutcome.NO_ANSWER)]


# ------------------------------------------------------------------------------------------------------------- limits


def test_at_most_in_flight_max_calls_are_in_flight() -> None:
    road = Road(in_flight_max=2)
    road.call(1, 2, 3, 4)
    assert road.calls_sent() == [1, 2]
    assert (road.courier.in_flight, road.courier.waiting) == (2, 2)
    road.reply(2)
    assert road.calls_sent() == [1, 2, 3]


def test_a_call_whose_deadline_passes_while_it_waits_is_never_sent() -> None:
    road = Road(in_flight_max=1)
    road.call(1, timeout_ms=1_000)
    road.call(2, timeout_ms=100)
    road.wait(200)
    road.reply(1)
    assert road.calls_sent() == [1]
    assert road.answers() == [(2, CallOutcome.NO_ANSWER), (1, CallOutcome.REPLY)]


def test_after_the_deadline_of_a_call_in_flight_a_waiting_call_is_sent() -> None:
    road = Road(in_flight_max=1)
    road.call(1, timeout_ms=100)
    road.call(2, timeout_ms=1_000)
    road.wait(100)
    assert road.calls_sent() == [1, 2]


def test_a_call_beyond_the_limit_of_waiting_calls_is_answered_at_once_and_never_sent() -> None:
    road = Road(in_flight_max=1)
    road.call(*range(1, WAITING_CALLS_MAX + 3))
    assert road.outputs_of(CallRefused) == [CallRefused(WAITING_CALLS_MAX + 2, WAITING_CALLS_MAX)]
    assert road.answers() == [(WAITING_CALLS_MAX + 2, CallOutcome.NO_ANSWER)]
    assert road.courier.waiting == WAITING_CALLS_MAX


def test_without_a_connection_the_number_of_waiting_calls_is_limited() -> None:
    road = Road(connected=False)
    road.call(*range(1, 1_001), timeout_ms=60_000)
    assert road.courier.waiting + road.courier.in_flight <= WAITING_CALLS_MAX + 1
    assert len(road.outputs_of(CallRefused)) >= 1_000 - WAITING_CALLS_MAX - 1


# ------------------------------------------------------------------------------------------- is the gateway there


def test_a_start_sends_a_hello_to_portfolio_and_a_ping_to_the_gateway() -> None:
    road = Road()
    assert road.outputs[0] == CourierHello("c1+")
    assert isinstance(decode_request(road.sent[0][1])[0], Ping)
    assert road.outputs_of(GatewayUp) == [GatewayUp("g1", before="")]
    assert road.outputs_of(CourierHello)[-1] == CourierHello("c1+g1")


def test_a_ping_is_sent_each_second_only_while_there_are_no_replies() -> None:
    road = Road()
    road.wait(3_000)
    assert len(road.sent) == 4
    for call_id in range(1, 101):
        road.call(call_id)
        road.wait(50)
        road.reply(call_id)
    assert len(road.sent) == 104


def test_after_a_restart_of_the_gateway_portfolio_is_asked_to_repeat_open_calls() -> None:
    road = Road()
    road.boot_id = "g2"
    road.wait(IDLE_PING_NS // MS)
    assert road.outputs_of(GatewayUp)[-1] == GatewayUp("g2", before="g1")
    assert road.outputs_of(CourierHello)[-1] == CourierHello("c1+g2")


def test_after_three_unanswered_calls_in_a_row_the_gateway_counts_as_down() -> None:
    road = Road()
    road.is_answering = False
    road.call(1, 2, timeout_ms=100)
    road.wait(100)
    assert road.is_up()
    road.call(3, timeout_ms=100)
    road.wait(100)
    assert not road.is_up()
    assert road.outputs_of(GatewayDown) == [GatewayDown(MISSED_REPLIES_MAX)]


def test_a_reply_resets_the_count_of_unanswered_calls() -> None:
    road = Road()
    for call_id in range(1, 20):
        road.call(call_id, timeout_ms=100)
        road.wait(100)
        if call_id % 2 == 0:
            road.reply(call_id)
    assert not road.outputs_of(GatewayDown)


def test_a_gateway_that_is_down_is_probed_at_doubling_pauses_up_to_a_limit() -> None:
    road = Road()
    road.is_answering = False
    road.wait(60_000)
    assert not road.is_up()
    times = [mono_ns for _, _, mono_ns in road.sent]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    probing = pauses[MISSED_REPLIES_MAX + 1 :]
    assert probing[0] == PROBE_NS_FIRST
    assert all(later in (2 * earlier, PROBE_NS_MAX) for earlier, later in itertools.pairwise(probing))
    assert probing[-1] == PROBE_NS_MAX


def test_while_the_gateway_is_down_a_call_is_sent_only_if_a_probe_is_due() -> None:
    road = Road()
    road.is_answering = False
    road.wait(30_000)
    assert not road.is_up()
    road.call(1)
    assert road.calls_sent() == [], "a probe went out a moment ago"
    road.mono_ns += PROBE_NS_MAX
    road.call(2)
    assert road.calls_sent() == [2]


def test_when_the_gateway_answers_again_waiting_calls_are_sent_and_open_calls_requested() -> None:
    road = Road()
    road.is_answering = False
    road.wait(30_000)
    road.call(1, 2, timeout_ms=60_000)
    hellos = len(road.outputs_of(CourierHello))
    road.is_answering = True
    road.wait(PROBE_NS_MAX // MS)
    assert road.is_up()
    assert road.calls_sent() == [1, 2]
    assert len(road.outputs_of(CourierHello)) == hellos + 1
    assert road.outputs_of(GatewayUp)[-1] == GatewayUp("g1", before="g1")


def test_after_a_late_reply_the_gateway_counts_as_up_again() -> None:
    road = Road()
    road.is_answering = False
    road.call(1, timeout_ms=100)
    road.wait(10_000)
    assert not road.is_up()
    road.reply(1)
    assert road.is_up()
    assert road.answers() == [(1, CallOutcome.NO_ANSWER), (1, CallOutcome.REPLY)]


def test_without_a_connection_a_probe_is_tried_at_the_shortest_pause() -> None:
    road = Road(connected=False)
    road.call(1, timeout_ms=5_000)
    road.wait(1_000)
    assert road.outputs_of(GatewayDown) == [GatewayDown(MISSED_REPLIES_MAX)]
    road.is_connected = True
    road.wait(PROBE_NS_FIRST // MS)
    assert road.calls_sent() == [1]
    assert road.outputs_of(CourierHello)[-1] == CourierHello("c1+g1")


# ------------------------------------------------------------------------------------------------ what is no reply


@pytest.mark.parametrize("payload", [b"", b'{"status": "FILLED"}', b"\xc0", b"\x80" + bytes(REPLY_BYTES_MAX)])
def test_a_malformed_reply_is_reported_and_the_call_stays_open(payload: bytes) -> None:
    road = Road()
    road.call(7)
    road.take(road.courier.handle(GatewayReply(7, payload), road.now))
    malformed = road.outputs_of(MalformedReply)
    assert len(malformed) == 1
    assert road.answers() == []
    assert road.courier.in_flight == 1


def test_a_malformed_reply_to_a_ping_is_reported_and_has_no_other_effect() -> None:
    road = Road()
    road.take(road.courier.handle(GatewayReply(PING_ID, b"\x81\xa1a\x01"), road.now))
    assert len(road.outputs_of(MalformedReply)) == 1
    assert road.courier.gateway_boot == "g1"


def test_a_reply_to_a_call_is_passed_on_without_being_decoded() -> None:
    """An unknown but well-formed map travels on: what it means is portfolio's affair."""
    road = Road()
    road.call(7)
    payload = msgspec.msgpack.encode({"anything": 1})
    road.reply(7, payload)
    assert road.answers() == [(7, CallOutcome.REPLY)]


def test_a_hello_with_a_long_boot_id_can_be_decoded() -> None:
    road = Road()
    road.boot_id = "g" * 64
    road.wait(1_000)
    hello = road.outputs_of(CourierHello)[-1]
    assert isinstance(hello, CourierHello)
    assert decode_report_message(encode(hello)) == hello
