"""Frames of the request socket: envelopes, encodings, and the fields that can be read from a malformed request."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgpack
from msgspec import structs

from proto.codec import JSON_BRACKETS_MAX, encode, encode_json, looks_like_json
from proto.gateway import Reply, TicksReply
from proto.trading.units import MAX_FRAME_BYTES


class Envelope(NamedTuple):
    """A client's message: `route` has the frames up to and including the empty one; a reply must begin with `route`."""

    route: list[bytes]
    payload: list[bytes]


def open_envelope(frames: list[bytes]) -> Envelope | None:
    """Split a message of a ROUTER socket at the first empty frame after the identity; None if no frame is empty."""
    for index, frame in enumerate(frames[1:], start=1):
        if not frame:
            return Envelope(frames[: index + 1], frames[index + 1 :])
    return None


def encode_reply(reply: Reply, *, is_json: bool) -> bytes:
    """A reply in its client's encoding. A page of ticks is halved until it fits into one frame."""
    write = encode_json if is_json else encode
    payload = write(reply)
    while len(payload) > MAX_FRAME_BYTES and isinstance(reply, TicksReply):
        half = len(reply.ordinal) // 2
        reply = structs.replace(
            reply,
            ordinal=reply.ordinal[:half],
            time_ns=reply.time_ns[:half],
            bid=reply.bid[:half],
            ask=reply.ask[:half],
            volume=reply.volume[:half],
        )
        payload = write(reply)
    return payload


def readable_fields(payload: bytes) -> dict[str, Any]:
    """The fields of a malformed request, so that its refusal can name the order; {} if they cannot be read.

    Text that cannot be encoded as UTF-8 is left out.
    """
    if len(payload) > MAX_FRAME_BYTES:
        return {}
    try:
        if not looks_like_json(payload):
            fields = msgpack.unpackb(payload, strict_map_key=True)
        elif payload.count(b"{") + payload.count(b"[") <= JSON_BRACKETS_MAX:
            fields = json.loads(payload)
        else:
            return {}
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException):
        return {}
    if not isinstance(fields, dict):
        return {}
    return {name: value for name, value in fields.items() if isinstance(name, str) and _is_sendable(value)}


def _is_sendable(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
