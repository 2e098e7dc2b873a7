"""All checks, one after the other, on an account that may be traded for it: simulated or demo, and flat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from verification.conformance import (
    check_books,
    check_execution,
    check_identity,
    check_orders,
    check_pending,
    check_stops,
)
from verification.conformance.client import Desk, require_answer
from verification.conformance.registry import Check, Outcome, Result, Skip

CHECKS: Final = (
    *check_identity.check.checks,
    *check_orders.check.checks,
    *check_pending.check.checks,
    *check_stops.check.checks,
    *check_execution.check.checks,
    *check_books.check.checks,
)

ALLOWED: Final = ("simulated", "demo")


class Refused(Exception):  # noqa: N818 - the suite keeps away, nothing is broken
    """The account is none to run checks on; the text says what it is, and what was expected."""


def run_suite(
    desk: Desk,
    *,
    checks: Iterable[Check] = CHECKS,
    is_forced: bool = False,
    told: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Run checks; each begins flat, and so does whoever comes after the last.

    Args:
        desk: the client.
        checks: which.
        is_forced: go on although the account has positions, in other symbols.
        told: is given each result as it comes.

    Raises:
        Refused: the account has money in it, its stream waits for a desk, or it has positions.
        StartError: nobody answers.
    """
    _require_usable(desk, is_forced=is_forced)
    results = []
    for check in checks:
        result = _run(desk, check)
        if told is not None:
            told(result)
        results.append(result)
    return results


def _require_usable(desk: Desk, *, is_forced: bool) -> None:
    hello = require_answer(desk)
    if hello.mode not in ALLOWED:
        raise Refused(f"account {hello.account} is {hello.mode}, expected a simulated or a demo one: checks trade")
    if hello.window:
        raise Refused(f"the stream waits for a desk (window {hello.window}), expected a live one")
    positions = desk.positions()
    if positions and not is_forced:
        raise Refused(f"account {hello.account} has {len(positions)} open positions, expected none, or --force")
    if any(position.symbol == desk.symbol for position in positions):
        raise Refused(f"there is an open position in {desk.symbol}, expected a symbol without one: checks close theirs")


def _run(desk: Desk, check: Check) -> Result:
    began = time.monotonic()
    outcome, words = Outcome.PASSED, ""
    try:
        check.run(desk)
    except Skip as skip:
        outcome, words = Outcome.SKIPPED, str(skip)
    except AssertionError as error:
        outcome, words = Outcome.FAILED, str(error)
    try:
        left = desk.flat()
    except AssertionError as error:
        left = [str(error)]
    if left:
        outcome, words = Outcome.FAILED, "; ".join([words, *left] if words else left)
    return Result(check.name, check.claim, outcome, words, time.monotonic() - began)
