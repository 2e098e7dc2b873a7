"""Checks of strategies, symbols, currencies, limits, plans and fill profiles before a desk is started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from common.errors import StartError
from marketdata.instrument_files.loader import SETTING, load_instruments
from marketdata.instruments import CURRENCIES, account_digits
from proto.trading.money import missing_conversions
from proto.trading.units import decimal_text, is_on_step
from research.call_watch import describe_exit
from services.mt5.fill_profiles import load_fill_profile
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.config_files.plan_file import load_plan
from services.portfolio.core.plan.plan import SizingMethod
from services.portfolio.core.sizing.methods.fixed import fixed_volume
from services.signal import UnknownStrategyError
from services.signal.given_parameters import GivenParameters
from services.signal.strategy_loader import MODEL_STRATEGIES, parse_strategies, strategy_factories, uses_model

_SLOW_LOAD_S: Final = 3.0
"""Load time of a strategy's module after which a notice is printed."""

_LOAD: Final = """
import os, pathlib, sys
from services.signal.strategy_loader import strategy_factory
strategy, marker = sys.argv[1:]
try:
    strategy_factory(strategy)
finally:
    pathlib.Path(marker).touch()
    os._exit(0)
"""


def require_strategy(
    text: str, symbols: Sequence[str], model: Path | None = None, *, given: Sequence[GivenParameters] = ()
) -> None:
    """Refuse strategies that the signal process cannot load for these symbols, and a model that no strategy uses.

    Args:
        text: the strategies.
        symbols: the traded symbols.
        model: folder of the model; None if the option is not given.
        given: values of the strategies' parameters by level.

    Raises:
        StartError: a strategy, the model or a value of a parameter is refused; the text has the problem.
    """
    if model is not None and not uses_model(text):
        raise StartError(
            f"--model {model} with --strategy {text}, expected --model only with --strategy {MODEL_STRATEGIES[0]}"
        )
    try:
        for name in dict.fromkeys(parse_strategies(text, symbols).values()):
            if ":" in name:
                require_loadable(name)
        strategy_factories(text, symbols, given=given, model=model)
    except UnknownStrategyError as error:
        raise StartError(f"--strategy: {error}") from None
    except StartError as error:
        raise StartError(str(error).replace("PLAN: ", "--plan: ", 1)) from None


