"""The page on risk names every code that a rule can deny with, and every limit with its default."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from common.project_root import PROJECT_ROOT
from proto.trading.units import decimal_text
from services.portfolio.core.risk import checks
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, Limits

PAGE = (PROJECT_ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
CODE = re.compile(r'"([A-Z]{2,}(?:_[A-Z]+)*)"')
TOLD_OTHERWISE = {"name", "leverage", "position_legs_max", "rearm_at_day_end", "foreign_orders"}


def test_every_code_of_a_rule_stands_in_a_table() -> None:
    rules = (*checks.BASE_RULES, *checks.OPENING_RULES)
    codes = {code for rule in rules for code in CODE.findall(Path(str(vars(rule)["__file__"])).read_text())}
    told = {code for line in PAGE.splitlines() if line.startswith("| `") for code in re.findall(r"`([A-Z_]+)`", line)}
    assert codes <= told


def test_every_limit_stands_in_the_table_with_the_default_sets_value() -> None:
    told: dict[str, str] = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            for field, default in zip(re.findall(r"`(\w+)`", cells[1]), cells[2].split(", "), strict=False):
                told.setdefault(field, default)  # the plan has limits of the same name further down
    shown = {
        field: "none"
        if (value := getattr(DEFAULT_LIMITS, field)) in (None, ())
        else decimal_text(value)
        if isinstance(value, Decimal)
        else str(value)
        for field in Limits.__struct_fields__
        if field not in TOLD_OTHERWISE
    }
    assert {field: told.get(field) for field in shown} == shown
    assert all(f"`{field}`" in PAGE or f"{field} = " in PAGE for field in TOLD_OTHERWISE - {"name"})
