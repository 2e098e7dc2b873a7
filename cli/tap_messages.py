"""Decoding of tapped messages: kind, symbols, fields, and what is wrong with a malformed one.

The fields are those on the wire. The decoders of the desk only judge them, so a message that they refuse is shown with
the reason and its first bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec

from cli.printable_text import printable
from common.message_tap import TapHead
from proto.codec import (
    MalformedMessageError,
    decode_call,
    decode_control_reply,
    decode_control_request,
    decode_ledger_commit,
    decode_reply,
    decode_report_message,
    decode_request,
    decode_signal_message,
    decode_strategy_report,
    decode_tick_message,
    looks_like_json,
)
from proto.time import iso_text

TAGS: Final = ("command", "reply", "action", "type")
"""Keys with the name of a message: of control requests, of replies, of requests, on the bus.

The first one counts: a request has the type of its order, and a reply repeats the action of its request.
"""

OMITTED: Final = ("publisher", "boot_id", "stream_id")
OMITTED_SUFFIX: Final = "_mono_ns"
"""Fields that a line omits; JSON has them."""

SHOWN_BYTES: Final = 32
VALUE_CHARS_MAX: Final = 200

_BUS: Final[Mapping[str, Callable[[bytes], object]]] = {
    "ticks": decode_tick_message,
    "signals": decode_signal_message,
    "strategies": decode_strategy_report,
    "commands": decode_call,
    "reports": decode_report_message,
    "events": decode_ledger_commit,
}


@dataclass(frozen=True, kw_only=True)
class TapMessage:
    """One decoded copy of a message.

    `kinds` has the name of the message, and that of a message inside it. `problem` says what is malformed, else it is
    empty; `begins` has the first bytes of a malformed message.
    """

    head: TapHead
    kinds: tuple[str, ...] = ()
    symbols: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    begins: str = ""

    @property
    def words(self) -> frozenset[str]:
        """What a filter may name, in lower case."""
        head = self.head
        own = (head.direction, head.route, *self.kinds, *self.symbols)
        return frozenset(map(str.lower, (*own, *(("malformed",) if self.problem else ()))))

    def line(self) -> str:
        """The message as one line of text; characters that are not printable are escaped."""
        return printable(self._line())

    def _line(self) -> str:
        head = self.head
        kind = " ".join(self.kinds) or "-"
        start = f"{iso_text(head.time_ns)[11:26]} {head.process:<9} {head.direction:<8} {head.route:<10}"
        if self.problem:
            return f"{start} MALFORMED {kind}: {self.problem}; begins {self.begins or 'with nothing'}"
        shown = (
            f"{name}={_value_text(value)}"
            for name, value in self.fields.items()
            if name not in (*TAGS, *OMITTED) and not name.endswith(OMITTED_SUFFIX)
        )
        return " ".join((f"{start} {kind:<18}", *shown)).rstrip()

    def as_fields(self) -> dict[str, Any]:
        """The message for JSON."""
        head = self.head
        return {
            "time": iso_text(head.time_ns),
            "time_ns": head.time_ns,
            "sequence": head.sequence,
            "process": head.process,
            "pid": head.pid,
            "direction": head.direction,
            "route": head.route,
            "kind": self.kinds[0] if self.kinds else None,
            "inner_kind": self.kinds[1] if len(self.kinds) > 1 else None,
            "fields": self.fields,
            **({"problem": self.problem, "begins": self.begins} if self.problem else {}),
        }


def decode_message(head: TapHead, frames: Sequence[bytes]) -> TapMessage:
    """Decode the frames of a message; never fails."""
    try:
        payload = _payload(head.route, frames)
    except MalformedMessageError as error:
        return TapMessage(head=head, problem=str(error), begins=b"".join(frames)[:SHOWN_BYTES].hex())
    fields, problem = _fields(payload)
    problem = problem or _problem(head.route, payload, fields)
    kinds = tuple(_kinds(fields))
    return TapMessage(
        head=head,
        kinds=kinds,
        symbols=frozenset(_symbols(fields)),
        fields=fields,
        problem=problem,
        begins=payload[:SHOWN_BYTES].hex() if problem else "",
    )


def _payload(route: str, frames: Sequence[bytes]) -> bytes:
    """The frame with the message, after a topic or an envelope.

    Raises:
        MalformedMessageError: the number of frames is not that of the route.
    """
    if route == "ticks":
        if len(frames) != 2:
            raise MalformedMessageError(f"{len(frames)} frames, expected a topic and a message")
    elif route in _BUS:
        if len(frames) != 1:
            raise MalformedMessageError(f"{len(frames)} frames, expected one")
    elif b"" not in frames[:-1]:
        raise MalformedMessageError(f"{len(frames)} frames without an empty one before the last, expected one")
    return frames[-1]


def _fields(payload: bytes) -> tuple[dict[str, Any], str]:
    """The map that a payload holds, and what is wrong if it holds none."""
    decode = msgspec.json.decode if looks_like_json(payload) else msgspec.msgpack.decode
    try:
        found = decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return {}, str(error)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        return {}, f"a {type(found).__name__}, expected a map with names"
    return found, ""


def _problem(route: str, payload: bytes, fields: Mapping[str, Any]) -> str:
    """The reason for which the desk refuses a message; empty for a good message, and on a route without a decoder."""
    try:
        if route in _BUS:
            _BUS[route](payload)
        elif route == "requests" and "reply" in fields:
            if not looks_like_json(payload):  # the reply to a client that uses JSON has no decoder
                decode_reply(payload)
        elif route == "requests":
            decode_request(payload)
        elif route == "control":
            (decode_control_reply if "reply" in fields else decode_control_request)(payload)
    except MalformedMessageError as error:
        return str(error)
    return ""


def _inner(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield fields
    for value in fields.values():
        if isinstance(value, dict) and any(tag in value for tag in TAGS):
            yield value


def _kinds(fields: Mapping[str, Any]) -> Iterator[str]:
    for one in _inner(fields):
        tag = next((tag for tag in TAGS if isinstance(one.get(tag), str)), None)
        if tag is not None:
            yield one[tag]


def _symbols(fields: Mapping[str, Any]) -> Iterator[str]:
    for one in _inner(fields):
        if isinstance(one.get("symbol"), str):
            yield one["symbol"]
        names = one.get("symbols")
        if isinstance(names, list):
            yield from (name for name in names if isinstance(name, str))


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        text = value if value and value.isprintable() and not set(value) & set(" ='\"") else repr(value)
    elif isinstance(value, float | int | bool | None | Decimal):
        text = str(value)
    else:
        text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}… ({len(text)} characters)"
