"""Loads strategies by their names in the settings.

This module is not in `core/` because it imports modules that the settings name at run time.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from common.errors import StartError
from common.project_root import DESK_ROOT, HAS_OWN_DESK, PROJECT_ROOT, require_desk_root
from services.signal.core import strategies
from services.signal.core.strategy import Strategy, StrategyFactory
from services.signal.core.strategy_fault import (
    ERROR_CHARS_MAX,
    StrategyError,
    StrategyFault,
    error_details,
    error_line,
)
from services.signal.core.symbol_engine import SymbolEngine
from services.signal.given_parameters import GivenParameters, resolved_parameters
from services.signal.model.kernel_cache import configure_kernel_cache
from services.signal.parameter_types import declared_parameters, parameters_text

MODEL_STRATEGIES: Final = ("xgboost",)
"""Names of the strategies that use a trained model. numba is imported only for these."""

DEFAULT_MODEL: Final = PROJECT_ROOT / "models" / "demo"
"""Folder of the demo model that comes with the desk."""

_METHODS: Final = ("on_tick", "snapshot", "restore")
_ATTRIBUTES: Final = {"name": str, "warm_up_ticks": int}


class UnknownStrategyError(ValueError):
    """There is no strategy with this name, or the named class is not a strategy."""


class StrategyLoadError(UnknownStrategyError):
    """The named strategy cannot be imported or created, or is incomplete; `fault` has the details, without a symbol."""

    def __init__(self, text: str, fault: StrategyFault) -> None:
        super().__init__(text)
        self.fault = fault


class LoadedStrategy(NamedTuple):
    """An imported strategy.

    `make` takes the parameters, of type `parameters`; it takes no argument if that is None.
    """

    make: Callable[..., Strategy]
    parameters: type[Struct] | None


def parse_strategies(text: str, symbols: Sequence[str]) -> dict[str, str]:
    """Return the name of the strategy by symbol, in the order of `symbols`.

    Args:
        text: one name for all symbols, or `SYMBOL=NAME` for each symbol, separated by commas.
        symbols: the traded symbols.

    Raises:
        UnknownStrategyError: a part is not `SYMBOL=NAME`, or a symbol has no strategy or two, or is not traded.
    """
    if "=" not in text:
        return dict.fromkeys(symbols, text)
    expected = "one name, or SYMBOL=NAME for each symbol, such as EURUSD=ema_cross,NZDUSD=xgboost"
    names: dict[str, str] = {}
    for part in text.split(","):
        symbol, _, name = (word.strip() for word in part.partition("="))
        if not symbol or not name:
            raise UnknownStrategyError(f"{part.strip()!r} is no SYMBOL=NAME, expected {expected}")
        if symbol in names:
            raise UnknownStrategyError(f"{symbol} has two strategies, {names[symbol]} and {name}, expected {expected}")
        if symbol not in symbols:
            raise UnknownStrategyError(f"{symbol}={name}, but {symbol} is not traded, expected {', '.join(symbols)}")
        names[symbol] = name
    if missing := [symbol for symbol in symbols if symbol not in names]:
        raise UnknownStrategyError(f"no strategy for {', '.join(missing)}, expected {expected}")
    return {symbol: names[symbol] for symbol in symbols}


def canonical_strategy(text: str, symbols: Sequence[str]) -> str:
    """Return one name if all symbols have the same strategy, else `SYMBOL=NAME` for each symbol, in their order.

    Raises:
        UnknownStrategyError: as for `parse_strategies`.
    """
    names = parse_strategies(text, symbols)
    if len(set(names.values())) == 1:
        return next(iter(names.values()))
    return ",".join(f"{symbol}={name}" for symbol, name in names.items())


def uses_model(text: str) -> bool:
    """Whether one of the strategies named in `text` uses a model."""
    return any(part.rpartition("=")[2].strip() in MODEL_STRATEGIES for part in text.split(","))


def strategy_factories(
    text: str,
    symbols: Sequence[str],
    *,
    given: Sequence[GivenParameters] = (),
    model: Path | None = None,
    data_dir: Path | None = None,
    on_fallback: Callable[[str], None] | None = None,
    defer_errors: bool = False,
    out_of_use: Collection[str] = (),
    mark_load: Callable[[str], object] | None = None,
) -> dict[str, StrategyFactory]:
    """Return, by symbol, a function that creates the symbol's strategy. A model is loaded once for all symbols.

    Args:
        text: the strategies, as for `parse_strategies`.
        symbols: the traded symbols.
        given: the values of parameters by level, highest precedence first.
        model: as for `load_strategy`.
        data_dir: as for `load_strategy`.
        on_fallback: as for `load_strategy`.
        defer_errors: if True, the error of a strategy that cannot be loaded is raised as a StrategyError only when the
            strategy is created, so that other strategies can run. The same applies to an unusable model, unless all
            symbols have the same strategy. A wrong value of a parameter is raised at once.
        out_of_use: names of strategies that must not be loaded. Their functions raise a StrategyError.
        mark_load: called before a strategy is loaded or tried, with the first symbol that uses it.

    Raises:
        UnknownStrategyError: as for `parse_strategies` and `load_strategy`.
        StartError: the model or a value of a parameter cannot be used.
    """
    names = parse_strategies(text, symbols)
    mark = mark_load or _nothing
    died = StrategyFault("", "", 0, 0, "the process died while this strategy was loaded")
    faults = dict.fromkeys((name for name in names.values() if name in out_of_use), died)
    loaded: dict[str, LoadedStrategy] = {}
    for symbol, name in names.items():
        if name in loaded or name in faults:
            continue
        mark(symbol)
        try:
            loaded[name] = load_strategy(name, model=model, data_dir=data_dir, on_fallback=on_fallback)
        except StrategyLoadError as error:
            if not defer_errors:
                raise
            faults[name] = error.fault
        except StartError as error:
            if not defer_errors or len(set(names.values())) == 1:
                raise
            faults[name] = StrategyFault("", name, 0, 0, str(error)[:ERROR_CHARS_MAX])
    parameters = resolved_parameters(names, {name: found.parameters for name, found in loaded.items()}, given)
    made: dict[str, StrategyFactory] = {}
    for symbol, name in names.items():
        if name in faults:
            made[symbol] = StrategyFactory(partial(_raise, faults[name]))
            continue
        text = parameters_text(parameters[symbol])
        made[symbol] = StrategyFactory(loaded[name].make, parameters[symbol], text)
        if text:  # with its defaults, the strategy was tried when it was loaded
            mark(symbol)
            try:
                _try(made[symbol], name)
            except StrategyLoadError as error:
                if not defer_errors:
                    raise
                made[symbol] = StrategyFactory(partial(_raise, error.fault))
    return made


def strategy_parameters(
    text: str, symbols: Sequence[str], given: Sequence[GivenParameters]
) -> dict[str, Struct | None]:
    """Return the parameters of each symbol's strategy, without loading a model.

    Arguments and errors are those of `strategy_factories`.
    """
    names = parse_strategies(text, symbols)
    declared = {
        name: None if name in MODEL_STRATEGIES else load_strategy(name).parameters
        for name in dict.fromkeys(names.values())
    }
    return resolved_parameters(names, declared, given)


def _nothing(symbol: str) -> None:
    """Mark nothing."""


def _raise(fault: StrategyFault) -> Strategy:
    raise StrategyError(fault)


def strategy_factory(name: str, **options: Any) -> StrategyFactory:
    """Return a function that creates the named strategy with its default parameters.

    Options and errors are those of `load_strategy`.
    """
    make, parameters = load_strategy(name, **options)
    return StrategyFactory(make, None if parameters is None else parameters())


def load_strategy(
    name: str,
    *,
    model: Path | None = None,
    data_dir: Path | None = None,
    on_fallback: Callable[[str], None] | None = None,
) -> LoadedStrategy:
    """Import the named strategy. One that does not come with the desk is tried once with its default parameters.

    Args:
        name: name of a strategy that comes with the desk, or `package.module:Class`.
        model: folder of the model, for a strategy that uses one; None for the demo model.
        data_dir: the desk's data folder, for the record of a model's self-check.
        on_fallback: called with the reason if XGBoost evaluates a model instead of the faster tree walk.

    Raises:
        UnknownStrategyError: there is no strategy with this name.
        StrategyLoadError: the strategy cannot be imported or created, or lacks an attribute of a strategy.
        StartError: the strategy's model cannot be used, or the desk's folder is refused.
    """
    if name in MODEL_STRATEGIES:
        return LoadedStrategy(_with_model(model, data_dir, on_fallback), None)
    if name in shipped_strategies():
        shipped = _shipped(name)
        return LoadedStrategy(shipped, declared_parameters(shipped))
    found = _imported(name)
    try:
        parameters = declared_parameters(found)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the types of a declaration may be any code
        why = str(error) if isinstance(error, ValueError) else f"its Parameters cannot be used: {error_line(error)}"
        raise _load_error(f"'{name}' is no strategy: {why}", name, error) from None
    _try(StrategyFactory(found, None if parameters is None else parameters()), name)
    return LoadedStrategy(found, parameters)


def _imported(name: str) -> Callable[..., Strategy]:
    module_name, colon, class_name = name.partition(":")
    if not colon or not module_name or not class_name.isidentifier():
        raise UnknownStrategyError(f"no strategy '{name}', expected {_expected()}")
    require_desk_root()  # the desk's module runs with the rights of the caller
    if HAS_OWN_DESK and str(DESK_ROOT) not in sys.path:
        sys.path.append(str(DESK_ROOT))  # at the end, so that a file of the desk replaces no module of the program
    try:
        found: Callable[..., Strategy] = getattr(importlib.import_module(module_name), class_name)
    except KeyboardInterrupt:
        raise
    except ImportError as error:
        raise _load_error(f"no strategy '{name}': {error}; expected {_expected()}", name, error) from None
    except AttributeError as error:
        words = f"no strategy '{name}': {module_name} has no {class_name}; expected {_expected()}"
        raise _load_error(words, name, error) from None
    except BaseException as error:  # any error of the import, SystemExit included
        words = f"no strategy '{name}': {module_name} cannot be imported: {error_line(error)}"
        raise _load_error(words, name, error) from None
    return found


def shipped_strategies() -> tuple[str, ...]:
    """Return the names of the strategies that come with the desk, in alphabetical order."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(strategies.__path__)))


