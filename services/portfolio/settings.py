"""Settings of the portfolio process."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from pydantic import Field

from common.errors import StartError
from common.settings import CommonSettings, Port
from proto.units import is_exact, plain
from services.portfolio.core.risk import DEFAULT_LIMITS, NO_LIMITS, Limits
from services.portfolio.core.single_position import OnOpposite

RISK_SETS: Final = {limits.name: limits for limits in (DEFAULT_LIMITS, NO_LIMITS)}
"""The sets of limits that have a name; any other name is that of a file."""


class PortfolioSettings(CommonSettings):
    """What portfolio needs to know beside the shared settings."""

    default_volume: Decimal = Field(default=Decimal("0.01"), gt=0, le=1_000_000, description="lots above 0")
    on_opposite: OnOpposite = Field(default=OnOpposite.CLOSE, description="close or reverse")
    risk: str = Field(default="default", min_length=1, description="default, none or a file of limits")
    signal_age_max_ms: int = Field(default=5_000, ge=1, le=600_000, description="milliseconds from 1 to 600000")
    doubt_orders_max: int = Field(default=3, ge=0, le=1_000, description="orders from 0 to 1000")
    doubt_lots_max: Decimal = Field(default=Decimal(5), ge=0, le=1_000_000, description="lots of at least 0")
    reconcile_every_s: int = Field(default=30, ge=1, le=86_400, description="seconds from 1 to 86400")
    metrics_port_portfolio: Port = 0


class _LimitsFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    order_volume_max: Decimal | None = DEFAULT_LIMITS.order_volume_max


def limits_named(name: str) -> Limits:
    """The limits of a risk set: `default`, `none`, or a TOML file that changes some of the default's.

    The set of a file is named by its contents, not by its path: the same limits decide the same.

    Raises:
        StartError: the file is not there, or has a limit that is unknown or out of range.
    """
    if name in RISK_SETS:
        return RISK_SETS[name]
    path = Path(name)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        limits = msgspec.convert(values, _LimitsFile)
    except OSError as error:
        raise StartError(f"RISK: value {name!r}, expected default, none or a TOML file ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise StartError(f"RISK: {path}: {error}; expected limits such as order_volume_max = 0.5") from None
    largest = limits.order_volume_max
    if largest is not None and not (is_exact(largest) and largest > 0):
        raise StartError(f"RISK: {path}: order_volume_max is {largest}, expected lots above 0")
    shown = "none" if largest is None else plain(largest)
    return Limits(name=f"order_volume_max={shown}", order_volume_max=largest)
