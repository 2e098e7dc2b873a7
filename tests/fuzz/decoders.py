"""Every decoder with any bytes: a message that survives its own encoding, or `MalformedMessageError`."""

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
    "report": codec.decode_report_message,
    "control request": codec.decode_control_request,
    "control reply": codec.decode_control_reply,
    "request": _request,
    "reply": codec.decode_reply,
}


class BrokenDecoderError(AssertionError):
    """A decoder did what it must not; names it and shows the frame."""


def throw_at(name: str, frame: bytes) -> bool:
    """Whether the decoder accepted the frame as a message.

    Raises:
        BrokenDecoderError: it raised something else, or the message does not survive its own encoding.
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


def throw_at_the_wire(frame: bytes) -> None:
    """Do what the gateway does with a payload before and beside decoding it.

    Raises:
        BrokenDecoderError: it raised.
    """
    try:
        readable_fields(frame)
        open_envelope([b"id", b"", frame])
        open_envelope([frame, frame])
    except Exception as error:  # any error is a finding: it is raised again with the frame
        raise BrokenDecoderError(f"wire: {type(error).__name__} {error} from {frame.hex()}") from error


def run(frames: int, seed: int) -> dict[str, dict[str, int]]:
    """Send `frames` frames to the decoders in turn; returns counts of frames and messages for each."""
    source = Frames(seed)
    names = [*DECODERS, "wire"]
    found = {name: {"frames": 0, "messages": 0} for name in names}
    for number in range(frames):
        name, frame = names[number % len(names)], source.next()
        found[name]["frames"] += 1
        if name == "wire":
            throw_at_the_wire(frame)
        else:
            found[name]["messages"] += throw_at(name, frame)
    return found
