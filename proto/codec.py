"""Encoding and decoding of every message.

For any bytes, a decoder either returns a message of the schema or raises `MalformedMessageError`. It raises no other
error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, get_args

import msgpack
import msgspec
from msgspec import Raw, Struct

from proto.control import ControlReply, ControlRequest
from proto.decimal_fields import decimal_names, has_decimals, read_decimals
from proto.gateway import ErrorCode, Reply, Request
from proto.messages import Call, LedgerCommit, ReportMessage, SignalMessage, StrategyReport, TickMessage
from proto.trading.instrument import Instrument
from proto.trading.number_text import nearest_multiple, parse_decimal
from proto.trading.units import MAX_FRAME_BYTES

M = TypeVar("M")

NIL: Final = Raw(b"\xc0")
"""MessagePack nil, in place of an absent embedded message."""

JSON_BRACKETS_MAX: Final = 16
"""Limit of the number of opening brackets and braces in a JSON request; those within texts count too.

A valid request is one flat object, with one brace. The limit bounds the recursion of the parser.
"""


class MalformedMessageError(ValueError):
    """The peer sent bytes that are not a message of the schema. `code` is the error code of the gateway's reply."""

    def __init__(self, text: str, code: ErrorCode = ErrorCode.INVALID_FIELD) -> None:
        """Create the error: `text` is for people, `code` for programs."""
        super().__init__(text)
        self.code = code


_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_json_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(message: Struct) -> bytes:
    """Encode a message as MessagePack."""
    return _encoder.encode(message)


def encode_json(message: Struct) -> bytes:
    """Encode a gateway message as JSON, with decimals as numbers."""
    return _json_encoder.encode(message)


class BusDecoder(Generic[M]):
    """Decoder of the messages of one socket between processes of the desk.

    Every field without a default must be present exactly once.
    """

    def __init__(self, union: Any) -> None:
        """Create a decoder for a message type or a union of message types."""
        members = get_args(union) or (union,)
        self._decode = msgspec.msgpack.Decoder(union)
        self._entry_counts: dict[type, int] = {
            member: len(member.__struct_fields__) + 1 for member in members if not member.__struct_defaults__
        }

    def __call__(self, payload: bytes) -> M:
        """Decode one frame.

        Raises:
            MalformedMessageError: the frame is not exactly one message of the union.
        """
        message: M = _decode_exactly(payload, self._decode)
        # The decoder has checked that no required field is missing. In a type without optional fields, a further entry
        # is then an unknown or repeated field. A type with optional fields has no fixed number of entries, so the
        # expected number is that of the distinct fields in this message.
        expected = self._entry_counts.get(type(message)) or len(_distinct_fields(payload))
        if _map_size(payload) != expected:
            raise MalformedMessageError(f"{type(message).__name__} has an unknown or repeated field")
        return message


def _distinct_fields(payload: bytes) -> dict[Any, Any]:
    """The fields of a map. A type that ignores unknown fields also accepts one whose name or value is invalid.

    Raises:
        MalformedMessageError: a name or value is invalid.
    """
    try:
        fields: dict[Any, Any] = msgspec.msgpack.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MalformedMessageError(str(error)) from None
    return fields


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
decode_strategy_report: BusDecoder[StrategyReport] = BusDecoder(StrategyReport)
decode_ledger_commit: BusDecoder[LedgerCommit] = BusDecoder(LedgerCommit)
decode_control_request: BusDecoder[ControlRequest] = BusDecoder(ControlRequest)
decode_control_reply: BusDecoder[ControlReply] = BusDecoder(ControlReply)

_reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def decode_reply(payload: bytes | Raw) -> Reply:
    """Decode a gateway reply in MessagePack. Unknown fields, which a newer gateway may add, are ignored.

    Raises:
        MalformedMessageError: the payload is not a reply.
    """
    reply: Reply = _decode_exactly(payload, _reply_decoder)
    return reply


def _decode_exactly(payload: bytes | Raw, decoder: msgspec.msgpack.Decoder[M]) -> M:
    """Decode a frame. Decimals given as text are parsed by `proto.trading.number_text`, which is stricter than Python.

    Raises:
        MalformedMessageError: the payload is not a message of the decoder's type.
    """
    try:
        try:
            message = decoder.decode(payload)
            if not has_decimals(type(message)):
                return message
        except msgspec.ValidationError:
            # The message refuses 0.0100000000000 because of its 13 decimals. The code below parses it without the
            # trailing zeros. Any other invalid frame is refused again below.
            pass
        values = read_decimals(msgspec.msgpack.decode(payload), decoder.type)
        return decoder.decode(_encoder.encode(values))
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise MalformedMessageError(str(error)) from None


