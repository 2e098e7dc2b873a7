"""Frames for fuzzing: random bytes, mutated frames of a corpus, and nested MessagePack and JSON.

The same seed gives the same frames. The corpus has a message of each kind and frames that once caused a failure. To add
a frame to the corpus, add a `.hex` file of its hexadecimal digits to `corpus/`.
"""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any, Final

import msgpack

CORPUS: Final = Path(__file__).parent / "corpus"
CHANGES_MAX: Final = 6
_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 2**63, 2**64 - 1, -(2**63), 1e308, 5e-324, float("nan"), float("inf"), -0.0),
    *("", "\x00", "a" * 300, "EURUSD", b"", b"\xff" * 40, [], {}, [[]], {"": None}, "1e999999", "-0", "NaN"),
)
_HEADS: Final = (
    b"\x80",
    b"\x90",
    b"\xc1",
    b"\xc4\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\x7f\xff\xff\xff",
)


def seeds() -> list[bytes]:
    """The frames of the corpus, sorted by file name."""
    return [bytes.fromhex(path.read_text()) for path in sorted(CORPUS.glob("*.hex"))]


class Frames:
    """A source of any number of frames."""

    def __init__(self, seed: int) -> None:
        """Start the random draws from a seed."""
        self._source = random.Random(seed)
        self._seeds = seeds()
        self._maps = [fields for fields in map(_map_of, self._seeds) if fields is not None]

    def next(self) -> bytes:
        """The next frame."""
        source = self._source
        kind = source.random()
        if kind < 0.2:
            return source.randbytes(source.randrange(120))
        if kind < 0.7:
            return self._broken(source.choice(self._seeds))
        if kind < 0.9:
            return self._changed(source.choice(self._maps))
        return self._nested()

    def _broken(self, seed: bytes) -> bytes:
        """A frame of the corpus with up to `CHANGES_MAX` changes: bits flipped, and bytes removed or inserted."""
        source, broken = self._source, bytearray(seed)
        for _ in range(source.randint(0, CHANGES_MAX)):
            at = source.randrange(len(broken) + 1)
            match source.randrange(5):
                case 0 if at < len(broken):
                    broken[at] ^= 1 << source.randrange(8)
                case 1:
                    del broken[at : at + source.randrange(1, 9)]
                case 2:
                    broken[at:at] = source.randbytes(source.randrange(1, 5))
                case 3:
                    broken[at:at] = source.choice(_HEADS)
                case _:
                    broken[at:at] = struct.pack(">q", source.choice((0, -1, 2**63 - 1, -(2**63))))
        return bytes(broken)

    def _changed(self, fields: dict[Any, Any]) -> bytes:
        """A message of the corpus with one field added, removed, or given an unusual or another field's value."""
        source, changed = self._source, dict(fields)
        name = source.choice(list(changed) or ["action"])
        match source.randrange(4):
            case 0:
                changed[name] = source.choice(_ODD)
            case 1:
                changed.pop(name, None)
            case 2:
                changed[source.choice(("extra", "", name + "\x00" if isinstance(name, str) else 7))] = source.choice(
                    _ODD
                )
            case _:
                changed[name] = changed[source.choice(list(changed))] if changed else None
        if source.random() < 0.3:
            return json.dumps(changed, default=repr).encode()
        return bytes(msgpack.packb(changed, default=repr, unicode_errors="surrogatepass"))

    def _nested(self) -> bytes:
        """A frame with very deep nesting or wrong lengths."""
        source = self._source
        depth = source.choice((1, 5, 60, 600, 5_000))
        head, end = source.choice(((b"\x91", b"\xc0"), (b"\x81\xa1a", b"\xc0"), (b"[", b"]"), (b'{"a":', b"1")))
        return head * depth + end * source.choice((0, 1, depth))


def _map_of(seed: bytes) -> dict[Any, Any] | None:
    try:
        fields = json.loads(seed) if seed[:1] == b"{" else msgpack.unpackb(seed, strict_map_key=False)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None
