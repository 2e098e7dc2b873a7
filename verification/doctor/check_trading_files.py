"""Checks of the files that the settings name: limits, plan, instruments, fill profile, ticks, and rules for alarms."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Final

from common.errors import StartError
from marketdata.instrument_files.loader import load_instruments
from services.mt5.fill_profiles import load_fill_profile
from services.mt5.settings import Mt5Settings
from services.notify.delivery.secrets import read_secret
from services.notify.rules_file import load_notify_file
from services.notify.targets import PreparedTarget
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.config_files.plan_file import load_plan
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found


@check("limits", needs_settings=True)
def limits(desk: ExaminedDesk) -> Findings:
    """The risk limits that RISK names."""
    if desk.portfolio is None:
        return
    try:
        read = load_limits(desk.portfolio.risk)
    except StartError as error:
        yield found("LIMITS_INVALID", str(error))
    else:
        yield fine(read.name)


@check("plan", needs_settings=True)
def plan(desk: ExaminedDesk) -> Findings:
    """The plan that PLAN names."""
    if desk.portfolio is None:
        return
    try:
        read = load_plan(desk.portfolio.plan, desk.portfolio.trading_symbol)
    except StartError as error:
        yield found("PLAN_INVALID", str(error))
    else:
        yield fine(read.name)


@check("instruments", needs_settings=True)
def instruments(desk: ExaminedDesk) -> Findings:
    """What the simulated venue reads: contract terms of the symbols, fill profile and recorded ticks."""
    settings = desk.mt5
    if settings is None:
        return
    if settings.mt5_venue != "simulated":
        yield fine(f"not used: MT5_VENUE is {settings.mt5_venue}")
        return
    results = [*_terms(settings), *_fills(settings), *_ticks(settings)]
    yield from results
    if not results:
        yield fine(f"terms of {', '.join(settings.quoted_symbols)}; fills {settings.mt5_fills}")


def _terms(settings: Mt5Settings) -> Findings:
    try:
        catalogue = load_instruments(settings.mt5_instruments)
    except StartError as error:
        yield found("INSTRUMENTS_INVALID", str(error))
        return
    for symbol in settings.quoted_symbols:
        try:
            catalogue.require(settings.mt5_symbol_map.get(symbol, symbol))
        except StartError as error:
            code = "INSTRUMENTS_INVALID" if settings.mt5_instruments else "SYMBOL_WITHOUT_TERMS"
            yield found(code, f"{symbol}: {error}")


def _fills(settings: Mt5Settings) -> Findings:
    try:
        load_fill_profile(settings.mt5_fills)
    except StartError as error:
        yield found("FILLS_INVALID", str(error))


def _ticks(settings: Mt5Settings) -> Findings:
    for given in settings.mt5_ticks:
        try:
            with given.path.open("rb") as file:
                file.read(1)
        except IsADirectoryError:
            continue  # a folder of files
        except OSError as error:
            yield found("TICKS_MISSING", f"MT5_TICKS: {given.path}: {error.strerror}")


@check("alarms", needs_settings=True)
def alarms(desk: ExaminedDesk) -> Findings:
    """What takes an alarm to a person: ALERT_COMMAND and the rules file NOTIFY_FILE."""
    if desk.watchdog is None:
        return
    results, texts = [], []
    command = desk.watchdog.alert_command
    try:
        words = shlex.split(command)
    except ValueError:
        words = []  # the check of the settings names it
    if words and shutil.which(words[0]) is None:
        text = f"ALERT_COMMAND begins with '{words[0]}', expected a program that can be run"
        results.append(found("ALERT_COMMAND_MISSING", text))
    elif words:
        texts.append(f"ALERT_COMMAND runs {words[0]}")
    if desk.notify is not None and desk.notify.notify_file is not None:
        results += _notify(desk.notify.notify_file, desk.notify.quoted_symbols)
        texts.append(f"rules in {desk.notify.notify_file.name}")
    yield from results
    if not results:
        yield fine("; ".join(texts) or "no ALERT_COMMAND and no NOTIFY_FILE: alarms are only on the page and in logs")


def _notify(path: Path, symbols: tuple[str, ...]) -> Findings:
    """The rules file, and the secret address of each target, which is never shown."""
    try:
        file = load_notify_file(path, symbols)
    except StartError as error:
        yield found("NOTIFY_FILE_INVALID", str(error))
        return
    sources = {f"targets.{name}": source for name, source in file.targets.items()}
    if file.heartbeat is not None:
        sources["heartbeat"] = file.heartbeat.secret
    for name, source in sources.items():
        try:
            address = read_secret(source)
        except StartError as error:
            if source.file is not None and _is_open(source.file):
                yield found("SECRET_OPEN", f"{name}: {error}", FILE=source.file)
            else:
                yield found("SECRET_UNUSABLE", f"{name}: {error}")
            continue
        if name == "heartbeat":
            continue
        try:
            PreparedTarget(name.partition(".")[2], address).prepare()
        except StartError as error:
            yield found("TARGET_UNUSABLE", str(error))


def _is_open(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & 0o077)


CHECKS: Final[tuple[Check, ...]] = (limits, plan, instruments, alarms)
