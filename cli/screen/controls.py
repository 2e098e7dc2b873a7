"""The state of the screen, and what a key does to it. Pure: the state and a key give the next state and an action.

    BROWSE --/--> FILTER --Enter or Escape--> BROWSE
    BROWSE --h or r--> REASON --Enter--> CONFIRM --y--> BROWSE, and the command is sent
    BROWSE --?--> HELP --any key--> BROWSE
    BROWSE --q--> ends the screen, or of an own desk: QUIT --y--> stops the desk

Escape leads from each mode back to BROWSE; in CONFIRM and QUIT every key but `y` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cli.screen.keys import Key
from proto.control import REASON_CHARS_MAX

FILTER_CHARS_MAX: Final = 32
"""Longest text of the filter; longer than every symbol of a broker."""

ROWS_PER_PAGE_KEY: Final = 10


class PageName(StrEnum):
    """The pages in their order; the digits 1 to 6 choose them."""

    OVERVIEW = "overview"
    POSITIONS = "positions"
    RISK = "risk"
    EVENTS = "events"
    PROCESSES = "processes"
    ALERTS = "alerts"


PAGES: Final = tuple(PageName)


class Mode(StrEnum):
    """What the keys do at present."""

    BROWSE = "BROWSE"
    FILTER = "FILTER"
    REASON = "REASON"
    CONFIRM = "CONFIRM"
    QUIT = "QUIT"
    HELP = "HELP"


class TradingVerb(StrEnum):
    """A command that the screen sends."""

    HALT = "halt"
    RESUME = "resume"


@dataclass(frozen=True)
class Quit:
    """Action: end the screen; of an own desk also the desk."""


@dataclass(frozen=True)
class SendCommand:
    """Action: send a person's command with its reason to the desk."""

    verb: TradingVerb
    reason: str


@dataclass(frozen=True)
class Redraw:
    """Action: draw the whole screen again."""


Action = Quit | SendCommand | Redraw


@dataclass(frozen=True, kw_only=True)
class Controls:
    """The state of the screen.

    `text` is what a person types in FILTER and REASON; `reason` and `verb` are the command of CONFIRM. `first_row` is
    the number of rows that are scrolled away. `notice` is the result of the last command. With `owns_desk` this process
    runs the desk, so that the end of the screen is the end of the desk.
    """

    page: PageName = PageName.OVERVIEW
    mode: Mode = Mode.BROWSE
    filter: str = ""
    text: str = ""
    verb: TradingVerb = TradingVerb.HALT
    reason: str = ""
    first_row: int = 0
    notice: str = ""
    owns_desk: bool = False

    def shows(self, *names: str) -> bool:
        """Whether a row about these symbols or other names passes the filter."""
        wanted = (self.text if self.mode is Mode.FILTER else self.filter).upper()
        return not wanted or any(wanted in name.upper() for name in names)

    @property
    def is_filtered(self) -> bool:
        """Whether rows may be hidden by the filter."""
        return bool(self.text if self.mode is Mode.FILTER else self.filter)


def press(state: Controls, key: Key) -> tuple[Controls, Action | None]:
    """The state after a key, and the action to take."""
    match state.mode:
        case Mode.BROWSE:
            return _browse(state, key)
        case Mode.FILTER:
            return _filter(state, key), None
        case Mode.REASON:
            return _reason(state, key), None
        case Mode.CONFIRM:
            done = replace(state, mode=Mode.BROWSE, text="", reason="")
            if key.text in ("y", "Y"):
                return done, SendCommand(state.verb, state.reason)
            return replace(done, notice=f"{state.verb.value}: not sent"), None
        case Mode.QUIT:
            done = replace(state, mode=Mode.BROWSE)
            return (done, Quit()) if key.text in ("y", "Y") else (done, None)
        case Mode.HELP:
            return replace(state, mode=Mode.BROWSE), None


def _browse(state: Controls, key: Key) -> tuple[Controls, Action | None]:
    match key:
        case Key("text", digit) if digit in ("1", "2", "3", "4", "5", "6"):
            return _on_page(state, PAGES[int(digit) - 1]), None
        case Key("tab" | "right"):
            return _on_page(state, PAGES[(PAGES.index(state.page) + 1) % len(PAGES)]), None
        case Key("backtab" | "left"):
            return _on_page(state, PAGES[PAGES.index(state.page) - 1]), None
        case Key("text", "/"):
            return replace(state, mode=Mode.FILTER, text=state.filter, notice=""), None
        case Key("escape"):
            return replace(state, filter="", first_row=0, notice=""), None
        case Key("text", "h" | "r" as letter):
            verb = TradingVerb.HALT if letter == "h" else TradingVerb.RESUME
            return replace(state, mode=Mode.REASON, verb=verb, text="", notice=""), None
        case Key("text", "?"):
            return replace(state, mode=Mode.HELP, notice=""), None
        case Key("text", "q"):
            return (replace(state, mode=Mode.QUIT), None) if state.owns_desk else (state, Quit())
        case Key("redraw"):
            return state, Redraw()
        case _:
            return _scrolled(state, key), None


def _on_page(state: Controls, page: PageName) -> Controls:
    return replace(state, page=page, first_row=0)


def _scrolled(state: Controls, key: Key) -> Controls:
    steps = {"up": -1, "down": 1, "page-up": -ROWS_PER_PAGE_KEY, "page-down": ROWS_PER_PAGE_KEY}
    if key.name == "home":
        return replace(state, first_row=0)
    return replace(state, first_row=max(0, state.first_row + steps.get(key.name, 0)))


def _typed(state: Controls, key: Key, chars_max: int) -> Controls:
    match key.name:
        case "text":
            return replace(state, text=(state.text + key.text)[:chars_max], notice="")
        case "backspace":
            return replace(state, text=state.text[:-1], notice="")
        case "clear":
            return replace(state, text="", notice="")
        case _:
            return state


def _filter(state: Controls, key: Key) -> Controls:
    match key.name:
        case "enter":
            return replace(state, mode=Mode.BROWSE, filter=state.text.strip(), text="", first_row=0)
        case "escape":
            return replace(state, mode=Mode.BROWSE, filter="", text="", first_row=0)
        case _:
            return replace(_typed(state, key, FILTER_CHARS_MAX), first_row=0)


def _reason(state: Controls, key: Key) -> Controls:
    match key.name:
        case "enter":
            reason = " ".join(state.text.split())
            if not reason:
                return replace(state, notice="the reason is empty, expected a text; Escape cancels")
            return replace(state, mode=Mode.CONFIRM, reason=reason, notice="")
        case "escape":
            return replace(state, mode=Mode.BROWSE, text="", notice=f"{state.verb.value}: not sent")
        case _:
            return _typed(state, key, REASON_CHARS_MAX)
