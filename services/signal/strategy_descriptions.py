"""Descriptions of strategies for people: those that come with the desk, and those in the desk's folder."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from msgspec import Struct

from services.signal.core.strategy_fault import error_line
from services.signal.model.kernel_cache import configure_kernel_cache
from services.signal.parameter_types import ParameterInfo, parameter_infos
from services.signal.strategy_loader import MODEL_STRATEGIES, load_strategy, strategy_factory


class StrategyDescription(Struct, frozen=True, kw_only=True):
    """A strategy for people; `file` is that of its module, and `warm_up_ticks` that of the default parameters."""

    name: str
    file: str
    description: str
    warm_up_ticks: int
    parameters: list[ParameterInfo]


def describe_strategy(name: str) -> StrategyDescription:
    """Import a strategy, but not its model, and describe it by the first line of its docstring.

    Raises:
        UnknownStrategyError: there is no strategy with this name, or it cannot be imported or created.
        StartError: the desk's folder is refused.
    """
    if name in MODEL_STRATEGIES:
        configure_kernel_cache()
        # Imported here because the cache folder must be set before a kernel is imported.
        from services.signal.core.strategies.xgboost import XGBoostClasses

        return _described(name, XGBoostClasses, XGBoostClasses.warm_up_ticks, None)
    made, parameters = load_strategy(name)
    return _described(name, made, strategy_factory(name)().warm_up_ticks, parameters)


def strategies_in(folder: Path) -> dict[str, str]:
    """The classes with a method `on_tick` in the modules of a folder, except tests; no module is imported.

    Returns:
        An empty text by name of the strategy, such as `strategy:Breakout`, or the error by name of a file that cannot
        be read.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        if path.stem.startswith("test_") or not path.stem.isidentifier():
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError) as error:
            found[path.name] = error_line(error)
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and "on_tick" in {getattr(one, "name", "") for one in node.body}:
                found[f"{path.stem}:{node.name}"] = ""
    return found


def _described(name: str, made: object, warm_up_ticks: int, parameters: type[Struct] | None) -> StrategyDescription:
    module = inspect.getmodule(made)
    text = inspect.getdoc(made) or inspect.getdoc(module) or ""
    return StrategyDescription(
        name=name,
        file=getattr(module, "__file__", None) or "",
        description=text.partition("\n")[0],
        warm_up_ticks=warm_up_ticks,
        parameters=parameter_infos(parameters),
    )
