"""Sets of limits: three have a name, any other is a TOML file that changes some of the default's."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
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

RISK_SETS: Final = {limits.name: limits for limits in (DEFAULT_LIMITS, DEMO_LIMITS, NO_LIMITS)}
"""The sets of limits that have a name; any other name is that of a file."""

NO_LIMIT: Final = "none"
"""In a file, for a limit of the default set that is not to hold."""

_EXAMPLE: Final = "limits such as order_volume_max = 0.5"

_DRAWDOWN: Final = ("drawdown_warn_pct", "drawdown_reduce_pct", "drawdown_halt_pct")
"""In the order in which a growing drawdown has to meet them."""


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
        raise FieldError(f"name is {shown(values['name'])}, expected none: a set is named by what it changes")
    news = _news_of(path, values.pop("news_calendar", NO_LIMIT))
    merged = {**structs.asdict(DEFAULT_LIMITS), **values, "name": "", "news_calendar": ()}
    limits = read_struct(merged, Limits, example=_EXAMPLE, none=NO_LIMIT)
    _require_consistent(limits)
    return structs.replace(limits, news_calendar=news)


def _require_consistent(limits: Limits) -> None:
    hours, cooldown_max_s = limits.trading_hours, limits.breaker_cooldown_max_s
    if hours is not None and hours[:5] == hours[6:]:
        raise FieldError(
            f"trading_hours is {hours!r}, which is no time at all, expected an end that is not the beginning"
        )
    if cooldown_max_s is not None and cooldown_max_s < limits.breaker_cooldown_s:
        raise FieldError(
            f"breaker_cooldown_max_s is {cooldown_max_s}, "
            f"expected at least breaker_cooldown_s, which is {limits.breaker_cooldown_s}"
        )
    levels = [(field, value) for field in _DRAWDOWN if (value := getattr(limits, field)) is not None]
    for (lower, least), (upper, most) in pairwise(levels):
        if least > most:
            raise FieldError(
                f"{lower} is {_with_default(lower, least)}, expected at most {upper}, which is {_with_default(upper, most)}"
            )


def _with_default(field: str, value: Decimal) -> str:
    return f"{value:f}{' by default' if value == getattr(DEFAULT_LIMITS, field) else ''}"


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
