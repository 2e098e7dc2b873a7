"""The magic number, which identifies an order at the broker.

MetaTrader keeps a 64-bit `magic` and a comment with each order and deal. Brokers may cut or rewrite the comment, so the
magic identifies the order, and the comment only repeats the id for people. An id of the desk's form,
`xxxxxxxx-nnnnnn`, can be decoded from its magic. For any other id the magic is a hash, and the journal maps it back to
the id.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final, NamedTuple

COMMENT_CHARS_MAX: Final = 31
"""Longest comment that MetaTrader keeps."""

_DESK_ID: Final = re.compile(r"([0-9a-f]{8})-([0-9]{6,9})")
_NUMBER_BITS: Final = 30
_DESK_FLAG: Final = 1 << 62
_NUMBER_MASK: Final = (1 << _NUMBER_BITS) - 1
DESK_MAGIC_MIN: Final = _DESK_FLAG
"""The lowest magic that encodes a desk's order id; a hash is lower."""


@lru_cache(maxsize=1_024)
def magic_of(order_id: str) -> int:
    """The magic of an order id, from 1 to 2**63 - 1; it depends on the id alone."""
    match = _DESK_ID.fullmatch(order_id)
    if match is not None and (desk_id := _desk_magic(*match.groups())) is not None:
        return desk_id
    hashed = int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:8], "big")
    return hashed % (_DESK_FLAG - 1) + 1


def desk_id_of(magic: int) -> str | None:
    """The desk's order id that a `magic` encodes; None for a hash and for 0."""
    if not magic & _DESK_FLAG:
        return None
    return f"{(magic ^ _DESK_FLAG) >> _NUMBER_BITS:08x}-{magic & _NUMBER_MASK:06d}"


class DecodedDeskMagic(NamedTuple):
    """The incarnation and the number of an order id, and the lowest magic of the incarnation's ids."""

    incarnation: str
    first_magic: int
    number: int


def decode_desk_magic(magic: int) -> DecodedDeskMagic:
    """The incarnation and number that a desk's `magic` encodes; it must be at least `DESK_MAGIC_MIN`."""
    assert magic >= DESK_MAGIC_MIN, magic
    first_magic = magic & ~_NUMBER_MASK
    return DecodedDeskMagic(f"{(magic ^ _DESK_FLAG) >> _NUMBER_BITS:08x}", first_magic, magic & _NUMBER_MASK)


def comment_of(order_id: str) -> str:
    """The comment of an order: its id, cut to `COMMENT_CHARS_MAX`."""
    return order_id[:COMMENT_CHARS_MAX]


def _desk_magic(incarnation: str, number: str) -> int | None:
    if int(number) > _NUMBER_MASK or (len(number) > 6 and number.startswith("0")):
        return None
    return _DESK_FLAG | int(incarnation, 16) << _NUMBER_BITS | int(number)
