"""Texts as the page shows them, computed here from the values of the API, and the texts that a page shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.visits import SHOWN_S
from tests.support.waits import wait_for

Rows = list[list[str]]


def agree(shown: Callable[[], Any], expected: Callable[[], Any], what: str) -> None:
    """Wait until the page shows what the API has, both read again each time, and something at all.

    Raises:
        AssertionError: they still differ after the deadline.
    """
    last: list[Any] = [None, None]

    def are_equal() -> bool:
        last[:] = expected(), shown()
        return bool(last[0]) and bool(last[0] == last[1])

    try:
        wait_for(are_equal, what, seconds=SHOWN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\nexpected {last[0]}\nshown    {last[1]}") from None


def table(page: Page, caption: str) -> Rows:
    """The texts of the body of a table, row by row."""
    rows: Rows = _region(page, caption).evaluate_all(
        "(found) => found.flatMap((one) => [...one.querySelector('table').tBodies[0].rows]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent)))"
    )
    return rows


def columns(page: Page, caption: str, *labels: str) -> Rows:
    """The texts of some columns of a table, row by row."""
    rows: Rows = _region(page, caption).evaluate_all(
        "(found, labels) => found.flatMap((one) => [...one.querySelector('table').tBodies[0].rows].map((row) => "
        "labels.map((label) => [...row.cells].find((cell) => cell.dataset.label === label).textContent)))",
        list(labels),
    )
    return rows


def facts(page: Page, panel: str) -> dict[str, str]:
    """The labels and values of the lists of a panel."""
    pairs: list[tuple[str, str]] = (
        page.get_by_role("region", name=panel, exact=True)
        .locator("dl")
        .evaluate_all(
            "(lists) => lists.flatMap((list) => [...list.querySelectorAll('dt')]"
            ".map((name) => [name.textContent, name.nextElementSibling.textContent]))"
        )
    )
    return dict(pairs)


def figures(within: Locator) -> dict[str, str]:
    """The labels and values of large figures."""
    pairs: list[tuple[str, str]] = within.locator(".figure").evaluate_all(
        "(found) => found.map((one) => [one.querySelector('.label').textContent, "
        "one.querySelector('.value, .label + *').textContent])"
    )
    return dict(pairs)


def _region(page: Page, caption: str) -> Locator:
    return page.locator(f".table-scroll[aria-label='{caption}']")


def fixed(value: Any, digits: int = 0, *, sign: bool = False) -> str:
    """A number with grouped thousands and a fixed number of decimals; with `sign`, a plus before positive ones."""
    if value is None:
        return "–"
    rounded = _rounded(value, digits)
    text = f"{abs(rounded):,.{digits}f}"
    if rounded < 0:
        return f"−{text}"
    return f"+{text}" if sign and rounded > 0 else text


def money(value: Any) -> str:
    """An amount with its sign and two decimals."""
    return fixed(value, 2, sign=True)


def amount(value: Any) -> str:
    """An amount with an arrow of its sign."""
    number = Decimal(str(value or 0))
    arrow = "▲ " if number > 0 else "▼ " if number < 0 else ""
    return arrow + money(value)


def price(value: Any, digits: int) -> str:
    """A price with the digits of its symbol."""
    return "–" if value is None else f"{float(value):.{digits}f}"


def lots(value: Any) -> str:
    """A volume in lots."""
    return fixed(value, 2)


def percent(fraction: Any, digits: int = 2) -> str:
    """A fraction as percent."""
    return "–" if fraction is None else f"{fixed(float(fraction) * 100, digits)} %"


def grouped(text: str) -> str:
    """A text with grouped thousands in its amounts."""
    return re.sub(r"(?<![\d.,])\d{4,}(?=(\.\d+)? [A-Z]{3}\b)", lambda found: f"{int(found[0]):,}", text)


def latency(us: float) -> str:
    """A latency with its unit."""
    if us < 1_000:
        return f"{fixed(us)} µs"
    return f"{fixed(us / 1_000, 2)} ms" if us < 1e6 else f"{fixed(us / 1e6, 2)} s"


def side(value: str) -> str:
    """The side of an order."""
    return {"BUY": "▲ buy", "SELL": "▼ sell"}[value]


def words(name: str) -> str:
    """A name of the protocol in lower case without underscores."""
    return name.replace("_", " ").lower()


def _rounded(value: Any, digits: int) -> Decimal:
    """Exact decimals are rounded half away from zero, as the page does."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
