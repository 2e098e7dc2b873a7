"""The settings of a desk of `paperdesk init` as defaults of the options of `paperdesk run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cli.desk_options import DeskOptions
from cli.run_options import param_option
from common.project_root import DESK_ROOT, expanded
from services.signal.given_parameters import OPTION, SETTING, GivenParameters, parse_parameters
from services.signal.strategy_loader import uses_model


def with_desk_settings(options: DeskOptions, settings: Mapping[str, str], *, is_simulated: bool) -> DeskOptions:
    """The options of a run with the settings of its desk in place of options that are not given.

    Args:
        options: the options of the command line.
        settings: TRADING_SYMBOL, STRATEGY and others that `run` otherwise takes from options only.
        is_simulated: whether the run has its own market; options that describe a market are unchanged without one.
    """
    strategy = options.strategy or settings.get("STRATEGY")
    options = replace(options, strategy=strategy, data_dir=options.data_dir or _path(settings, "PAPERDESK_DATA_DIR"))
    if options.model is None and strategy is not None and uses_model(strategy):
        options = replace(options, model=_path(settings, "MODEL"))
    if is_simulated and options.seed is None and "MT5_SEED" in settings:
        options = replace(options, seed=int(settings["MT5_SEED"]))
    if is_simulated and options.ticks is None and "MT5_TICKS" in settings:
        files = [part.strip() for part in settings["MT5_TICKS"].split(";") if part.strip()]
        options = replace(options, ticks=[str(DESK_ROOT / expanded(file)) for file in files])
        if options.zone is None and options.utc_offset is None:
            options = replace(options, zone=settings.get("MT5_TICKS_ZONE"))
    if options.ticks is None and options.symbols is None and "TRADING_SYMBOL" in settings:
        watched = [part.strip() for part in settings.get("WATCHED_SYMBOL", "").split(",") if part.strip()]
        options = replace(options, symbols=settings["TRADING_SYMBOL"], watch=options.watch or watched or None)
    return options


def given_parameters(options: DeskOptions, settings: Mapping[str, str]) -> tuple[GivenParameters, GivenParameters]:
    """The values of the strategies' parameters by level: those of `--param`, then those of STRATEGY_PARAMS.

    STRATEGY_PARAMS is for the strategies of STRATEGY, so it has no values if `--strategy` names others.

    Args:
        options: the options of the command line.
        settings: STRATEGY, STRATEGY_PARAMS and others, as for `with_desk_settings`.

    Raises:
        StartError: the values cannot be read.
    """
    has_settings = options.strategy in (None, settings.get("STRATEGY"))
    return (
        parse_parameters(param_option(options.param), source=OPTION),
        parse_parameters(settings.get(SETTING, "") if has_settings else "", source=SETTING),
    )


def _path(settings: Mapping[str, str], name: str) -> Path | None:
    return DESK_ROOT / expanded(settings[name]) if name in settings else None