def _shipped(name: str) -> Callable[..., Strategy]:
    module = importlib.import_module(f"{strategies.__name__}.{name}")
    [found] = [kind for kind in vars(module).values() if isinstance(kind, type) and getattr(kind, "name", None) == name]
    return found


def _with_model(
    model: Path | None, data_dir: Path | None, on_fallback: Callable[[str], None] | None
) -> Callable[[], Strategy]:
    configure_kernel_cache(data_dir)
    # Imported here because the cache folder must be set before a kernel is imported.
    from services.signal.core.strategies.xgboost import XGBoostClasses
    from services.signal.model.loader import load_model

    make = partial(XGBoostClasses, load_model(model or DEFAULT_MODEL, data_dir=data_dir, on_fallback=on_fallback))
    _warm_up_kernels(make)
    return make


def _warm_up_kernels(make: Callable[[], Strategy]) -> None:
    """Compile the kernels before the first tick, because this takes seconds without a heartbeat of the process."""
    strategy = make()
    engine = SymbolEngine("", strategy)
    for sequence in range(1, strategy.warm_up_ticks + 2):
        engine.process_tick(sequence, sequence, 1.0, 1.0, 0.0)


def _load_error(words: str, name: str, error: BaseException) -> StrategyLoadError:
    return StrategyLoadError(words, StrategyFault("", name, 0, 0, error_line(error), error_details(error)))


