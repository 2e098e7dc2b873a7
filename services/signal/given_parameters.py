"""Values given for the parameters of strategies, on several levels, and the parameters that result from them.

The levels are, from the highest: the command line, the setting STRATEGY_PARAMS, the table `[strategy]` of the plan, and
the defaults. On one level a value for a symbol takes precedence over the value for all symbols. A value for all symbols
is for those whose strategy has the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from common.errors import StartError, error_text
from common.struct_files import shown
from common.toml_files import read_toml
from services.signal.core.strategy_fault import error_line
from services.signal.parameter_types import ParameterKey, parsed_value, typed_value

OPTION: Final = "--param"
SETTING: Final = "STRATEGY_PARAMS"
PLAN_TABLE: Final = "strategy"
"""Table of a plan with values of parameters. A table in it has the values for the symbol that it is named after."""

_EXPECTED: Final = "NAME=VALUE or SYMBOL:NAME=VALUE, such as fast_ticks=20 or EURUSD:fast_ticks=20"


class GivenParameters(NamedTuple):
    """The values of one level: texts of the command line or of a setting, or typed values, as a plan has.

    `source` names the option, the setting or the table of the plan, for error texts.
    """

    source: str
    values: Mapping[ParameterKey, Any]
    is_typed: bool = False

    def text(self) -> str:
        """The values of the command line or of a setting, as `parse_parameters` reads them."""
        return ",".join(f"{key}={value}" for key, value in self.values.items())

    def with_lower(self, lower: GivenParameters) -> GivenParameters:
        """One level for two, with the precedence and the source of this one; both have texts."""
        names = {key.name for key in self.values if not key.symbol}
        kept = {key: value for key, value in lower.values.items() if key.name not in names}
        return GivenParameters(self.source, {**kept, **self.values})


def parse_parameters(text: str, *, source: str) -> GivenParameters:
    """Parse `NAME=VALUE` or `SYMBOL:NAME=VALUE`, several separated by commas.

    Args:
        text: the values; empty for none.
        source: the option or the setting, for error texts.

    Raises:
        StartError: a part has no name or no value, or a value is given twice.
    """
    values: dict[ParameterKey, str] = {}
    for part in text.split(",") if text.strip() else ():
        before, _, value = (word.strip() for word in part.partition("="))
        symbol, colon, name = (word.strip() for word in before.rpartition(":"))
        key = ParameterKey(symbol, name)
        if not name or not value or (colon and not symbol):
            raise StartError(f"{source}: {part.strip()!r} gives no parameter a value, expected {_EXPECTED}")
        if key in values:
            raise StartError(f"{source}: {key} is {values[key]!r} and {value!r}, expected one value")
        values[key] = value
    return GivenParameters(source, values)


def plan_parameters(plan: str) -> GivenParameters:
    """The values in the table `[strategy]` of a plan; none without a plan.

    Args:
        plan: path of the plan; empty without a plan.

    Raises:
        StartError: the file is missing or no TOML, or `strategy` is no table.
    """
    source = f"PLAN: {plan}: [{PLAN_TABLE}]"
    if not plan:
        return GivenParameters(source, {}, is_typed=True)
    table = read_toml(
        Path(plan),
        setting="PLAN",
        value=plan,
        expected="a TOML file of a plan",
        example=f"expected tables such as [{PLAN_TABLE}] with values of parameters",
    ).get(PLAN_TABLE, {})
    if not isinstance(table, dict):
        raise StartError(f"PLAN: {plan}: {PLAN_TABLE} is {shown(table)}, expected a table of parameters")
    values: dict[ParameterKey, Any] = {}
    for name, value in table.items():
        inner = value.items() if isinstance(value, dict) else ()
        values |= {ParameterKey(name, parameter): one for parameter, one in inner}
        if not isinstance(value, dict):
            values[ParameterKey("", name)] = value
    return GivenParameters(source, values, is_typed=True)


def resolved_parameters(
    strategies: Mapping[str, str],
    declared: Mapping[str, type[Struct] | None],
    levels: Sequence[GivenParameters],
) -> dict[str, Struct | None]:
    """The parameters of each symbol's strategy; None for a strategy without parameters.

    Args:
        strategies: the name of the strategy by symbol.
        declared: the type of the parameters by name of the strategy, None for none. A strategy that could not be loaded
            is missing: its values are not checked, and its symbols get None.
        levels: the given values, highest precedence first.

    Raises:
        StartError: a value is for a symbol that is not traded, for no parameter, or not of the parameter's type and
            range, or a strategy refuses the values together.
    """
    for level in levels:
        for key in level.values:
            _check(level, key, strategies, declared)
    return {symbol: _resolved(symbol, name, declared.get(name), levels) for symbol, name in strategies.items()}


def _check(
    level: GivenParameters,
    key: ParameterKey,
    strategies: Mapping[str, str],
    declared: Mapping[str, type[Struct] | None],
) -> None:
    """Check a value also if a higher level overrides it."""
    where = f"{level.source}: {key} is {shown(level.values[key])}"
    if key.symbol and key.symbol not in strategies:
        raise StartError(f"{where}, but {key.symbol} is not traded, expected {', '.join(strategies)}")
    names = dict.fromkeys([strategies[key.symbol]] if key.symbol else strategies.values())
    if any(name not in declared for name in names):
        return
    known = {name: kind.__struct_fields__ for name in names if (kind := declared[name]) is not None}
    if not known:
        raise StartError(f"{where}, but {', '.join(names)} {'has' if len(names) == 1 else 'have'} no parameters")
    for name, fields in known.items():
        kind = declared[name]
        if key.name in fields and kind is not None:
            _value(level, key, kind)
    if not any(key.name in fields for fields in known.values()):
        expected = "; ".join(f"{', '.join(fields)} of {name}" for name, fields in known.items())
        raise StartError(f"{where}, but there is no such parameter, expected {expected}")


def _resolved(symbol: str, name: str, kind: type[Struct] | None, levels: Sequence[GivenParameters]) -> Struct | None:
    if kind is None:
        return None
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for level in reversed(levels):
        for owner in ("", symbol):
            for key in (ParameterKey(owner, field) for field in kind.__struct_fields__):
                if key in level.values:
                    values[key.name], sources[key.name] = _value(level, key, kind), level.source
    try:
        return kind(**values)
    except Exception as error:  # the strategy's own check of its parameters
        given = ", ".join(dict.fromkeys(sources.values()))
        why = error_text(error) if isinstance(error, ValueError) else error_line(error)
        raise StartError(f"{given}: {name} for {symbol}: {why}") from None


def _value(level: GivenParameters, key: ParameterKey, kind: type[Struct]) -> Any:
    value = level.values[key]
    try:
        return (typed_value if level.is_typed else parsed_value)(kind, key.name, value)
    except ValueError as error:
        raise StartError(f"{level.source}: {key} is {shown(value)}, {error}") from None
