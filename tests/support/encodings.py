"""Text as editors save it."""

from __future__ import annotations

import codecs
from typing import Final

_MARKS: Final = {
    "utf-8": b"",
    "utf-8 with a mark": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
ENCODINGS: Final = tuple(_MARKS)


def encoded(text: str, encoding: str) -> bytes:
    """The bytes of a file of it, mark and all."""
    return _MARKS[encoding] + text.encode(encoding.partition(" ")[0])


def without_mark(text: str) -> bytes:
    """What is refused: two bytes a character, and no mark."""
    return text.encode("utf-16-le")
