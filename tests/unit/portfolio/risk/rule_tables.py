"""Makes the tables of rules in docs/risk.md from the declarations of the rules.

`.venv/bin/python -m tests.unit.portfolio.risk.rule_tables` writes them into the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from common.project_root import PROJECT_ROOT
from proto.trading.units import decimal_text
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.registry import BASE_RULES, OPENING_RULES
from services.portfolio.core.risk.rule import RiskRule
from services.portfolio.settings import PortfolioSettings

PAGE = PROJECT_ROOT / "docs" / "risk.md"
BASE_HEADER = "| code | denies |"
LIMITS_HEADER = "| code | limit in a file | default | what is measured | a person may |"


def base_table() -> list[str]:
    """Return the table of the rules that apply under any limits, with a row for each code."""
    meanings = {code.code: code.meaning for rule in BASE_RULES for code in rule.codes}
    return [BASE_HEADER, "|---|---|", *(_row(f"`{code}`", meaning) for code, meaning in meanings.items())]


def limits_table() -> list[str]:
    """Return the table of the limits on opening, with a row for each rule in the order of checking."""
    rows = (
        _row(f"`{rule.code}`", *_limits_of(rule), rule.codes[0].meaning, _remedies(rule) or "-")
        for rule in OPENING_RULES
    )
    return [LIMITS_HEADER, "|---|---|---|---|---|", *rows]


def replace_tables(page: str) -> str:
    """Return the page with both tables computed again."""
    lines = page.splitlines()
    for table in (base_table(), limits_table()):
        start = lines.index(table[0])
        end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
        lines[start:end] = table
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _limits_of(rule: RiskRule) -> tuple[str, str]:
    """Return the names of the rule's limits (a setting, budgets of a strategy, or fields) and their defaults."""
    if rule.setting:
        default = PortfolioSettings.model_fields[rule.setting.lower()].default
        return f"setting {rule.setting}", str(default)
    if rule.budgets:
        return f"{_names(rule.budgets)} of a strategy in the plan", "none"
    fields = [*(limit.field for limit in rule.limits), *rule.parameters]
    return _names(fields), ", ".join(_value(getattr(DEFAULT_LIMITS, field)) for field in fields)


def _names(fields: Iterable[str]) -> str:
    return ", ".join(f"`{field}`" for field in fields)


def _value(value: object) -> str:
    if value in (None, ()):
        return "none"
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def _remedies(rule: RiskRule) -> str:
    return ", ".join(["override"] * rule.can_be_excepted + ["reset"] * (rule.reset is not None))


if __name__ == "__main__":
    PAGE.write_text(replace_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
