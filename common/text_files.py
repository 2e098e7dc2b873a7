"""Reading of text files that people write: UTF-8, or UTF-16 with a byte-order mark; lines end with LF or CR LF.

The mark is not part of the text. Text without a mark is read as UTF-8. UTF-32 with a mark, and Latin text in UTF-16
without a mark, are refused with an error that names the encoding.
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
    """The bytes are not text in a supported encoding."""


def encoding_of(data: bytes) -> tuple[str, int]:
    """Encoding of text that begins with `data`, and the length of its byte-order mark in bytes.

    Raises:
        EncodingError: the text is UTF-32 with a mark, or appears to be UTF-16 without a mark.
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
    """Decode `data` to text, without the byte-order mark.

    Raises:
        EncodingError: `data` is not text in a supported encoding.
    """
    encoding, mark = encoding_of(data)
    try:
        return data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding[:6].upper()
        raise EncodingError(f"no {name} text at byte {mark + error.start}, expected {EXPECTED}") from None


def python_codec(data: bytes) -> str:
    """Name of the Python codec for text that begins with `data`; the codec removes the byte-order mark."""
    return "utf-8-sig" if encoding_of(data)[0] == "utf-8" else "utf-16"


def read_text(path: Path) -> str:
    """Read the text of a file.

    Raises:
        OSError: the file cannot be read.
        EncodingError: the file is not text in a supported encoding.
    """
    return decode_text(path.read_bytes())


def _is_wide(sample: bytes) -> bool:
    """Whether every other byte is 0, as in Latin text with two bytes a character."""
    even, odd = sample[::2], sample[1::2]
    return len(sample) >= 4 and any(not any(zeros) and all(rest) for zeros, rest in ((even, odd), (odd, even)))
