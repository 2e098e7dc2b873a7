"""Reading UBJSON, the binary form in which XGBoost writes models: bytes become the dicts and lists of its JSON.

All of draft 12 that a model can have is read. Typed arrays become numpy arrays of the machine's own byte order. Lengths
are checked against what is there before anything is allocated for them.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np

_DEPTH_MAX: Final = 64
_NUMBERS: Final = {
    b"i": struct.Struct(">b"),
    b"U": struct.Struct(">B"),
    b"I": struct.Struct(">h"),
    b"l": struct.Struct(">i"),
    b"L": struct.Struct(">q"),
    b"d": struct.Struct(">f"),
    b"D": struct.Struct(">d"),
}
_LENGTHS: Final = b"iUIlL"
_WORDS: Final = {b"Z": None, b"T": True, b"F": False}


class UbjError(ValueError):
    """The bytes are no UBJSON; says where and why."""


def parse(data: bytes) -> Any:
    """The one value that the bytes are.

    Raises:
        UbjError: they are none, or there is more after it.
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(data):
        raise UbjError(f"{len(data) - reader.at} bytes too many after byte {reader.at}")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            raise UbjError(f"it ends at byte {len(self.data)}, expected {count - len(found)} more")
        self.at += count
        return found

    def peek(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def length(self) -> int:
        marker = self.take(1)
        if marker not in _NUMBERS or marker not in _LENGTHS:
            raise UbjError(f"marker {marker!r} at byte {self.at - 1}, expected a length")
        found = self.number(marker)
        if not 0 <= found <= len(self.data):
            raise UbjError(f"length {found} at byte {self.at}, expected 0 to {len(self.data)}")
        return int(found)

    def number(self, marker: bytes) -> Any:
        kind = _NUMBERS[marker]
        return kind.unpack(self.take(kind.size))[0]

    def text(self) -> str:
        try:
            return self.take(self.length()).decode()
        except UnicodeDecodeError as error:
            raise UbjError(f"text before byte {self.at} is not UTF-8: {error.reason}") from None

    def value(self, marker: bytes, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            raise UbjError(f"more than {_DEPTH_MAX} levels at byte {self.at}")
        if marker in _NUMBERS:
            return self.number(marker)
        if marker in _WORDS:
            return _WORDS[marker]
        if marker == b"S" or marker == b"H":
            return self.text()
        if marker == b"C":
            return chr(self.take(1)[0])
        if marker == b"[":
            return self.array(depth)
        if marker == b"{":
            return self.mapping(depth)
        raise UbjError(f"unknown marker {marker!r} at byte {self.at - 1}")

    def head(self) -> tuple[bytes | None, int | None]:
        """Type and count of a container, where it tells them."""
        kind = None
        if self.peek() == b"$":
            self.take(1)
            kind = self.take(1)
            if self.peek() != b"#":
                raise UbjError(f"a type without a count at byte {self.at}")
        if self.peek() == b"#":
            self.take(1)
            return kind, self.length()
        return kind, None

    def array(self, depth: int) -> Any:
        kind, count = self.head()
        if kind in _NUMBERS and count is not None:
            number = _NUMBERS[kind]
            big_endian = np.frombuffer(self.take(number.size * count), dtype=number.format)
            return big_endian.astype(big_endian.dtype.newbyteorder("="))
        if count is not None:
            return [self.value(kind or self.take(1), depth + 1) for _ in range(count)]
        found = []
        while (marker := self.take(1)) != b"]":
            found.append(self.value(marker, depth + 1))
        return found

    def mapping(self, depth: int) -> dict[str, Any]:
        kind, count = self.head()
        found: dict[str, Any] = {}
        while len(found) < count if count is not None else self.peek() != b"}":
            key = self.text()
            if key in found:
                raise UbjError(f"key {key!r} twice before byte {self.at}")
            found[key] = self.value(kind or self.take(1), depth + 1)
        if count is None:
            self.take(1)
        return found
