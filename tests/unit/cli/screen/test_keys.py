"""The bytes of a terminal become keys, also when a sequence arrives in parts."""

from __future__ import annotations

import pytest

from cli.screen.keys import Key, KeyDecoder


@pytest.mark.parametrize(
    ("received", "keys"),
    [
        (b"q", [Key("text", "q")]),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", [Key("up"), Key("down"), Key("right"), Key("left")]),
        (b"\x1bOC", [Key("right")]),
        (b"\x1b[5~\x1b[6~\x1b[Z", [Key("page-up"), Key("page-down"), Key("backtab")]),
        (b"\t\r\x7f\x15", [Key("tab"), Key("enter"), Key("backspace"), Key("clear")]),
        ("é€".encode(), [Key("text", "é"), Key("text", "€")]),
        (b"\x1b[1;5Cq", [Key("text", "q")]),
        (b"\x1b[20~q", [Key("text", "q")]),
        (b"\x01\x02q", [Key("text", "q")]),
        (b"\x1b1", [Key("escape"), Key("text", "1")]),
        (b"\x1b\x1b[A", [Key("escape"), Key("up")]),
    ],
)
def test_bytes_become_keys(received: bytes, keys: list[Key]) -> None:
    assert KeyDecoder().feed(received) == keys


@pytest.mark.parametrize("received", [b"\x1b[A", "€".encode(), b"\x1b[6~", b"\x1bOD"])
def test_a_sequence_in_parts_is_one_key(received: bytes) -> None:
    decoder = KeyDecoder()
    keys = [key for byte in received for key in decoder.feed(bytes([byte]))]
    assert keys == KeyDecoder().feed(received)
    assert not decoder.is_waiting


def test_an_escape_byte_is_the_key_escape_only_after_a_pause() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.is_waiting
    assert decoder.flush() == [Key("escape")]
    assert decoder.feed(b"[A") == [Key("text", "["), Key("text", "A")]


def test_bytes_that_are_no_text_are_replaced_by_one_character_and_break_nothing() -> None:
    assert KeyDecoder().feed(b"\xff\xfeq")[-1] == Key("text", "q")
