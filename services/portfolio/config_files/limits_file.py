"""Sets of limits: three named sets, or a TOML file that changes some limits of the default set."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import structs

from common.errors import StartError
from common.struct_files import FieldError, read_struct, shown
from common.toml_files import digest_of, name_of_contents, read_toml
from proto.trading.units import decimal_text
from services.portfolio.config_files.news_calendar import read_calendar
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, DEMO_LIMITS, NO_LIMITS, Limits
from services.portfolio.core.risk.news import NewsEvent
from services.portfolio.core.risk.rules import RULES

RISK_SETS: Final = {limits.name: limits for limits in (DEFAULT_LIMITS, DEMO_LIMITS, NO_LIMITS)}
"""The named sets of limits. Any other value of the setting RISK is the path of a file."""

NO_LIMIT: Final = "none"
"""Value in a file of limits that removes a limit of the default set."""

_EXAMPLE: Final = "limits such as order_volume_max = 0.5"


def load_limits(name: str) -> Limits:
    """Load a risk set: `default`, `demo`, `none`, or a TOML file that changes some limits of the default set.

    The name of a file's set is made from its contents and not from its path, so that equal limits have equal names.

    Raises:
        StartError: the file is missing, or a limit is unknown, out of range, or contradicts another limit.
    """
    if name in RISK_SETS:
        return RISK_SETS[name]
    path = Path(name)
    values = read_toml(
        path,
        setting="RISK",
        value=name,
        expected="default, demo, none or a TOML file",
        example=f"expected {_EXAMPLE}",
        parse_float=Decimal,
    )
    try:
        limits = _read(values, path)
    except FieldError as error:
        raise StartError(f"RISK: {path}: {error}") from None
    changed = {
        field: value
        for field in Limits.__struct_fields__
        if (value := getattr(limits, field)) != getattr(DEFAULT_LIMITS, field) and field != "name"
    }
    return structs.replace(limits, name=_name_of(changed))


def _read(values: dict[str, Any], path: Path) -> Limits:
    if "name" in values:
        raise FieldError(f"name is {shown(values['name'])}, expected no name: it is made from the changed limits")
    news = _news_of(path, values.pop("news_calendar", NO_LIMIT))
    merged = {**structs.asdict(DEFAULT_LIMITS), **values, "name": "", "news_calendar": ()}
    limits = read_struct(merged, Limits, example=_EXAMPLE, none=NO_LIMIT)
    for rule in RULES:
        if rule.contradiction is not None and (contradiction := rule.contradiction(limits)):
            raise FieldError(contradiction)
    return structs.replace(limits, news_calendar=news)


def _news_of(path: Path, value: object) -> tuple[NewsEvent, ...]:
    """Read the calendar that a file of limits names. The path of the calendar is relative to that file."""
    if not isinstance(value, str) or not value:
        raise StartError(f"RISK: {path}: news_calendar is {value!r}, expected the path of a CSV file, or {NO_LIMIT!r}")
    return () if value == NO_LIMIT else read_calendar(path.parent / value)


def _name_of(changed: dict[str, object]) -> str:
    """Return the name of a file's set: its changed limits as text, or a digest of the text if it is too long."""
    text = ",".join(f"{field}={_written(value)}" for field, value in changed.items())
    return name_of_contents(text) or DEFAULT_LIMITS.name


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return digest_of(msgspec.json.encode(value)) if value else NO_LIMIT
    if isinstance(value, bool):
        return str(value).lower()
    return NO_LIMIT if value is None else decimal_text(value) if isinstance(value, Decimal) else str(value)
