"""From a strategy's name in the settings to what makes one.

This stands outside `core/` because it imports code that is only named at run time.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final

from services.signal.core.strategies import STRATEGIES
from services.signal.core.strategy import Strategy

_METHODS: Final = ("on_tick", "snapshot", "restore")
_ATTRIBUTES: Final = {"name": str, "warm_up_ticks": int}


class UnknownStrategyError(ValueError):
    """There is no such strategy, or what is there is none; the text says which names there are."""


def strategy_factory(name: str) -> Callable[[], Strategy]:
    """What makes the strategy of that name: one of the registered ones, or `package.module:Class` of your own.

    Raises:
        UnknownStrategyError: nothing is found under the name, or it lacks something every strategy has.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    module_name, colon, class_name = name.partition(":")
    if not colon or not module_name or not class_name.isidentifier():
        raise UnknownStrategyError(f"no strategy '{name}', expected {_expected()}")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        raise UnknownStrategyError(f"no strategy '{name}': {error}; expected {_expected()}") from None
    except AttributeError:
        raise UnknownStrategyError(
            f"no strategy '{name}': {module_name} has no {class_name}; expected {_expected()}"
        ) from None
    return _checked(found, name)


def _checked(factory: Callable[[], Strategy], name: str) -> Callable[[], Strategy]:
    try:
        sample = factory()
    except TypeError as error:
        raise UnknownStrategyError(f"'{name}' cannot be made without arguments: {error}") from None
    for method in _METHODS:
        if not callable(getattr(sample, method, None)):
            raise UnknownStrategyError(f"'{name}' is no strategy: it has no method {method}()")
    for attribute, kind in _ATTRIBUTES.items():
        if not isinstance(getattr(sample, attribute, None), kind):
            raise UnknownStrategyError(f"'{name}' is no strategy: it has no {attribute} of type {kind.__name__}")
    if not 1 <= len(sample.name) <= 64 or sample.warm_up_ticks < 0:
        raise UnknownStrategyError(f"'{name}' is no strategy: its name is empty or long, or warm_up_ticks is below 0")
    return factory


def _expected() -> str:
    return f"{', '.join(sorted(STRATEGIES))} or package.module:Class"
