"""Hints of the desk name what a person does on the page instead of a command of the command line."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page

from proto.control.conditions import CONDITION_KINDS
from services.portfolio.core.queries.denial_hints import DENIAL_HINTS
from tests.browser.conftest import Visiting
from tests.browser.desks import HandDesk

WORDS: Final = "async ([name, text]) => (await import('./js/page_words.js'))[name](text)"


def words(page: Page, name: str, text: str) -> str:
    return str(page.evaluate(WORDS, [name, text]))


def test_hints_have_the_words_of_the_page(hand_desk: HandDesk, visiting: Visiting) -> None:
    page = visiting(hand_desk.served).open()
    actions = [kind.action for kind in CONDITION_KINDS.values()]
    shown = [words(page, "onPage", text) for text in actions]
    shown += [words(page, "hintOnPage", text) for text in DENIAL_HINTS.values()]
    here = ("resume`", "resume --reason", "close", "orders", "risk`", "why")
    assert [text for text in shown for name in here if f"paperdesk {name}" in text] == []
    assert words(page, "onPage", CONDITION_KINDS["PERSON"].action) == "Check the venue, then press Resume."
    hint = "the size must be smaller; --past-rule ORDER_VOLUME overrides the rule for the order"
    assert words(page, "hintOnPage", hint) == "the size must be smaller"
