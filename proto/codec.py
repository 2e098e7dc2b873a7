"""The only way in and out: bytes to messages and back.

Whatever bytes arrive, decoding gives a message of the schema or raises `MalformedMessageError`; nothing else.
"""

from __future__ import annotations

import json
from typing import Any, Final, Generic, TypeVar, get_args

import msgpack
import msgspec
from msgspec import Raw, Struct

from proto.control import ControlReply, ControlRequest
from proto.gateway import ErrorCode, Reply, Request
from proto.messages import Call, ReportMessage, SignalMessage, TickMessage
from proto.trading.units import MAX_FRAME_BYTES

M = TypeVar("M")

NIL: Final = Raw(b"\xc0")
"""MessagePack nil, for an embedded message that is not there."""

JSON_DEPTH_MAX: Final = 16
"""Nesting a JSON request may have: ours have one level, and a parser must not recurse on a stranger's word."""


class MalformedMessageError(ValueError):
    """The peer sent bytes that are no message of the schema; `code` is what a gateway answers."""

    def __init__(self, text: str, code: ErrorCode = ErrorCode.INVALID_FIELD) -> None:
        """Keep the words for people and the code for programs."""
        super().__init__(text)
        self.code = code


_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_json_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(message: Struct) -> bytes:
    """A message as MessagePack."""
    return _encoder.encode(message)


def encode_json(message: Struct) -> bytes:
    """A gateway message as JSON, decimals as numbers."""
    return _json_encoder.encode(message)


class BusDecoder(Generic[M]):
    """Decoder of one socket of the bus: a union of message types; only a field with a default may be left out."""

    def __init__(self, union: Any) -> None:
        """`union` is a message type or a union of them."""
        members = get_args(union) or (union,)
        self._decode = msgspec.msgpack.Decoder(union).decode
        self._map_size: dict[type, int] = {
            member: len(member.__struct_fields__) + 1 for member in members if not member.__struct_defaults__
        }

    def __call__(self, payload: bytes) -> M:
        """Decode one frame.

        Raises:
            MalformedMessageError: whatever is wrong with it.
        """
        try:
            message: M = self._decode(payload)
        except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
            raise MalformedMessageError(str(error)) from None
        # Unknown fields are refused, so a map of the right size has no field twice; with optional fields they are
        # counted.
        expected = self._map_size.get(type(message)) or len(msgspec.msgpack.decode(payload))
        if _map_size(payload) != expected:
            raise MalformedMessageError(f"{type(message).__name__} with a field that is not its own or comes twice")
        return message


def _map_size(payload: bytes) -> int:
    head = payload[0]
    if head & 0xF0 == 0x80:
        return head & 0x0F
    if head == 0xDE:
        return int.from_bytes(payload[1:3], "big")
    return int.from_bytes(payload[1:5], "big")


decode_tick_message: BusDecoder[TickMessage] = BusDecoder(TickMessage)
decode_signal_message: BusDecoder[SignalMessage] = BusDecoder(SignalMessage)
decode_call: BusDecoder[Call] = BusDecoder(Call)
decode_report_message: BusDecoder[ReportMessage] = BusDecoder(ReportMessage)
decode_control_request: BusDecoder[ControlRequest] = BusDecoder(ControlRequest)
decode_control_reply: BusDecoder[ControlReply] = BusDecoder(ControlReply)

_reply_decoder = msgspec.msgpack.Decoder(Reply)
_json_reply_decoder = msgspec.json.Decoder(Reply)
_request_decoder = msgspec.msgpack.Decoder(Request)


def decode_reply(payload: bytes | Raw) -> Reply:
    """A gateway's reply in MessagePack. Fields that a newer gateway adds are passed over.

    Raises:
        MalformedMessageError: it is none.
    """
    try:
        reply: Reply = _reply_decoder.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise MalformedMessageError(str(error)) from None
    return reply


def decode_request(payload: bytes) -> tuple[Request, bool]:
    """A client's request, and whether it came as JSON (a JSON object starts with `{`, which no MessagePack map does).

    Raises:
        MalformedMessageError: with the code the gateway answers and a text that names the field and what was expected.
    """
    if len(payload) > MAX_FRAME_BYTES:
        raise MalformedMessageError(
            f"request of {len(payload)} bytes, expected at most {MAX_FRAME_BYTES}", ErrorCode.TOO_LARGE
        )
    is_json = looks_like_json(payload)
    fields = _json_fields(payload) if is_json else _msgpack_fields(payload)
    try:
        request: Request = msgspec.json.decode(payload, type=Request) if is_json else _request_decoder.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise _explain(fields, str(error)) from None
    return request, is_json


def looks_like_json(payload: bytes) -> bool:
    """True when the first byte that is not white space is one that only JSON text starts with."""
    return payload.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b'"')


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedMessageError(f"field {twice!r} comes twice"[:200], ErrorCode.DUPLICATE_FIELD)
    return fields


def _json_fields(payload: bytes) -> dict[Any, Any]:
    if payload.count(b"{") + payload.count(b"[") > JSON_DEPTH_MAX:
        raise MalformedMessageError("nested too deeply, expected one flat object", ErrorCode.INVALID_JSON)
    try:
        fields = json.loads(payload, object_pairs_hook=_once)
    except MalformedMessageError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"not JSON: {error}"[:200], ErrorCode.INVALID_JSON) from None
    if not isinstance(fields, dict):
        raise MalformedMessageError(f"expected a JSON object, not {type(fields).__name__}", ErrorCode.INVALID_JSON)
    return fields


def _msgpack_fields(payload: bytes) -> dict[Any, Any]:
    try:
        fields = msgpack.unpackb(payload, object_pairs_hook=_once, strict_map_key=True)
    except MalformedMessageError:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        words = str(error) or type(error).__name__
        raise MalformedMessageError(f"not MessagePack: {words}"[:200], ErrorCode.INVALID_MSGPACK) from None
    if not isinstance(fields, dict):
        raise MalformedMessageError(
            f"expected a MessagePack map, not {type(fields).__name__}", ErrorCode.INVALID_MSGPACK
        )
    return fields


_ACTIONS: Final = {str(member.__struct_config__.tag): member for member in get_args(Request)}


def _explain(fields: dict[Any, Any], words: str) -> MalformedMessageError:
    """Say which rule of the schema a well-formed map breaks."""
    words = words[:300]
    action = fields.get("action")
    if action is None:
        return MalformedMessageError(f"no action, expected one of {', '.join(_ACTIONS)}", ErrorCode.MISSING_ACTION)
    member = _ACTIONS.get(action) if isinstance(action, str) else None
    if member is None:
        shown = repr(action)[:80]
        return MalformedMessageError(
            f"unknown action {shown}, expected one of {', '.join(_ACTIONS)}", ErrorCode.UNKNOWN_ACTION
        )
    for field in msgspec.structs.fields(member):
        if field.required and field.name not in fields:
            return MalformedMessageError(f"{action} needs {field.name}", ErrorCode.MISSING_FIELD)
    unknown = [name for name in fields if name != "action" and name not in member.__struct_fields__]
    if unknown:
        return MalformedMessageError(f"{action} has no field {unknown[0]!r}"[:200], ErrorCode.UNKNOWN_FIELD)
    if "volume" in words:
        return MalformedMessageError(words, ErrorCode.INVALID_VOLUME)
    return MalformedMessageError(words, ErrorCode.INVALID_FIELD)
