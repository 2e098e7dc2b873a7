"""Text that people write, with whatever editor: UTF-8, or UTF-16 with a byte-order mark; its lines end with LF or CR LF.

A mark says how text is encoded and is no part of it. Without one it is UTF-8, and UTF-16 or UTF-32 is refused by name.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF_32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_SAMPLE_BYTES: Final = 32
EXPECTED: Final = "UTF-8, or UTF-16 with a byte-order mark"


class EncodingError(ValueError):
    """Bytes are no text in an encoding that is read."""


def encoding_of(data: bytes) -> tuple[str, int]:
    """How text that begins with `data` is encoded, and how many bytes its mark takes; UTF-8 where there is no mark.

    Raises:
        EncodingError: it is UTF-32, or UTF-16 without a mark.
    """
    if data.startswith(_UTF_32):
        raise EncodingError(f"UTF-32, expected {EXPECTED}")
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    if _is_wide(data[:_SAMPLE_BYTES]):
        raise EncodingError(f"UTF-16 without a byte-order mark, expected {EXPECTED}")
    return "utf-8", 0


def decode_text(data: bytes) -> str:
    """The text without its mark.

    Raises:
        EncodingError: it is none.
    """
    encoding, mark = encoding_of(data)
    try:
        return data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding[:6].upper()
        raise EncodingError(f"no {name} text at byte {mark + error.start}, expected {EXPECTED}") from None


def python_codec(data: bytes) -> str:
    """The name of Python's codec that reads text which begins with `data`, mark and all."""
    return "utf-8-sig" if encoding_of(data)[0] == "utf-8" else "utf-16"


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        OSError: it cannot be read.
        EncodingError: it is no text.
    """
    return decode_text(path.read_bytes())


def _is_wide(sample: bytes) -> bool:
    """Whether every other byte is 0, as in Latin text by two bytes a character."""
    even, odd = sample[::2], sample[1::2]
    return len(sample) >= 4 and any(not any(zeros) and all(rest) for zeros, rest in ((even, odd), (odd, even)))