def _try(factory: StrategyFactory, name: str) -> None:
    """Create the strategy once, and check that it is one."""
    try:
        sample = factory()
    except KeyboardInterrupt:
        raise
    except TypeError as error:
        how = "without arguments" if factory.parameters is None else "with its Parameters"
        raise _load_error(f"'{name}' cannot be made {how}: {error}", name, error) from None
    except BaseException as error:  # any error of the constructor, SystemExit included
        raise _load_error(f"'{name}' cannot be made: {error_line(error)}", name, error) from None
    lack = _lack(sample)
    if lack:
        raise StrategyLoadError(f"'{name}' is no strategy: {lack}", StrategyFault("", name, 0, 0, lack))


def _lack(sample: Strategy) -> str:
    """Describe what an object lacks to be a strategy; empty if it is a strategy."""
    for method in _METHODS:
        if not callable(getattr(sample, method, None)):
            return f"it has no method {method}()"
    for attribute, kind in _ATTRIBUTES.items():
        if not isinstance(getattr(sample, attribute, None), kind):
            return f"it has no {attribute} of type {kind.__name__}"
    if not 1 <= len(sample.name) <= 64 or sample.warm_up_ticks < 0:
        return "its name is empty or longer than 64 characters, or warm_up_ticks is below 0"
    return ""


def _expected() -> str:
    return f"{', '.join(shipped_strategies())} or package.module:Class"
