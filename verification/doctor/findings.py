"""Findings of a check, and the registry of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from proto.control import CONDITION_KINDS, Severity
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.finding_kinds import FINDING_KINDS, FindingKind, Grade

OK: Final = "OK"
"""Code of a result that is no finding."""


class Finding(NamedTuple):
    """One result of a check; `action` is empty if nothing is to be done."""

    grade: Grade
    code: str
    text: str
    action: str = ""


class CheckResult(NamedTuple):
    """The results of one check; there is at least one."""

    name: str
    findings: tuple[Finding, ...]


Findings = Iterator[Finding]
CheckFunction = Callable[[ExaminedDesk], Iterable[Finding]]


class Check(NamedTuple):
    """One check: its name, and what it examines in one sentence.

    With `needs_settings` it examines what the settings name, so its result is true only for a desk that has them.
    """

    name: str
    subject: str
    run: CheckFunction
    needs_settings: bool = False


def check(name: str, *, needs_settings: bool = False) -> Callable[[CheckFunction], Check]:
    """Make a check of a function; the first line of the function's docstring says what the check examines."""

    def make(run: CheckFunction) -> Check:
        return Check(name, (run.__doc__ or "").strip().splitlines()[0], run, needs_settings)

    return make


def fine(text: str) -> Finding:
    """A result that is no finding."""
    return Finding(Grade.OK, OK, text)


def found(code: str, text: str, **names: object) -> Finding:
    """A finding of the table; `names` replace words in capitals of its action, such as FILE or PID."""
    kind = FINDING_KINDS[code]
    action = kind.action
    for word, value in names.items():
        assert word in action, (code, word)
        action = action.replace(word, str(value))
    return Finding(kind.grade, code, _one_line(text), action)


def from_condition(code: str, text: str) -> Finding:
    """A finding that is a condition of the desk, with the condition's action; `text` begins with its code."""
    kind = CONDITION_KINDS[code]
    grade = {Severity.CRITICAL: Grade.WRONG, Severity.WARNING: Grade.WARNING, Severity.INFO: Grade.OK}[kind.severity]
    return Finding(grade, code, _one_line(text), kind.action)


def _one_line(text: str) -> str:
    return " ".join(text.split())


__all__ = ["Check", "CheckResult", "Finding", "FindingKind", "Findings", "Grade", "check", "fine", "found"]
