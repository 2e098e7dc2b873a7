"""Reads trading plans from TOML files and checks them.

A plan that contradicts itself is refused when it is read. The error names the file, the field, its value and the
expected value.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from common.errors import StartError
from common.struct_files import FieldError, read_struct, read_value, shown
from common.text_files import read_text
from common.toml_files import name_of_contents, read_toml
from proto.codec import map_of_pairs
from proto.trading.units import Name, decimal_text
from services.portfolio.config_files.plan_validation import validate_symbol_plan
from services.portfolio.core.plan.plan import DESK_TAG, MANUAL_TAG, PLAIN, Entry, Exits, Plan, Sizing, Strategy, Weight

WEIGHTS_FILE: Final = "weights_file"
"""Key in `[sizing]` that may replace `weights_pct`: path of a JSON file with the weights, relative to the plan."""

PARAMETERS_TABLE: Final = "strategy"
"""Table with the values of strategies' parameters, which signal reads and portfolio ignores."""

_WEIGHTS: Final = dict[Name, Weight]
_EXAMPLE: Final = 'sections such as [sizing] with method = "fraction"'
_SECTIONS: Final = {"sizing": Sizing(), "exits": Exits(), "entry": Entry()}
_BUDGETS: Final = tuple(field for field in Strategy.__struct_fields__ if field not in ("symbols", *_SECTIONS))
"""Fields of `Strategy` that limit the strategy as a whole; the value None means no limit."""


def load_plan(name: str, symbols: Collection[str] | None = None) -> Plan:
    """Load the plan of a TOML file, or the plain plan (default volume, market orders) if no file is named.

    The name of a file's plan is made from its contents and not from its path, so that equal plans have equal names.

    Args:
        name: path of the file; empty for the plain plan.
        symbols: the traded symbols, which must include those of the plan's strategies; None if they are unknown.

    Raises:
        StartError: the file is missing, a value is unknown, out of range or contradictory, or a symbol of a strategy is
            not traded.
    """
    if not name:
        return PLAIN
    path = Path(name)
    values = read_toml(
        path,
        setting="PLAN",
        value=name,
        expected="a TOML file of a plan",
        example=f"expected {_EXAMPLE}",
        parse_float=Decimal,
    )
    try:
        plan = _read(values, path)
        if symbols is not None:
            _require_traded(plan, symbols)
    except FieldError as error:
        raise StartError(f"PLAN: {path}: {error}") from None
    return msgspec.structs.replace(plan, name=_name_of(plan))


def _read(values: dict[str, Any], path: Path) -> Plan:
    if "name" in values:
        raise FieldError(f"name is {shown(values['name'])}, expected no name: it is made from the plan's contents")
    values = dict(values)
    if not isinstance(parameters := values.pop(PARAMETERS_TABLE, {}), dict):
        raise FieldError(f"{PARAMETERS_TABLE} is {shown(parameters)}, expected a table of parameters")
    for section in _sizing_sections(values):
        _load_weights(section, path)
    plan = read_struct(values, Plan, example=_EXAMPLE)
    _require_valid_strategies(plan)
    validate_symbol_plan(plan.sizing, plan.exits, plan.entry, written=values, where="")
    for tag, strategy in plan.strategies.items():
        merged = plan.for_symbol(strategy.symbols[0])
        written = {**values, **values["strategies"][tag]}
        validate_symbol_plan(merged.sizing, merged.exits, merged.entry, written=written, where=f"strategies.{tag}.")
    return plan


