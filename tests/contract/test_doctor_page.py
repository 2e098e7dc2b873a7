"""docs/doctor.md shows the tables of checks and findings, docs/terminal.md that of the terminal's errors."""

from __future__ import annotations

import re

from common.project_root import PROJECT_ROOT
from proto.control import CONDITION_KINDS
from services.mt5.terminal import terminal_errors
from verification.doctor.finding_kinds import FINDING_KINDS, Grade
from verification.doctor.suite import CHECKS

PAGE = (PROJECT_ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
TERMINAL = (PROJECT_ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")


def _rows(page: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of the tables of a page that have so many columns, without the ticks of code in the first column."""
    rows = re.findall(r"^\| (.+) \|$", page, re.MULTILINE)
    return [tuple(row.split(" | ")) for row in rows if row.count(" | ") == columns - 1]


def test_the_page_lists_the_checks_in_their_order() -> None:
    section = PAGE.partition("## Checks")[2].partition("## Findings")[0]
    assert _rows(section, 2)[1:] == [(f"`{one.name}`", one.subject) for one in CHECKS]


def test_the_page_lists_the_findings_in_their_order() -> None:
    expected = [
        (f"`{code}`", kind.check, kind.grade.value, kind.meaning, kind.action) for code, kind in FINDING_KINDS.items()
    ]
    assert _rows(PAGE, 5)[1:] == expected


def test_the_page_of_terminals_lists_the_errors_of_the_package() -> None:
    section = TERMINAL.partition("## Errors of the package")[2].partition("\n## ")[0]
    expected = [(str(row.number), f"`{row.name}`", row.meaning, row.action) for row in terminal_errors.TABLE]
    assert _rows(section, 4)[1:] == expected


def test_each_finding_belongs_to_a_check_and_has_a_code_of_its_own() -> None:
    assert {kind.check for kind in FINDING_KINDS.values()} <= {one.name for one in CHECKS}
    assert not FINDING_KINDS.keys() & CONDITION_KINDS.keys()
    assert Grade.OK not in {kind.grade for kind in FINDING_KINDS.values()}


def test_each_finding_is_planted_in_a_test() -> None:
    tests = PROJECT_ROOT / "tests"
    files = [*(tests / "unit" / "doctor").glob("*.py"), *(tests / "integration" / "cli").glob("test_doctor*.py")]
    planted = "".join(path.read_text(encoding="utf-8") for path in (*files, tests / "support" / "planted_faults.py"))
    assert [code for code in FINDING_KINDS if f'"{code}"' not in planted] == []
