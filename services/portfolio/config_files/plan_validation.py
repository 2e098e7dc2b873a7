"""Checks that sizing, exits and entry of a plan agree. The types of the fields check the ranges of the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from common.struct_files import FieldError
from proto.trading.enums import OrderType, TimeInForce
from services.portfolio.core.plan.plan import Entry, Exits, Sizing, SizingMethod

_FIELDS_OF_METHOD: Final[dict[SizingMethod, frozenset[str]]] = {
    SizingMethod.FIXED: frozenset({"volume"}),
    SizingMethod.FRACTION: frozenset({"risk_pct"}),
    SizingMethod.KELLY: frozenset({"kelly_fraction", "kelly_risk_pct_max", "payoff"}),
    SizingMethod.VOLATILITY: frozenset({"volatility_pct_per_day", "volatility_half_life_min"}),
    SizingMethod.WEIGHTS: frozenset({"weights_pct"}),
}
_FIELDS_OF_ALL_METHODS: Final = frozenset({"method", "volume_max"})

_RESTING: Final = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)


def validate_symbol_plan(sizing: Sizing, exits: Exits, entry: Entry, *, written: Mapping[str, Any], where: str) -> None:
    """Refuse contradictions between the fields of sizing, exits and entry, for the plan itself or for one strategy.

    Args:
        sizing: the section in force: the strategy's own, or that of the plan.
        exits: the section in force.
        entry: the section in force.
        written: the sections as written in the file, which show whether a value is given or a default.
        where: `strategies.TAG.` for a strategy; empty for the plan itself.

    Raises:
        FieldError: two fields contradict each other. The text names the fields and the expected value.
    """
    _validate_sizing(sizing, exits, written.get("sizing", {}), where)
    if exits.trailing_stop_points is None and "trailing_step_points" in written.get("exits", {}):
        raise FieldError(
            f"{where}exits.trailing_step_points is {exits.trailing_step_points}, "
            "expected it only with trailing_stop_points"
        )
    if exits.trailing_stop_points is not None and exits.trailing_step_points > exits.trailing_stop_points:
        raise FieldError(
            f"{where}exits.trailing_step_points is {exits.trailing_step_points}, expected at most "
            f"trailing_stop_points, which is {exits.trailing_stop_points}"
        )
    _validate_entry(entry, where)


def _validate_sizing(sizing: Sizing, exits: Exits, written: Mapping[str, Any], where: str) -> None:
    method = sizing.method
    for field in written:
        if field not in _FIELDS_OF_METHOD[method] | _FIELDS_OF_ALL_METHODS:
            users = " or ".join(repr(str(one)) for one, fields in _FIELDS_OF_METHOD.items() if field in fields)
            raise FieldError(
                f"{where}sizing.{field} with method = {str(method)!r}, expected it only with method = {users}"
            )
    needed: dict[SizingMethod, dict[str, object]] = {
        SizingMethod.FIXED: {},
        SizingMethod.FRACTION: {
            "sizing.risk_pct": sizing.risk_pct,
            "exits.stop_loss_points": exits.stop_loss_points,
        },
        SizingMethod.KELLY: {
            "exits.stop_loss_points": exits.stop_loss_points,
            "sizing.payoff or exits.take_profit_points": sizing.payoff or exits.take_profit_points,
        },
        SizingMethod.VOLATILITY: {"sizing.volatility_pct_per_day": sizing.volatility_pct_per_day},
        SizingMethod.WEIGHTS: {"sizing.weights_pct or sizing.weights_file": sizing.weights_pct},
    }
    for fields, value in needed[method].items():
        if not value:
            raise FieldError(f"{where}sizing.method is {str(method)!r}, expected {fields} with it")


def _validate_entry(entry: Entry, where: str) -> None:
    kind, field = entry.type, f"{where}entry"
    if kind is OrderType.MARKET:
        for name in ("offset_points", "lifetime_s"):
            if (value := getattr(entry, name)) is not None:
                raise FieldError(f"{field}.{name} is {value}, expected none with type = 'MARKET'")
        if entry.time_in_force is TimeInForce.GTD:
            raise FieldError(f"{field}.time_in_force is 'GTD', expected another with type = 'MARKET'")
        return
    if entry.offset_points is None:
        raise FieldError(f"{field}.type is {str(kind)!r}, expected {field}.offset_points with it")
    if entry.deviation_points is not None:
        raise FieldError(f"{field}.deviation_points is {entry.deviation_points}, expected it only with type = 'MARKET'")
    if entry.time_in_force not in (None, *_RESTING):
        raise FieldError(
            f"{field}.time_in_force is {str(entry.time_in_force)!r}, expected GTC, DAY or GTD for an order that rests"
        )
    if entry.lifetime_s is not None and entry.time_in_force not in (None, TimeInForce.GTD):
        raise FieldError(f"{field}.lifetime_s is {entry.lifetime_s}, expected no time_in_force, or 'GTD', with it")
    if entry.time_in_force is TimeInForce.GTD and entry.lifetime_s is None:
        raise FieldError(f"{field}.time_in_force is 'GTD', expected {field}.lifetime_s with it")
