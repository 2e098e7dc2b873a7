"""Text of common editors is read without its byte order mark; other encodings are refused with their name."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text_files import EncodingError, decode_text, python_codec
from tests.support.encodings import ENCODINGS, encoded

EACH_ENCODING = pytest.mark.parametrize("encoding", ENCODINGS)


@EACH_ENCODING
@given(text=st.text(st.characters(codec="utf-16", exclude_characters="\x00\ufeff\ufffe"), min_size=1))
def test_a_text_in_each_encoding_is_decoded_unchanged(encoding: str, text: str) -> None:
    assert decode_text(encoded(text, encoding)) == text
    assert encoded(text, encoding).decode(python_codec(encoded(text, encoding))) == text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a = 1\n".encode("utf-16-le"), "UTF-16 without a byte-order mark, expected UTF-8, or UTF-16 with"),
        ("a = 1\n".encode("utf-16-be"), "UTF-16 without a byte-order mark"),
        ("a = 1\n".encode("utf-32"), "UTF-32, expected"),
        (codecs.BOM_UTF32_BE + "a = 1\n".encode("utf-32-be"), "UTF-32, expected"),
        ("Zürich".encode("latin-1"), "no UTF-8 text at byte 1"),
        (codecs.BOM_UTF8 + b"\xff", "no UTF-8 text at byte 3"),
        (codecs.BOM_UTF16_LE + b"a\x00b", "no UTF-16 text at byte 4"),
    ],
)
def test_text_in_another_encoding_is_refused_with_the_encoding_or_byte(data: bytes, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        decode_text(data)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"\x00\x01\x02\x03 and so on"])
def test_short_and_unusual_beginnings_are_read_as_utf_8(data: bytes) -> None:
    assert decode_text(data) == data.decode()
