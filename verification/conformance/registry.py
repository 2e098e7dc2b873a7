"""Registry of checks. A check is a claim in one sentence, and a function that tests the claim."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from verification.conformance.client import ConformanceClient


class CheckOutcome(StrEnum):
    """The outcomes of a check."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Skip(Exception):  # noqa: N818 - not an error
    """The check does not apply to this venue or this run; the text is the reason."""


class Check(NamedTuple):
    """One check; `run` raises AssertionError with an observation if the claim is false, or `Skip`."""

    name: str
    claim: str
    run: Callable[[ConformanceClient], None]


class CheckResult(NamedTuple):
    """The outcome of one check; `words` is the observation of a failure, or the reason of a skip."""

    name: str
    claim: str
    outcome: CheckOutcome
    words: str
    seconds: float


class CheckRegistry:
    """Checks in the order in which they are registered and run."""

    def __init__(self) -> None:
        """Make a registry without checks."""
        self.checks: list[Check] = []

    def __call__(self, run: Callable[[ConformanceClient], None]) -> Callable[[ConformanceClient], None]:
        """Register a function under its name; the first line of its docstring is the claim."""
        claim = (run.__doc__ or "").strip().splitlines()[0]
        self.checks.append(Check(run.__name__, claim, run))
        return run


def expect(holds: bool, message: str) -> None:
    """Fail a check unless a condition is true.

    Args:
        holds: the condition.
        message: the observation, and the expectation.

    Raises:
        AssertionError: the condition is false.
    """
    if not holds:
        raise AssertionError(message)