def _sizing_sections(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the `sizing` tables of a plan and of its strategies."""
    strategies = values.get("strategies")
    for table in (values, *(strategies.values() if isinstance(strategies, dict) else ())):
        if isinstance(table, dict) and isinstance(found := table.get("sizing"), dict):
            yield found


def _load_weights(section: dict[str, Any], plan: Path) -> None:
    """Replace the path of a weights file in a `sizing` table by the weights in the file.

    The path is relative to the file of the plan.
    """
    if WEIGHTS_FILE not in section:
        return
    name = section.pop(WEIGHTS_FILE)
    if not isinstance(name, str) or not name:
        raise FieldError(f"{WEIGHTS_FILE} is {name!r}, expected a path of a JSON file")
    if "weights_pct" in section:
        raise FieldError(f"{WEIGHTS_FILE} is {name!r} and there is weights_pct, expected one of the two")
    path = plan.parent / name
    expected = 'expected a JSON file such as {"EURUSD": 40, "XAUUSD": 10}'
    try:
        weights = json.loads(
            read_text(path), parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=map_of_pairs
        )
    except OSError as error:
        raise FieldError(f"{WEIGHTS_FILE} is {name!r}, {expected} ({error.strerror})") from None
    except (ValueError, ArithmeticError) as error:
        raise FieldError(f"{WEIGHTS_FILE} is {name!r}, {expected} ({error})") from None
    try:
        section["weights_pct"] = read_value(weights, _WEIGHTS, path="weights_pct")
    except ValueError as error:
        raise FieldError(f"{WEIGHTS_FILE} is {name!r}, {expected} ({error})") from None


def _require_valid_strategies(plan: Plan) -> None:
    """Refuse a symbol that two strategies name, and a strategy whose tag is reserved for the desk."""
    owners: dict[str, str] = {}
    for tag, strategy in plan.strategies.items():
        if tag in (DESK_TAG, MANUAL_TAG):
            raise FieldError(f"strategies.{tag}: the tag is reserved for the desk, expected a tag other than {tag!r}")
        for symbol in strategy.symbols:
            if symbol in owners:
                raise FieldError(
                    f"strategies.{tag}.symbols has {symbol}, which is in strategies.{owners[symbol]}.symbols, "
                    "expected each symbol once"
                )
            owners[symbol] = tag


def _require_traded(plan: Plan, symbols: Collection[str]) -> None:
    """Refuse strategies with symbols that the desk does not trade, such as mistyped symbols."""
    for tag, strategy in plan.strategies.items():
        for symbol in strategy.symbols:
            if symbol not in symbols:
                traded = ", ".join(symbols)
                raise FieldError(f"strategies.{tag}.symbols has {symbol}, expected symbols that are traded: {traded}")


# ---------------------------------------------------------------------------------------------------------------- name


def _name_of(plan: Plan) -> str:
    """Return the name of a file's plan: its differences from the plain plan as text, or a digest of a long text."""
    parts = [
        part for section, default in _SECTIONS.items() for part in _changed(getattr(plan, section), default, section)
    ]
    for tag, strategy in sorted(plan.strategies.items()):
        parts += _strategy_parts(f"strategies.{tag}", strategy)
    return name_of_contents(",".join(parts)) or PLAIN.name


def _strategy_parts(where: str, strategy: Strategy) -> Iterator[str]:
    yield f"{where}.symbols={'+'.join(sorted(strategy.symbols))}"
    for field in _BUDGETS:
        if (value := getattr(strategy, field)) is not None:
            yield f"{where}.{field}={_written(value)}"
    for section, default in _SECTIONS.items():
        if (own := getattr(strategy, section)) is not None:
            # A strategy's section replaces the plan's. So the name includes it even if it equals the default.
            yield from list(_changed(own, default, f"{where}.{section}")) or [f"{where}.{section}={PLAIN.name}"]


def _changed(section: msgspec.Struct, default: msgspec.Struct, where: str) -> Iterator[str]:
    for field in section.__struct_fields__:
        if (value := getattr(section, field)) != getattr(default, field):
            yield f"{where}.{field}={_written(value)}"


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "+".join(f"{symbol}:{_written(weight)}" for symbol, weight in sorted(value.items()))
    return decimal_text(value) if isinstance(value, Decimal) else str(value)
