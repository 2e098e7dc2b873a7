"""From a plan's file to a plan: read, judged, and named by what it says.

A plan that contradicts itself is refused when it is read, never found out by an order. What is refused is told with the file,
the field, its value and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from common.errors import StartError
from common.text_files import read_text
from common.toml_files import name_of_contents, read_toml
from proto.codec import map_of_pairs
from proto.decimal_fields import read_decimals
from proto.trading.units import decimal_text
from services.portfolio.config_files.plan_validation import PlanError, validate_number, validate_symbol_plan
from services.portfolio.config_files.validation_errors import validation_message
from services.portfolio.core.plan.plan import DESK_TAG, MANUAL_TAG, PLAIN, Entry, Exits, Plan, Sizing, Strategy

WEIGHTS_FILE: Final = "weights_file"
"""In a plan's `[sizing]`: a JSON file beside the plan with the weights, in place of `weights_pct`."""

T = TypeVar("T")

_WEIGHTS: Final = dict[str, Decimal]
_EXAMPLE: Final = 'expected sections such as [sizing] with method = "fraction"'
_SECTIONS: Final = {"sizing": Sizing(), "exits": Exits(), "entry": Entry()}


def load_plan(name: str, symbols: Collection[str] | None = None) -> Plan:
    """The plan of a TOML file, or the plain one for no name: the desk's default volume at the market.

    The plan of a file is named by its contents, not by its path: the same plan trades the same.

    Args:
        name: the file, or nothing.
        symbols: those that are traded, of which its strategies' have to be; None where that is not known.

    Raises:
        StartError: the file is not there, or says something that is unknown, out of range or contradictory, or a strategy has a
            symbol that is not traded.
    """
    if not name:
        return PLAIN
    path = Path(name)
    values = read_toml(
        path, setting="PLAN", said=name, expected="a TOML file of a plan", example=_EXAMPLE, parse_float=Decimal
    )
    try:
        plan = _read(values, path)
        if symbols is not None:
            _judge_traded(plan, symbols)
    except PlanError as error:
        raise StartError(f"PLAN: {path}: {error}") from None
    return msgspec.structs.replace(plan, name=_name_of(plan))


def _read(values: dict[str, Any], path: Path) -> Plan:
    if "name" in values:
        raise PlanError(f"name is {values['name']!r}, expected none: a plan is named by what it says")
    for _, section in _sections(values, "sizing"):
        _take_weights(section, path)
    for tag, section in _items(values.get("strategies")):
        _converted(section, Strategy, where=f"strategies.{tag}")
    plan = _converted(values, Plan, where="")
    _judge_numbers(plan)
    _judge_strategies(plan)
    validate_symbol_plan(plan.sizing, plan.exits, plan.entry, said=values, where="")
    for tag, one in plan.strategies.items():
        course = plan.for_symbol(one.symbols[0])
        said = {**values, **values["strategies"][tag]}
        validate_symbol_plan(course.sizing, course.exits, course.entry, said=said, where=f"strategies.{tag}.")
    return plan


