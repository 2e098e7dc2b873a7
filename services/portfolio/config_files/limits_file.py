"""Sets of limits: three have a name, any other is a TOML file that changes some of the default's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from common.errors import StartError
from common.toml_files import digest_of, name_of_contents, read_toml
from proto.decimal_fields import read_decimals
from proto.trading.units import decimal_text
from services.portfolio.config_files.limits_validation import EXPECTED, LimitsError, validate_limits
from services.portfolio.config_files.news_calendar import read_calendar
from services.portfolio.config_files.validation_errors import shown, validation_message
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, DEMO_LIMITS, NO_LIMITS, Limits
from services.portfolio.core.risk.news import NewsEvent

RISK_SETS: Final = {limits.name: limits for limits in (DEFAULT_LIMITS, DEMO_LIMITS, NO_LIMITS)}
"""The sets of limits that have a name; any other name is that of a file."""

NO_LIMIT: Final = "none"
"""In a file, for a limit of the default set that is not to hold."""

_EXAMPLE: Final = "expected limits such as order_volume_max = 0.5"


def load_limits(name: str) -> Limits:
    """The limits of a risk set: `default`, `demo`, `none`, or a TOML file that changes some of the default's.

    The set of a file is named by its contents, not by its path: the same limits decide the same.

    Raises:
        StartError: the file is not there, or has a limit that is unknown, out of range or contradicts another.
    """
    if name in RISK_SETS:
        return RISK_SETS[name]
    path = Path(name)
    values = read_toml(
        path,
        setting="RISK",
        said=name,
        expected="default, demo, none or a TOML file",
        example=_EXAMPLE,
        parse_float=Decimal,
    )
    try:
        limits = _read(values, path)
    except LimitsError as error:
        raise StartError(f"RISK: {path}: {error}") from None
    changed = {
        field: value
        for field in Limits.__struct_fields__
        if (value := getattr(limits, field)) != getattr(DEFAULT_LIMITS, field) and field != "name"
    }
    return msgspec.structs.replace(limits, name=_name_of(changed))


def _read(values: dict[str, Any], path: Path) -> Limits:
    if "name" in values:
        raise LimitsError(f"name is {shown(values['name'])}, expected none: a set is named by what it changes")
    news = _news_of(path, values.pop("news_calendar", NO_LIMIT))
    said = {field: None if value == NO_LIMIT else value for field, value in values.items()}
    try:
        said = read_decimals(said, Limits)
        limits = msgspec.convert({**msgspec.structs.asdict(DEFAULT_LIMITS), **said, "name": ""}, Limits)
    except msgspec.ValidationError as error:
        raise LimitsError(validation_message(error, values, example=_EXAMPLE, expected=EXPECTED)) from None
    except ValueError as error:
        raise LimitsError(str(error)) from None
    validate_limits(limits)
    return msgspec.structs.replace(limits, news_calendar=news)


def _news_of(path: Path, said: object) -> tuple[NewsEvent, ...]:
    """The events of the calendar that a file of limits names, as a path relative to the file."""
    if not isinstance(said, str) or not said:
        raise StartError(f"RISK: {path}: news_calendar is {said!r}, expected the path of a CSV file, or {NO_LIMIT!r}")
    return () if said == NO_LIMIT else read_calendar(path.parent / said)


def _name_of(changed: dict[str, object]) -> str:
    """What a set of a file is called: what it changes, or a digest of that where it is too long to be a name."""
    words = ",".join(f"{field}={_written(value)}" for field, value in changed.items())
    return name_of_contents(words) or DEFAULT_LIMITS.name


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return digest_of(msgspec.json.encode(value)) if value else NO_LIMIT
    if isinstance(value, bool):
        return str(value).lower()
    return NO_LIMIT if value is None else decimal_text(value) if isinstance(value, Decimal) else str(value)