def decode_request(
    payload: bytes, instrument_of: Callable[[str], Instrument | None] = lambda _symbol: None
) -> tuple[Request, bool]:
    """Decode a client's request, in JSON or MessagePack.

    Args:
        payload: the frame.
        instrument_of: returns the terms of a symbol, or None if they are not known. They serve to correct float noise:
            a volume or price that is a number, not text, is rounded to a multiple of its step if the multiple is at
            most a millionth of a step away.

    Returns:
        The request, and whether it was encoded as JSON.

    Raises:
        MalformedMessageError: the payload is not a valid request. The error has the code of the gateway's reply, and a
            text that names the field and the expectation.
    """
    if len(payload) > MAX_FRAME_BYTES:
        raise MalformedMessageError(
            f"request of {len(payload)} bytes, expected at most {MAX_FRAME_BYTES}", ErrorCode.TOO_LARGE
        )
    is_json = looks_like_json(payload)
    fields = _json_fields(payload) if is_json else _msgpack_fields(payload)
    action = fields.get("action")
    member = _ACTIONS.get(action) if isinstance(action, str) else None
    if member is None:
        raise _explain(fields, "")
    try:
        # msgspec decodes the payload again, because the standard library accepts text that is not valid Unicode.
        values = msgspec.json.decode(payload) if is_json else fields
        _read_numbers(values, member, instrument_of)
        request: Request = msgspec.convert(values, member)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise _explain(fields, str(error)) from None
    return request, is_json


def _read_numbers(
    fields: dict[Any, Any], member: type[Struct], instrument_of: Callable[[str], Instrument | None]
) -> None:
    """Replace decimals given as text or as a number by exact decimals; changes `fields`.

    Raises:
        ValueError: a text is not a decimal; the message names the field.
    """
    for name in decimal_names(member):
        value = fields.get(name)
        if isinstance(value, str):
            try:
                fields[name] = parse_decimal(value)
            except ValueError as error:
                raise ValueError(f"{name} is {error}") from None
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = Decimal(str(value))  # for a float, the shortest decimal that reads back as the same float
            symbol = fields.get("symbol")
            terms = instrument_of(symbol) if number.is_finite() and isinstance(symbol, str) else None
            if terms is not None:
                number = nearest_multiple(number, terms.volume_step if name == "volume" else terms.tick_size)
            fields[name] = number


def looks_like_json(payload: bytes) -> bool:
    """Whether a payload is decoded as JSON: its first byte after white space is `{`, `[` or a quotation mark."""
    return payload.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b'"')


def map_of_pairs(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Build a map of JSON or MessagePack whose keys are unique.

    Raises:
        MalformedMessageError: a key occurs twice.
    """
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedMessageError(f"field {twice!r} occurs twice"[:200], ErrorCode.DUPLICATE_FIELD)
    return fields


def _json_fields(payload: bytes) -> dict[Any, Any]:
    if payload.count(b"{") + payload.count(b"[") > JSON_BRACKETS_MAX:
        raise MalformedMessageError("too many opening brackets, expected one flat object", ErrorCode.INVALID_JSON)
    try:
        fields = json.loads(payload, object_pairs_hook=map_of_pairs)
    except MalformedMessageError:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"not JSON: {error}"[:200], ErrorCode.INVALID_JSON) from None
    if not isinstance(fields, dict):
        raise MalformedMessageError(f"expected a JSON object, not {type(fields).__name__}", ErrorCode.INVALID_JSON)
    return fields


def _msgpack_fields(payload: bytes) -> dict[Any, Any]:
    try:
        fields = msgpack.unpackb(payload, object_pairs_hook=map_of_pairs, strict_map_key=True)
    except MalformedMessageError:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        text = str(error) or type(error).__name__
        raise MalformedMessageError(f"not MessagePack: {text}"[:200], ErrorCode.INVALID_MSGPACK) from None
    if not isinstance(fields, dict):
        raise MalformedMessageError(
            f"expected a MessagePack map, not {type(fields).__name__}", ErrorCode.INVALID_MSGPACK
        )
    return fields


_ACTIONS: Final[dict[str, type[Request]]] = {str(member.__struct_config__.tag): member for member in get_args(Request)}


def _explain(fields: dict[Any, Any], problem: str) -> MalformedMessageError:
    """The error for a map that breaks the schema; `problem` is the text of the decoder's error."""
    problem = problem[:300]
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
    if "volume" in problem:
        return MalformedMessageError(problem, ErrorCode.INVALID_VOLUME)
    return MalformedMessageError(problem, ErrorCode.INVALID_FIELD)