def _sections(values: Mapping[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The plan's own section of that name and those of its strategies, with where they stand, as far as they are sections."""
    strategies = values.get("strategies")
    places = [("", values), *((f"strategies.{tag}.", one) for tag, one in _items(strategies))]
    for where, place in places:
        if isinstance(place, dict) and isinstance(found := place.get(name), dict):
            yield f"{where}{name}", found


def _items(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _take_weights(section: dict[str, Any], plan: Path) -> None:
    """Put the weights of a file, whose path is relative to the plan's, in the place of its name."""
    if WEIGHTS_FILE not in section:
        return
    name = section.pop(WEIGHTS_FILE)
    if not isinstance(name, str) or not name:
        raise PlanError(f"{WEIGHTS_FILE} is {name!r}, expected a path of a JSON file")
    if "weights_pct" in section:
        raise PlanError(f"{WEIGHTS_FILE} is {name!r} and there is weights_pct, expected one of the two")
    path = plan.parent / name
    expected = 'expected a JSON file such as {"EURUSD": 40, "XAUUSD": 10}'
    try:
        weights = json.loads(
            read_text(path), parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=map_of_pairs
        )
    except OSError as error:
        raise PlanError(f"{WEIGHTS_FILE} is {name!r}, {expected} ({error.strerror})") from None
    except (ValueError, ArithmeticError) as error:
        raise PlanError(f"{WEIGHTS_FILE} is {name!r}, {expected} ({error})") from None
    try:
        section["weights_pct"] = msgspec.convert(read_decimals(weights, _WEIGHTS), _WEIGHTS)
    except ValueError as error:
        raise PlanError(f"{WEIGHTS_FILE} is {name!r}, {expected} ({error})") from None


def _converted(values: Any, kind: type[T], *, where: str) -> T:
    try:
        return msgspec.convert(read_decimals(values, kind), kind)
    except msgspec.ValidationError as error:
        raise PlanError(validation_message(error, values, where=where, example=_EXAMPLE)) from None
    except ValueError as error:
        raise PlanError(f"{where}.{error}" if where else str(error)) from None


def _judge_numbers(plan: Plan) -> None:
    _judge_sizes("", plan.sizing)
    for tag, one in plan.strategies.items():
        for field in ("volume_max", "daily_loss_pct_max"):
            validate_number(f"strategies.{tag}.{field}", field, getattr(one, field))
        if one.sizing is not None:
            _judge_sizes(f"strategies.{tag}.", one.sizing)


def _judge_sizes(where: str, sizing: Sizing) -> None:
    for field in Sizing.__struct_fields__:
        value = getattr(sizing, field)
        if isinstance(value, Decimal):
            validate_number(f"{where}sizing.{field}", field, value)
    for symbol, weight in sizing.weights_pct.items():
        validate_number(f"{where}sizing.weights_pct.{symbol}", "weights_pct", weight)


def _judge_strategies(plan: Plan) -> None:
    """Each symbol is in one strategy, and no strategy is called as what the desk itself does."""
    owners: dict[str, str] = {}
    for tag, one in plan.strategies.items():
        if tag in (DESK_TAG, MANUAL_TAG):
            raise PlanError(f"strategies.{tag}: the tag is the desk's own, expected another than {tag!r}")
        for symbol in one.symbols:
            if symbol in owners:
                raise PlanError(
                    f"strategies.{tag}.symbols has {symbol}, which is in strategies.{owners[symbol]}.symbols, "
                    "expected each symbol once"
                )
            owners[symbol] = tag


def _judge_traded(plan: Plan, symbols: Collection[str]) -> None:
    """A strategy whose symbol is mistyped would hold to its budget and its exits in nothing."""
    for tag, one in plan.strategies.items():
        for symbol in one.symbols:
            if symbol not in symbols:
                traded = ", ".join(symbols)
                raise PlanError(f"strategies.{tag}.symbols has {symbol}, expected symbols that are traded: {traded}")


# ---------------------------------------------------------------------------------------------------------------- name


def _name_of(plan: Plan) -> str:
    """What a plan of a file is called: what it says otherwise than the plain one, or a digest of that where it is long."""
    words = [
        word for section, default in _SECTIONS.items() for word in _changed(getattr(plan, section), default, section)
    ]
    for tag, one in sorted(plan.strategies.items()):
        words += _strategy_words(f"strategies.{tag}", one)
    return name_of_contents(",".join(words)) or PLAIN.name


def _strategy_words(where: str, one: Strategy) -> Iterator[str]:
    yield f"{where}.symbols={'+'.join(sorted(one.symbols))}"
    for field in ("volume_max", "daily_loss_pct_max"):
        if (value := getattr(one, field)) is not None:
            yield f"{where}.{field}={_written(value)}"
    for section, default in _SECTIONS.items():
        if (own := getattr(one, section)) is not None:
            # It stands in place of the plan's own even where it says what the plain plan does.
            yield from list(_changed(own, default, f"{where}.{section}")) or [f"{where}.{section}={PLAIN.name}"]


def _changed(section: msgspec.Struct, default: msgspec.Struct, where: str) -> Iterator[str]:
    for field in section.__struct_fields__:
        if (value := getattr(section, field)) != getattr(default, field):
            yield f"{where}.{field}={_written(value)}"


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "+".join(f"{symbol}:{_written(weight)}" for symbol, weight in sorted(value.items()))
    return decimal_text(value) if isinstance(value, Decimal) else str(value)
