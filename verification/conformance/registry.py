"""What a check is: a claim in one sentence, and a function that finds out whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from verification.conformance.client import ConformanceClient


class CheckOutcome(StrEnum):
    """What came of a check."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Skip(Exception):  # noqa: N818 - no error: the check does not apply here
    """The check does not apply to this venue or this run; the text says why."""


class Check(NamedTuple):
    """One check. It raises AssertionError with what it saw, or `Skip`."""

    name: str
    claim: str
    run: Callable[[ConformanceClient], None]


class CheckResult(NamedTuple):
    """What came of one check; `words` say what was seen, or why it was skipped."""

    name: str
    claim: str
    outcome: CheckOutcome
    words: str
    seconds: float


class CheckRegistry:
    """Checks in the order in which they are registered, which is the order in which they run."""

    def __init__(self) -> None:
        """Start empty."""
        self.checks: list[Check] = []

    def __call__(self, run: Callable[[ConformanceClient], None]) -> Callable[[ConformanceClient], None]:
        """Register a function under its name; the first line of its docstring is the claim."""
        claim = (run.__doc__ or "").strip().splitlines()[0]
        self.checks.append(Check(run.__name__, claim, run))
        return run


def expect(holds: bool, words: str) -> None:
    """Fail a check unless something holds; `words` say what was seen and what was expected."""
    if not holds:
        raise AssertionError(words)