def require_loadable(strategy: str) -> None:
    """Load a user's strategy in a child process first, because its module may end the process that loads it.

    Raises:
        StartError: the module ended the child process.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.DEVNULL  # the module prints its output again when this process loads it
    with TemporaryDirectory(prefix="paperdesk-load-") as folder:
        marker = Path(folder) / "returned"
        command = [sys.executable, "-c", _LOAD, strategy, str(marker)]
        child = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_SLOW_LOAD_S)
            if child.returncode is None:
                line = f"strategy {strategy} has been loading for {_SLOW_LOAD_S:.0f} s; still waiting"
                print(f"paperdesk: {line}", file=sys.stderr)
            code = child.wait()
        finally:
            child.kill()  # after an interrupt of this command
            child.wait()
        has_returned = marker.exists()
    if not has_returned:
        raise StartError(
            f"--strategy: {strategy} cannot be loaded: the process {describe_exit(code)} while it loaded the strategy"
        )


def require_limits(risk: str) -> None:
    """Refuse risk limits that portfolio cannot read.

    Raises:
        StartError: the limits cannot be read; the text has the file and the problem.
    """
    try:
        load_limits(risk)
    except StartError as error:
        raise StartError(f"--risk: {str(error).removeprefix('RISK: ')}") from None


def require_fills(fills: str) -> None:
    """Refuse a fill profile that the simulated venue cannot read.

    Raises:
        StartError: the profile cannot be read; the text has the file and the problem.
    """
    try:
        load_fill_profile(fills)
    except StartError as error:
        raise StartError(f"--fills: {str(error).removeprefix('MT5_FILLS: ')}") from None


def require_plan(plan: str, symbols: Collection[str]) -> None:
    """Refuse a plan that portfolio cannot read, or that has symbols that are not traded.

    Raises:
        StartError: the plan is refused; the text has the file and the problem.
    """
    try:
        load_plan(plan, symbols)
    except StartError as error:
        raise StartError(f"--plan: {str(error).removeprefix('PLAN: ')}") from None


def require_fixed_volumes(
    volume: Decimal, plan: str, symbols: Collection[str], *, option: str = "--volume", instruments: str = ""
) -> None:
    """Refuse a fixed volume that the simulated broker does not accept for its symbol.

    Args:
        volume: default volume in lots, for symbols whose fixed volume the plan does not set.
        plan: path of the plan; empty without a plan.
        symbols: the traded symbols.
        option: the option or setting of the default volume, for the text of the error.
        instruments: file or shipped name of the contract terms; empty for the simulated broker's own.

    Raises:
        StartError: a volume is refused; the text has its source and the volumes that the broker accepts.
    """
    read, catalogue = load_plan(plan, symbols), load_instruments(instruments)
    for symbol in symbols:
        instrument, course = catalogue.find(symbol), read.for_symbol(symbol)
        sizing, lots = course.sizing, fixed_volume(course.sizing, volume)
        if sizing.method is not SizingMethod.FIXED or instrument is None or instrument.takes_volume(lots):
            continue
        is_own = course.strategy is not None and course.strategy.sizing is not None
        section = f"strategies.{course.tag}.sizing" if is_own else "sizing"
        where = option if sizing.volume is None else f"--plan: {plan}: {section}.volume"
        raise StartError(f"{where} is {decimal_text(lots)}, expected {instrument.volume_terms} for {symbol}")


def require_symbols(symbols: Iterable[str], instruments: str = "") -> None:
    """Refuse symbols that the simulated broker does not trade, or whose terms in the file `instruments` are incomplete.

    Raises:
        StartError: a symbol or the file is refused; the text has the problem.
    """
    try:
        catalogue = load_instruments(instruments)
        for symbol in symbols:
            catalogue.require(symbol)
    except StartError as error:
        raise StartError(str(error).replace(f"{SETTING}: ", "--instruments: ", 1)) from None


def require_rates(symbols: Sequence[str], watched: Sequence[str], currency: str, instruments: str = "") -> None:
    """Refuse a run if no symbol has a conversion rate, and print a warning if only some symbols have one.

    Raises:
        StartError: no symbol has a conversion rate; the text has the missing rates and a pair that gives one of them.
    """
    catalogue = load_instruments(instruments)
    terms = {symbol: found for symbol in (*symbols, *watched) if (found := catalogue.find(symbol)) is not None}
    missing = missing_conversions(symbols, currency, terms)
    if not missing:
        return
    profits = ", ".join(f"{symbol} in {source}" for symbol, source in missing.items())
    line = (
        f"no rate converts the profit of {profits} into the account's {currency}, expected --watch with quotes of a "
        f"pair such as {_pair(next(iter(missing.values())), currency)}"
    )
    if len(missing) == len(symbols):
        raise StartError(line)
    print(f"paperdesk: {line}; symbols without a rate are not traded", file=sys.stderr)


def _pair(one: str, other: str) -> str:
    """The currency pair of two currencies, in the market's usual order."""
    order = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF")
    rank = {currency: place for place, currency in enumerate(order)}
    return "".join(sorted((one, other), key=lambda currency: rank.get(currency, len(order))))


def require_currency(currency: str, balance: Decimal) -> None:
    """Refuse an unknown account currency, and a balance with more decimals than the currency has.

    Args:
        currency: code, such as USD.
        balance: in that currency.

    Raises:
        StartError: the currency or the balance is refused; the text has the option and its value.
    """
    if currency not in CURRENCIES:
        raise StartError(f"--currency is {currency!r}, expected the code of a currency such as USD")
    step = Decimal(1).scaleb(-account_digits(currency))
    if not is_on_step(balance, step):
        raise StartError(f"--balance is {balance}, expected an amount in steps of {step} {currency}")
