"""Decoding of valid messages, and refusal of all other input with the right error code."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from msgspec import UNSET, Raw, structs

from proto.codec import (
    NIL,
    MalformedMessageError,
    decode_call,
    decode_control_reply,
    decode_control_request,
    decode_reply,
    decode_report_message,
    decode_request,
    decode_signal_message,
    decode_tick_message,
    encode,
    encode_json,
)
from proto.control import ModifyCommand, OrderCommandReply, PlaceCommand, StatusQuery
from proto.gateway import (
    Buy,
    Confirm,
    DealsReply,
    ErrorCode,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    OrderReply,
    Ping,
)
from proto.messages import Answer, Call, CallOutcome
from proto.time import Now
from proto.trading.units import MAX_FRAME_BYTES
from tests.support.builders import STREAM_ID, a_deal, a_gateway, a_signal, a_stream, a_tick, plain_terms

TICK = msgpack.unpackb(encode(a_tick()))
SIGNAL = msgpack.unpackb(encode(a_signal()))
BUY: dict[str, Any] = {"action": "BUY", "order_id": "A", "symbol": "EURUSD", "volume": 0.01}
HEADER: dict[str, Any] = {"status": "OK", "mode": "simulated", "venue": "v", "account": "a", "boot_id": "b"}
A_FILL = OrderReply(**HEADER, order_id="A", filled_volume=Decimal("0.01"), filled_price=Decimal("1.1"))
SOME_DEALS = DealsReply(**HEADER, deals=[a_deal()], next=None)


def packed_pairs(pairs: list[tuple[Any, Any]]) -> bytes:
    """A MessagePack map in which a key may occur twice."""
    packer = msgpack.Packer()
    return bytes(packer.pack_map_header(len(pairs))) + b"".join(packer.pack(key) + packer.pack(v) for key, v in pairs)


def code_of(payload: bytes) -> ErrorCode:
    with pytest.raises(MalformedMessageError) as caught:
        decode_request(payload)
    return caught.value.code


# -------------------------------------------------------------------------------------------------------------- the bus


def test_a_tick_packed_by_another_messagepack_library_is_decoded() -> None:
    assert decode_tick_message(msgpack.packb(TICK)) == a_tick()


@pytest.mark.parametrize("field", ["bid", "ask", "volume"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e13, "1.1", None, True])
def test_a_tick_with_an_invalid_price_or_volume_is_refused(field: str, value: Any) -> None:
    with pytest.raises(MalformedMessageError):
        decode_tick_message(msgpack.packb({**TICK, field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 0),
        ("ordinal", 0),
        ("ordinal", 2**53 + 1),
        ("ordinal", 1.5),
        ("time_ns", -1),
        ("time_ns", 2**63),
        ("symbol", ""),
        ("symbol", "E" * 65),
        ("type", "tock"),
        ("type", None),
    ],
)
def test_a_tick_out_of_bounds_is_refused(field: str, value: Any) -> None:
    with pytest.raises(MalformedMessageError):
        decode_tick_message(msgpack.packb({**TICK, field: value}))


@pytest.mark.parametrize("direction", [-2, 2, 0.5, "1", None])
def test_a_signal_has_one_of_three_directions(direction: Any) -> None:
    with pytest.raises(MalformedMessageError):
        decode_signal_message(msgpack.packb({**SIGNAL, "direction": direction}))


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), float("inf")])
def test_the_confidence_of_a_signal_is_between_0_and_1(confidence: float) -> None:
    with pytest.raises(MalformedMessageError):
        decode_signal_message(msgpack.packb({**SIGNAL, "confidence": confidence}))


@pytest.mark.parametrize("field", list(TICK))
def test_a_missing_field_is_refused(field: str) -> None:
    with pytest.raises(MalformedMessageError):
        decode_tick_message(msgpack.packb({key: value for key, value in TICK.items() if key != field}))


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(MalformedMessageError):
        decode_tick_message(msgpack.packb({**TICK, "spread": 1}))


@pytest.mark.parametrize("field", list(TICK))
def test_a_repeated_field_is_refused(field: str) -> None:
    pairs = [*TICK.items(), (field, TICK[field])]
    with pytest.raises(MalformedMessageError):
        decode_tick_message(packed_pairs(pairs))


PLACE = {
    "command": "ORDER",
    "key": "one",
    "reason": "a test",
    "symbol": "EURUSD",
    "side": "BUY",
    "volume": "0.01",
    "type": "MARKET",
    "price": None,
    "time_in_force": None,
    "stop_loss": None,
    "take_profit": None,
    "trailing_stop_points": 0,
    "expires_ns": 0,
}


def test_a_field_with_a_default_may_be_left_out() -> None:
    """A program that was written before the field existed leaves it out."""
    command = decode_control_request(msgpack.packb(PLACE))
    assert isinstance(command, PlaceCommand)
    assert command.past_rules == []
    passed = decode_control_request(msgpack.packb({**PLACE, "past_rules": ["NEWS"]}))
    assert isinstance(passed, PlaceCommand)
    assert passed.past_rules == ["NEWS"]


def test_an_absent_stop_of_a_modification_is_not_null() -> None:
    fields = {"key": "K", "reason": "r", "symbol": "EURUSD", "order_id": "", "position": 0, "price": None}
    fields |= {"command": "MODIFY", "take_profit": None, "expires_ns": 0}
    command = decode_control_request(msgpack.packb(fields))
    assert isinstance(command, ModifyCommand)
    assert (command.stop_loss, command.take_profit) == (UNSET, None)
    assert msgpack.unpackb(encode(command)) == {**fields, "person": ""}


@pytest.mark.parametrize("field", list(PLACE))
def test_a_repeated_field_is_refused_even_if_another_is_left_out(field: str) -> None:
    """The map then has as many entries as a map with every field once."""
    twice: list[tuple[str, Any]] = [*PLACE.items(), (field, PLACE[field])]
    with pytest.raises(MalformedMessageError):
        decode_control_request(packed_pairs(twice))


@pytest.mark.parametrize("head", [b"\xde\x00\x0c", b"\xdf\x00\x00\x00\x0c"])
def test_a_map_header_in_a_longer_form_is_accepted(head: bytes) -> None:
    body = encode(a_tick())[1:]
    assert decode_tick_message(head + body) == a_tick()


@pytest.mark.parametrize("payload", [b"", b"\xc0", b"\x80", b"{}", b"\xff", b"\x81\xa4type\xa4tick", b"\x00" * 100])
@pytest.mark.parametrize(
    "decode",
    [decode_tick_message, decode_signal_message, decode_call, decode_report_message, decode_control_request],
)
def test_bytes_that_are_not_a_message_are_malformed(decode: Any, payload: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        decode(payload)


def test_bytes_after_the_message_are_refused() -> None:
    with pytest.raises(MalformedMessageError):
        decode_tick_message(encode(a_tick()) + b"\x00")


@pytest.mark.parametrize("nest", [b"\x91", b"\x81\xa1a"])
def test_deep_nesting_is_malformed_and_not_a_crash(nest: bytes) -> None:
    deep = nest * 20_000 + b"\xc0"
    with pytest.raises(MalformedMessageError):
        decode_tick_message(deep)
    with pytest.raises(MalformedMessageError):
        decode_report_message(b"\x84\xa4type\xa6answer\xa7call_id\x01\xa7outcome\xa5REPLY\xa5reply" + deep)


def test_an_unknown_field_whose_name_is_not_unicode_is_malformed() -> None:
    reply = OrderCommandReply(key="K", order_ids=[], denied=False)
    with pytest.raises(MalformedMessageError, match="utf-8"):
        decode_control_reply(encode(reply).replace(b"denial_id", b"\x80enial_id"))


def test_a_message_without_fields_is_encoded_and_decoded() -> None:
    assert decode_control_request(encode(StatusQuery())) == StatusQuery()
    assert encode(StatusQuery()) == b"\x81\xa7command\xa6STATUS", "so that a portfolio of an earlier version answers"


def test_an_embedded_request_is_not_changed() -> None:
    call = Call(1, 1_000, 0, Raw(encode(Ping())))
    assert decode_call(encode(call)) == call
    answer = Answer(1, CallOutcome.NO_ANSWER, NIL)
    assert decode_report_message(encode(answer)) == answer


# ---------------------------------------------------------------------------------------------------------- the gateway


def test_a_request_is_the_same_in_json_and_messagepack() -> None:
    expected = Buy(order_id="A", symbol="EURUSD", volume=Decimal("0.01"))
    assert decode_request(json.dumps(BUY).encode()) == (expected, True)
    assert decode_request(b" \r\n\t" + json.dumps(BUY).encode()) == (expected, True)
    assert decode_request(msgpack.packb(BUY)) == (expected, False)
    assert decode_request(encode(expected)) == (expected, False)
    assert decode_request(encode_json(expected)) == (expected, True)


@pytest.mark.parametrize("volume", [0.01, "0.01", "0.0100", 1, "1e-2", ".01", "+0.01", " 0.01\t", "0.0100000000000"])
def test_volumes_are_numbers_or_strings(volume: Any) -> None:
    for payload in (json.dumps({**BUY, "volume": volume}).encode(), msgpack.packb({**BUY, "volume": volume})):
        request, _ = decode_request(payload)
        assert isinstance(request, Buy)
        assert request.volume == Decimal(str(volume).strip())


@pytest.mark.parametrize(
    "text", ["0_1", "1_0", "\uff10.\uff10\uff11", "\u0660.\u0660\u0661", "_1", "1_", "\u00a01", "0,1"]
)
def test_text_that_is_a_decimal_only_to_python_is_refused(text: str) -> None:
    for name, code in (("volume", ErrorCode.INVALID_VOLUME), ("stop_loss", ErrorCode.INVALID_FIELD)):
        fields = {**BUY, name: text}
        assert code_of(json.dumps(fields).encode()) is code
        assert code_of(msgpack.packb(fields)) is code


def test_a_refused_decimal_is_named_with_the_expectation() -> None:
    with pytest.raises(MalformedMessageError, match=r"^volume is '0_1', expected a decimal of ASCII digits such as"):
        decode_request(json.dumps({**BUY, "volume": "0_1"}).encode())


TERMS = {"EURUSD": structs.replace(plain_terms(), tick_size=Decimal("0.00001"), volume_step=Decimal("0.01"))}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"volume": 0.1 + 0.2}, {"volume": "0.3"}),
        ({"volume": 0.29999999999999993}, {"volume": "0.3"}),
        ({"volume": 0.30000001}, {"volume": "0.3"}),  # a millionth of a step of 0.01 away
        ({"volume": 0.3000000101}, {"volume": "0.3000000101"}),  # a little more than that
        ({"volume": 0.015}, {"volume": "0.015"}),
        ({"volume": 3}, {"volume": "3"}),
        ({"price": 1.1 + 2.2}, {"price": "3.3"}),
        ({"price": 1.08515000000001}, {"price": "1.08515"}),
        (
            {"stop_loss": 1.0000100000000001, "take_profit": 1.2000000000000002},
            {"stop_loss": "1.00001", "take_profit": "1.2"},
        ),
        ({"price": 1.085155}, {"price": "1.085155"}),
        ({"volume": "0.300000001"}, {"volume": "0.300000001"}),  # text is exact
    ],
)
def test_a_number_near_a_multiple_of_the_step_is_rounded_and_text_is_not(
    fields: dict[str, Any], expected: dict[str, str]
) -> None:
    for payload in (json.dumps({**BUY, **fields}).encode(), msgpack.packb({**BUY, **fields})):
        request, _ = decode_request(payload, TERMS.get)
        assert {name: getattr(request, name) for name in expected} == {
            name: Decimal(text) for name, text in expected.items()
        }


def test_a_computed_number_far_from_any_step_is_refused() -> None:
    fields = {**BUY, "volume": 0.30500000000000005}
    with pytest.raises(MalformedMessageError, match=r"volume is 0\.30500000000000005, expected a finite decimal"):
        decode_request(json.dumps(fields).encode(), TERMS.get)


@pytest.mark.parametrize("text", ["0_1", "\uff11", "1e400", "nan"])
def test_decimals_of_a_reply_and_of_a_command_have_the_same_grammar(text: str) -> None:
    reply = {**msgpack.unpackb(encode(A_FILL)), "filled_volume": text}
    with pytest.raises(MalformedMessageError, match="filled_volume is"):
        decode_reply(msgpack.packb(reply))
    with pytest.raises(MalformedMessageError, match="volume is"):
        decode_control_request(msgpack.packb({**PLACE, "volume": text}))
    deals = msgpack.unpackb(encode(SOME_DEALS))
    deals["deals"][0]["price"] = text
    with pytest.raises(MalformedMessageError, match="price is"):
        decode_reply(msgpack.packb(deals))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, 0.30500000000000005])
def test_a_number_of_a_reply_that_is_not_exact_is_refused(number: float) -> None:
    reply = {**msgpack.unpackb(encode(A_FILL)), "filled_volume": number}
    with pytest.raises(MalformedMessageError, match=r"filled_volume is .*, expected a finite decimal"):
        decode_reply(msgpack.packb(reply))
    deals = msgpack.unpackb(encode(SOME_DEALS))
    deals["deals"][0]["price"] = number
    with pytest.raises(MalformedMessageError, match=r"price is .*, expected a finite decimal"):
        decode_reply(msgpack.packb(deals))


def test_trailing_zeros_of_a_decimal_do_not_count_on_any_socket() -> None:
    reply = decode_reply(msgpack.packb({**msgpack.unpackb(encode(A_FILL)), "filled_volume": "0.0100000000000"}))
    assert reply == A_FILL
    command = decode_control_request(msgpack.packb({**PLACE, "volume": "0.0100000000000"}))
    assert isinstance(command, PlaceCommand)
    assert str(command.volume) == "0.01"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, ErrorCode.MISSING_ACTION),
        ({"action": None}, ErrorCode.MISSING_ACTION),
        ({"action": "HODL"}, ErrorCode.UNKNOWN_ACTION),
        ({"action": 5}, ErrorCode.UNKNOWN_ACTION),
        ({"action": ["BUY"]}, ErrorCode.UNKNOWN_ACTION),
        ({"action": "BUY", "symbol": "EURUSD", "volume": 1}, ErrorCode.MISSING_FIELD),
        ({**BUY, "leverage": 1}, ErrorCode.UNKNOWN_FIELD),
        ({**BUY, "volume": "lots"}, ErrorCode.INVALID_VOLUME),
        ({**BUY, "volume": None}, ErrorCode.INVALID_VOLUME),
        ({**BUY, "volume": "NaN"}, ErrorCode.INVALID_VOLUME),
        ({**BUY, "volume": "Infinity"}, ErrorCode.INVALID_VOLUME),
        ({**BUY, "volume": "1e400"}, ErrorCode.INVALID_VOLUME),
        ({**BUY, "price": "NaN"}, ErrorCode.INVALID_FIELD),
        ({**BUY, "order_id": ""}, ErrorCode.INVALID_FIELD),
        ({**BUY, "order_id": "A" * 65}, ErrorCode.INVALID_FIELD),
        ({**BUY, "symbol": 5}, ErrorCode.INVALID_FIELD),
        ({**BUY, "ordinal": -1}, ErrorCode.INVALID_FIELD),
        ({"action": "GET_TICKS", "symbol": "EURUSD", "from_sequence": 1, "limit": 1_001}, ErrorCode.INVALID_FIELD),
    ],
)
def test_a_request_is_refused_with_the_code_of_its_fault(fields: dict[str, Any], code: ErrorCode) -> None:
    assert code_of(json.dumps(fields).encode()) is code
    assert code_of(msgpack.packb(fields)) is code


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_json_numbers_that_are_not_finite_are_refused(text: str) -> None:
    code_of(f'{{"action":"BUY","order_id":"A","symbol":"EURUSD","volume":{text}}}'.encode())


def test_messagepack_numbers_that_are_not_finite_are_refused() -> None:
    for volume in (float("nan"), float("inf"), float("-inf")):
        assert code_of(msgpack.packb({**BUY, "volume": volume})) is ErrorCode.INVALID_VOLUME


def test_a_repeated_field_in_a_request_is_refused() -> None:
    text = '{"action":"BUY","order_id":"A","symbol":"EURUSD","volume":0.01,"volume":1}'
    assert code_of(text.encode()) is ErrorCode.DUPLICATE_FIELD
    assert code_of(packed_pairs([*BUY.items(), ("volume", 1)])) is ErrorCode.DUPLICATE_FIELD


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{", ErrorCode.INVALID_JSON),
        (b"[]", ErrorCode.INVALID_JSON),
        (b'"PING"', ErrorCode.INVALID_JSON),
        (b'{"action":"PING"} x', ErrorCode.INVALID_JSON),
        (b'{"action":"\xff"}', ErrorCode.INVALID_JSON),
        (b"", ErrorCode.INVALID_MSGPACK),
        (b"\xc1", ErrorCode.INVALID_MSGPACK),
        (b"\x90", ErrorCode.INVALID_MSGPACK),
        (b"PING", ErrorCode.INVALID_MSGPACK),
        (b"\x81\xc0\xc0", ErrorCode.INVALID_MSGPACK),
        (b"\xdf\xff\xff\xff\xff", ErrorCode.INVALID_MSGPACK),
        (b"\x81" * 60_000, ErrorCode.INVALID_MSGPACK),
        (b"[" * 60_000, ErrorCode.INVALID_JSON),
        (b'{"a":' * 10_000, ErrorCode.INVALID_JSON),
        (b'{"action":' + b"9" * 10_000 + b"}", ErrorCode.INVALID_JSON),
        (b"{" + b" " * MAX_FRAME_BYTES, ErrorCode.TOO_LARGE),
    ],
)
def test_bytes_that_are_not_a_request_get_an_error_code(payload: bytes, code: ErrorCode) -> None:
    assert code_of(payload) is code


def test_the_text_of_a_refusal_is_short() -> None:
    for payload in (json.dumps({**BUY, "x" * 60_000: 1}), json.dumps({"action": "x" * 60_000})):
        with pytest.raises(MalformedMessageError) as caught:
            decode_request(payload.encode())
        assert len(str(caught.value)) <= 512


def test_the_longest_request_that_fits_is_read() -> None:
    payload = encode_json(Confirm(stream_id="s", ordinal=1))
    assert decode_request(payload + b" " * (MAX_FRAME_BYTES - len(payload))) == (
        Confirm(stream_id="s", ordinal=1),
        True,
    )


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e400", "9" * 40])
@pytest.mark.parametrize("request_of", [GetAccount, GetOrders, GetPositions, GetDeals])
def test_an_invalid_amount_in_a_gateways_reply_is_refused(request_of: Any, text: str) -> None:
    """Otherwise the invalid amount would be found only in the reconciliation."""
    gateway = a_gateway(a_stream((1.1, 1.1001), (1.2, 1.2001)))
    now = Now(0, 0)
    gateway.handle(Confirm(stream_id=STREAM_ID, ordinal=0), now)
    gateway.on_timer(now)
    gateway.handle(Buy(order_id="A", symbol="EURUSD", volume=Decimal("0.01"), ordinal=1), now)
    [answer] = gateway.handle(request_of(), now)
    reply = msgpack.unpackb(encode(answer))
    rows = [reply, *reply.get("orders", []), *reply.get("positions", []), *reply.get("deals", [])]
    decimal_fields = {"balance", "equity", "volume", "filled_volume", "filled_price", "price", "price_open", "profit"}
    changed = 0
    for row in rows:
        for field in decimal_fields & set(row):
            kept, row[field] = row[field], text
            with pytest.raises(MalformedMessageError):
                decode_reply(msgpack.packb(reply))
            row[field] = kept
            changed += 1
    assert changed >= 2
    decode_reply(msgpack.packb(reply))
