"""Run the checks on a simulated or demo account that has no position in the traded symbol."""

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
from verification.conformance.client import ConformanceClient, require_gateway
from verification.conformance.registry import Check, CheckOutcome, CheckResult, Skip

CHECKS: Final = (
    *check_identity.check.checks,
    *check_orders.check.checks,
    *check_pending.check.checks,
    *check_stops.check.checks,
    *check_execution.check.checks,
    *check_books.check.checks,
)

ALLOWED: Final = ("simulated", "demo")


class UnfitAccountError(Exception):
    """The account is not fit for checks; the text has the fact and the expectation."""


def run_suite(
    client: ConformanceClient,
    *,
    checks: Iterable[Check] = CHECKS,
    is_forced: bool = False,
    on_result: Callable[[CheckResult], None] | None = None,
) -> list[CheckResult]:
    """Run checks. After each, cancel the resting orders of this run and close the positions in the traded symbol.

    Args:
        client: the client of the gateway.
        checks: the checks to run.
        is_forced: whether to run although the account has positions in other symbols.
        on_result: called with each result.

    Raises:
        UnfitAccountError: the account is live, its stream is in lock-step, it has a position in the traded symbol, or
            it has other positions and `is_forced` is False.
        StartError: the gateway does not answer.
    """
    _require_usable(client, is_forced=is_forced)
    results = []
    for check in checks:
        result = _run(client, check)
        if on_result is not None:
            on_result(result)
        results.append(result)
    return results


def _require_usable(client: ConformanceClient, *, is_forced: bool) -> None:
    hello = require_gateway(client)
    if hello.mode not in ALLOWED:
        raise UnfitAccountError(
            f"account {hello.account} is {hello.mode}, expected a simulated or demo account: the checks trade"
        )
    if hello.window:
        raise UnfitAccountError(f"the stream is in lock-step (window {hello.window}), expected a live stream")
    positions = client.positions()
    if positions and not is_forced:
        raise UnfitAccountError(
            f"account {hello.account} has {len(positions)} open positions, expected none, or --force"
        )
    if any(position.symbol == client.symbol for position in positions):
        raise UnfitAccountError(
            f"{client.symbol} has an open position, expected a symbol without one: the checks close its positions"
        )


def _run(client: ConformanceClient, check: Check) -> CheckResult:
    began = time.monotonic()
    outcome, message = CheckOutcome.PASSED, ""
    try:
        check.run(client)
    except Skip as skip:
        outcome, message = CheckOutcome.SKIPPED, str(skip)
    except AssertionError as error:
        outcome, message = CheckOutcome.FAILED, str(error)
    try:
        left = client.flatten()
    except AssertionError as error:
        left = [str(error)]
    if left:
        outcome, message = CheckOutcome.FAILED, "; ".join([message, *left] if message else left)
    return CheckResult(check.name, check.claim, outcome, message, time.monotonic() - began)
