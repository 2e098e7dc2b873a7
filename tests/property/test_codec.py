"""An encoded message is decoded unchanged. Other bytes give a message or raise MalformedMessageError."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from enum import Enum
from typing import Any, get_args

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct, inspect

from proto import codec
from proto.codec import MalformedMessageError, decode_reply, decode_request, encode, encode_json
from proto.control import ControlReply, ControlRequest
from proto.gateway import Reply, Request
from proto.messages import Call, ReportMessage, SignalMessage, StrategyReport, TickMessage
from proto.trading.enums import SwapMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms

POSITIVE = st.decimals(min_value="0.00001", max_value="1000000", places=5)
RAW = st.sampled_from([Raw(b"\xc0"), Raw(b"\x80"), Raw(b"\x81\xa6action\xa4PING")])


def dated(row: Callable[..., Struct], *values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Struct, ...]]:
    """Rows of a dated table: the first has no date, each further one a later date than the row before."""
    days = st.lists(st.dates(), max_size=2, unique=True).map(sorted)
    rows = days.flatmap(lambda found: st.tuples(*(st.builds(row, st.just(day), *values) for day in [None, *found])))
    return st.one_of(st.just(()), rows)


BOUND: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    (Instrument, "clock"): st.sampled_from(["new_york_close", "UTC", "Europe/Athens"]),
    (Instrument, "swaps"): dated(SwapTerms, st.sampled_from(list(SwapMode)), POSITIVE, POSITIVE),
    (Instrument, "commissions"): dated(CommissionTerms, POSITIVE, st.sampled_from(["", "USD"])),
    **{
        (Instrument, name): st.just(UNSET)
        for name in ("swap_long_points", "swap_short_points", "swap_triple_weekday", "commission_per_lot")
    },
}
"""Values for fields with bounds that their types do not express, and for fields that are read but never written."""


def values_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type within the bounds of the schema."""
    match kind:
        case inspect.StructType():
            fields = {
                field.name: BOUND[kind.cls, field.name] if (kind.cls, field.name) in BOUND else values_of(field.type)
                for field in kind.fields
            }
            return st.fixed_dictionaries(fields).map(lambda found: kind.cls(**found))
        case inspect.UnionType():
            return st.one_of(*map(values_of, kind.types))
        case inspect.Metadata():
            return values_of(kind.type)
        case inspect.EnumType():
            members: type[Enum] = kind.cls
            return st.sampled_from(list(members))
        case inspect.LiteralType():
            return st.sampled_from(list(kind.values))
        case inspect.StrType():
            letters = st.characters(codec="utf-8")
            return st.text(letters, min_size=kind.min_length or 0, max_size=min(kind.max_length or 12, 12))
        case inspect.IntType():
            return st.integers(0 if kind.ge is None else kind.ge, 2**53 if kind.le is None else kind.le)
        case inspect.FloatType():
            low = kind.gt if kind.ge is None else kind.ge
            return st.floats(low, kind.le, exclude_min=kind.gt is not None, allow_nan=False, allow_infinity=False)
        case inspect.ListType():
            return st.lists(values_of(kind.item_type), min_size=kind.min_length or 0, max_size=3)
        case inspect.VarTupleType():
            return st.lists(values_of(kind.item_type), max_size=3).map(tuple)
        case inspect.TupleType():
            return st.tuples(*map(values_of, kind.item_types))
        case inspect.DictType():
            return st.dictionaries(values_of(kind.key_type), values_of(kind.value_type), max_size=3)
        case _:
            simple: dict[type, st.SearchStrategy[Any]] = {
                inspect.DecimalType: POSITIVE,
                inspect.BoolType: st.booleans(),
                inspect.NoneType: st.none(),
                inspect.RawType: RAW,
            }
            return simple[type(kind)]


