"""Keys from the bytes that a terminal sends. Pure: the terminal and the clock are elsewhere."""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

ESCAPE: Final = "\x1b"

NAMES: Final = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "Z": "backtab",
    "5~": "page-up",
    "6~": "page-down",
}
"""Names of the keys by their escape sequence without its first two characters."""

CONTROLS: Final = {
    "\t": "tab",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x15": "clear",  # Ctrl-U
    "\x0c": "redraw",  # Ctrl-L
}

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O[A-Za-z])")
_BEGUN: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*|O)?")


class Key(NamedTuple):
    """A key: `name` is that of a special key, or `text` for a character, which `text` has."""

    name: str
    text: str = ""


class KeyDecoder:
    """Splits the bytes of a terminal into keys; a sequence may arrive in parts."""

    def __init__(self) -> None:
        """Start without bytes."""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    @property
    def is_waiting(self) -> bool:
        """Whether an escape sequence has begun, or the key Escape was pressed: the next bytes or their lack decide."""
        return bool(self._rest)

    def feed(self, received: bytes) -> list[Key]:
        """The keys that are complete; an unknown sequence is no key."""
        self._rest += self._decoder.decode(received)
        keys: list[Key] = []
        while self._rest:
            if self._rest[0] == ESCAPE:
                if _BEGUN.fullmatch(self._rest):
                    break
                found = _SEQUENCE.match(self._rest)
                if found is None:  # the key Escape, and another key soon after it
                    keys.append(Key("escape"))
                    self._rest = self._rest[1:]
                    continue
                self._rest = self._rest[found.end() :]
                name = NAMES.get(found[0][2:])
                if name is not None:
                    keys.append(Key(name))
                continue
            char, self._rest = self._rest[0], self._rest[1:]
            if char in CONTROLS:
                keys.append(Key(CONTROLS[char]))
            elif char.isprintable():
                keys.append(Key("text", char))
        return keys

    def flush(self) -> list[Key]:
        """The keys after a pause: an escape byte without a sequence is the key Escape."""
        is_escape, self._rest = self._rest == ESCAPE, ""
        return [Key("escape")] if is_escape else []
