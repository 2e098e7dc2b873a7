"""docs/risk.md has the tables that follow from the declarations of the rules, and names every limit."""

from __future__ import annotations

from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rules import RULES
from tests.unit.portfolio.risk.rule_tables import PAGE, base_table, limits_table, replace_tables

TEXT = PAGE.read_text(encoding="utf-8")
COMMAND = ".venv/bin/python -m tests.unit.portfolio.risk.rule_tables"


def test_the_risk_page_has_the_tables_that_the_rules_declare() -> None:
    expected = "\n".join((*base_table(), "", *limits_table()))
    assert replace_tables(TEXT) == TEXT, f"{COMMAND} writes the tables into docs/risk.md:\n{expected}"


def test_every_code_has_a_row_in_a_table() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    for code in (code.code for rule in RULES for code in rule.codes):
        assert any(row.startswith(f"| `{code}` |") for row in rows), code


def test_the_risk_page_names_every_limit() -> None:
    assert [field for field in Limits.__struct_fields__ if field != "name" and f"`{field}" not in TEXT] == []