@functools.cache
def messages_of(union: Any) -> st.SearchStrategy[Struct]:
    """Messages of every type of a union."""
    return st.one_of(*[values_of(inspect.type_info(member)) for member in get_args(union) or (union,)])


def _request_of(payload: bytes) -> Any:
    return decode_request(payload)[0]


SOCKETS: list[Any] = [
    pytest.param(union, decode, id=name)
    for name, union, decode in (
        ("ticks", TickMessage, codec.decode_tick_message),
        ("signals", SignalMessage, codec.decode_signal_message),
        ("strategies", StrategyReport, codec.decode_strategy_report),
        ("calls", Call, codec.decode_call),
        ("reports", ReportMessage, codec.decode_report_message),
        ("control", ControlRequest, codec.decode_control_request),
        ("control replies", ControlReply, codec.decode_control_reply),
        ("requests", Request, _request_of),
        ("replies", Reply, decode_reply),
    )
]
FEW = settings(max_examples=15)
each_socket = pytest.mark.parametrize(("union", "decode"), SOCKETS)
Decode = Callable[[bytes], Any]


def survives(decode: Decode, payload: bytes) -> None:
    """Require that decoding gives a message that can be encoded again, or raises MalformedMessageError."""
    with contextlib.suppress(MalformedMessageError):
        assert encode(decode(payload))


@each_socket
@FEW
@given(data=st.data())
def test_an_encoded_message_is_decoded_unchanged(union: Any, decode: Decode, data: st.DataObject) -> None:
    message = data.draw(messages_of(union))
    assert decode(encode(message)) == message


@FEW
@given(messages_of(Request))
def test_a_request_in_json_is_decoded_unchanged(request: Any) -> None:
    assert decode_request(encode_json(request)) == (request, True)


@FEW
@given(messages_of(Reply))
def test_a_reply_in_json_is_decoded_unchanged(reply: Any) -> None:
    assert msgspec.json.decode(encode_json(reply), type=Reply) == reply


@each_socket
@FEW
@given(data=st.data())
def test_mutated_messages_are_messages_or_malformed(union: Any, decode: Decode, data: st.DataObject) -> None:
    payload = bytearray(encode(data.draw(messages_of(union))))
    for position, byte in data.draw(
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
    ):
        payload[position % len(payload)] = byte
    cut = data.draw(st.integers(0, len(payload)))
    survives(decode, bytes(payload))
    survives(decode, bytes(payload[:cut]))


@each_socket
@FEW
@given(payload=st.binary(max_size=80))
def test_arbitrary_bytes_are_messages_or_malformed(union: Any, decode: Decode, payload: bytes) -> None:
    survives(decode, payload)
    survives(decode, b"{" + payload)
    survives(decode, b"\x81\xa6action" + payload)


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(2**63), 2**64 - 1),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.sampled_from(["NaN", "sNaN", "Infinity", "-0", "1e400", "1e-400", "9" * 400]),
    st.lists(st.integers(-9, 9), max_size=2),
)


@each_socket
@FEW
@given(data=st.data())
def test_any_value_in_a_field_gives_a_message_or_is_malformed(union: Any, decode: Decode, data: st.DataObject) -> None:
    fields = msgpack.unpackb(encode(data.draw(messages_of(union))), strict_map_key=False)
    name = data.draw(st.sampled_from(sorted(fields)))
    survives(decode, msgpack.packb({**fields, name: data.draw(HOSTILE)}))


@pytest.mark.parametrize(
    ("union", "decode"),
    [pair for pair in SOCKETS if pair.id in ("ticks", "signals", "strategies", "calls", "reports", "requests")],
)
@FEW
@given(data=st.data())
def test_a_message_with_an_extra_field_is_malformed(union: Any, decode: Decode, data: st.DataObject) -> None:
    fields = msgpack.unpackb(encode(data.draw(messages_of(union))), strict_map_key=False)
    with pytest.raises(MalformedMessageError):
        decode(msgpack.packb({**fields, "not_ours": 1}))
