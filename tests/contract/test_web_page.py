"""docs/web.md lists each operation of the HTTP API as the table of operations has it."""

from common.project_root import PROJECT_ROOT
from services.web.api.openapi import operations_table
from services.web.api.operations import OPERATIONS

PAGE = (PROJECT_ROOT / "docs" / "web.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_of_operations() -> None:
    assert operations_table(OPERATIONS) in PAGE


def test_the_page_explains_each_status_of_a_command() -> None:
    section = PAGE.partition("## Send a command")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].split()[0].rstrip(",") for line in section.splitlines() if line.startswith("| ")}
    assert rows == {"status", "200", "409", "422", "503"}
