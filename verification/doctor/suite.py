"""Runs the checks in their order."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Final

from common.errors import StartError
from verification.doctor import (
    check_account,
    check_clock,
    check_desk,
    check_disk,
    check_files,
    check_gateway,
    check_ledger,
    check_model,
    check_packages,
    check_processes,
    check_settings,
    check_sockets,
    check_trading_files,
)
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, CheckResult, Finding, found

CHECKS: Final[tuple[Check, ...]] = (
    *check_packages.CHECKS,
    *check_settings.CHECKS,
    *check_trading_files.CHECKS,
    *check_files.CHECKS,
    *check_sockets.CHECKS,
    *check_clock.CHECKS,
    *check_disk.CHECKS,
    *check_model.CHECKS,
    *check_ledger.CHECKS,
    *check_gateway.CHECKS,
    *check_desk.CHECKS,
    *check_account.CHECKS,
    *check_processes.CHECKS,
)
"""Every check in the order of the output; the processes are last, because two heartbeats take half a second."""


def examine(desk: ExaminedDesk, only: Collection[str] = ()) -> Iterator[CheckResult]:
    """Run the checks, or those with the names in `only`, and yield the result of each.

    Raises:
        StartError: there is no check of that name.
    """
    names = [one.name for one in CHECKS]
    if unknown := [name for name in only if name not in names]:
        raise StartError(f"--only {unknown[0]}: no such check, expected one of {', '.join(names)}")
    if not only or check_model.strategy.name in only:
        with suppress(OSError):  # the check reports it
            _ = desk.has_other_settings or desk.strategy_import  # runs beside the other checks
    for one in CHECKS:
        if not only or one.name in only:
            yield CheckResult(one.name, _findings(one, desk) or (found("SETTINGS_NEEDED", "not examined"),))


def _findings(one: Check, desk: ExaminedDesk) -> tuple[Finding, ...]:
    """The results of one check; an error of a file is a result, too, and does not end the other checks."""
    if one.needs_settings and desk.has_other_settings:
        return (
            found("SETTINGS_OF_COMMAND", "not examined, this desk has the settings of the command that started it"),
        )
    try:
        return tuple(one.run(desk))
    except OSError as error:
        return (found("NOT_EXAMINED", f"{error.filename or 'a file'}: {error.strerror or error}"),)
