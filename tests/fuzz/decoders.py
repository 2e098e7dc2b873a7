"""Fuzzing of every decoder, which must return a valid message or raise MalformedMessageError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from proto import codec
from proto.codec import MalformedMessageError, encode
from services.mt5.framing import open_envelope, readable_fields
from tests.fuzz.frames import Frames


def _request(frame: bytes) -> Any:
    return codec.decode_request(frame)[0]


DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "tick": codec.decode_tick_message,
    "signal": codec.decode_signal_message,
    "call": codec.decode_call,
    "strategy": codec.decode_strategy_report,
    "report": codec.decode_report_message,
    "ledger commit": codec.decode_ledger_commit,
    "control request": codec.decode_control_request,
    "control reply": codec.decode_control_reply,
    "request": _request,
    "reply": codec.decode_reply,
}


class BrokenDecoderError(AssertionError):
    """A decoder gave a wrong result; the text has its name and the frame."""


def check_decoder(name: str, frame: bytes) -> bool:
    """Decode a frame, and return whether the decoder accepted it as a message.

    Raises:
        BrokenDecoderError: the decoder raised another error, or the message changes when it is encoded and decoded.
    """
    decode = DECODERS[name]
    try:
        message = decode(frame)
    except MalformedMessageError:
        return False
    except Exception as error:  # any error is a finding: it is raised again with the frame
        raise BrokenDecoderError(f"{name}: {type(error).__name__} {error} from {frame.hex()}") from error
    again = decode(encode(message))
    if encode(again) != encode(message):
        raise BrokenDecoderError(f"{name}: {message} comes back as {again} from {frame.hex()}")
    return True


def call_wire_functions(frame: bytes) -> None:
    """Call the functions that the gateway applies to a payload besides decoding.

    Raises:
        BrokenDecoderError: a function raised an error.
    """
    try:
        readable_fields(frame)
        open_envelope([b"id", b"", frame])
        open_envelope([frame, frame])
    except Exception as error:  # any error is a finding: it is raised again with the frame
        raise BrokenDecoderError(f"wire: {type(error).__name__} {error} from {frame.hex()}") from error


def run(frames: int, seed: int) -> dict[str, dict[str, int]]:
    """Send `frames` frames to the decoders in turn; return the counts of frames and of messages for each decoder."""
    source = Frames(seed)
    names = [*DECODERS, "wire"]
    found = {name: {"frames": 0, "messages": 0} for name in names}
    for number in range(frames):
        name, frame = names[number % len(names)], source.next()
        found[name]["frames"] += 1
        if name == "wire":
            call_wire_functions(frame)
        else:
            found[name]["messages"] += check_decoder(name, frame)
    return found
