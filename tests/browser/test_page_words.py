"""Hints of the desk name what a person does on the page instead of a command of the command line."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page

from proto.control import CONDITION_KINDS
from services.portfolio.core.queries.denial_hints import DENIAL_HINTS
from tests.browser.conftest import Visiting
from tests.browser.desks import HandDesk

WORDS: Final = "async ([name, text]) => (await import('./js/page_words.js'))[name](text)"


def words(page: Page, name: str, text: str) -> str:
    return str(page.evaluate(WORDS, [name, text]))


GROUPED: Final = {
    "199931 USD": "199,931 USD",
    "12345.6789 EUR of 999 EUR": "12,345.6789 EUR of 999 EUR",
    "0.00123456 BTC": "0.00123456 BTC",
    "order 123456": "order 123456",
}


def test_thousands_of_amounts_are_grouped(hand_desk: HandDesk, visiting: Visiting) -> None:
    page = visiting(hand_desk.served).open()
    group = (
        "async (texts) => { const { groupAmounts } = await import('./js/format.js'); return texts.map(groupAmounts) }"
    )
    assert page.evaluate(group, list(GROUPED)) == list(GROUPED.values())


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
