"""Texts without characters that change a terminal.

Texts of a venue, a strategy or another program may contain such characters; printed as they are, they could clear the
screen, or show what the desk did not say.
"""

from __future__ import annotations


def printable(text: str, *, keep: str = "") -> str:
    """The text with each character that is not printable as an escape sequence, except those of `keep`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else repr(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    """The printable text on one line, with a blank in place of each line end."""
    return printable(" ".join(text.splitlines()))
