"""Text in the encodings in which editors save files."""

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
    """The bytes of a file in this encoding, with its byte order mark if it has one."""
    return _MARKS[encoding] + text.encode(encoding.partition(" ")[0])


def without_mark(text: str) -> bytes:
    """The bytes of a file in UTF-16 without a byte order mark, which the desk refuses."""
    return text.encode("utf-16-le")
