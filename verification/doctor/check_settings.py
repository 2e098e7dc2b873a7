"""Check of the settings in the environment and `.env`, as the processes read them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Final

from common.errors import StartError
from common.settings import env_file, given_settings, nearest_name, setting_names, unknown_keys
from services.portfolio.ledger.signing_key import key_file
from services.web.security.exposure import exposure_problem
from services.web.security.users import UsersFile
from services.web.settings import WebSettings
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found

RESEMBLES: Final = 0.86
"""Least similarity (difflib's ratio) of a variable's name with a setting that it may be meant to be."""


@check("settings")
def settings(desk: ExaminedDesk) -> Findings:
    """Unknown keys, invalid values and contradictions of the settings of every process."""
    try:
        given = given_settings()
        unknown = unknown_keys(setting_names())
    except StartError as error:
        yield found("SETTINGS_FILE_UNREADABLE", str(error))
        return
    for text in unknown:
        yield found("SETTING_UNKNOWN", text)
    for name in sorted(os.environ):
        near = None if name.upper() in setting_names() else nearest_name(name, setting_names(), least=RESEMBLES)
        if near is not None:
            yield found("SETTING_MISSPELLED", f"the variable {name} is no setting; the nearest is {near}")
    if unknown:
        return  # no settings can be loaded
    errors = list(dict.fromkeys(one.error for one in desk.services.values() if one.error))
    for text in errors:
        yield found("SETTING_INVALID", text)
    contradictions = list(_contradictions(desk))
    for text in contradictions:
        yield found("SETTINGS_CONTRADICT", text)
    if not errors and not contradictions:
        where = "" if not given else f", in the environment or {env_file()}" if env_file() else ", in the environment"
        other = "" if not desk.has_other_settings else "; this desk has those of the command that started it"
        yield fine(f"{len(given)} given{where}; the others are defaults{other}")


def _contradictions(desk: ExaminedDesk) -> list[str]:
    texts = []
    if desk.mt5 is not None and desk.mt5.mt5_venue == "simulated":
        texts += _refusal(desk.mt5.require_sound)
    if desk.mt5 is not None and desk.mt5.mt5_venue == "terminal" and not desk.mt5.mt5_login:
        texts.append("MT5_LOGIN: value '0', expected the number of the account, because MT5_VENUE is terminal")
    if desk.web is not None and desk.web.web_port:
        try:
            users = UsersFile(desk.web.web_users_file).users()
        except StartError as error:
            texts.append(str(error))
        else:
            texts += [problem] if (problem := exposure_problem(desk.web, users)) else []
        texts += _certificate(desk.web)
    if desk.watchdog is not None:
        try:
            shlex.split(desk.watchdog.alert_command)
        except ValueError as error:  # the text does not show the command, which may contain a password
            texts.append(f"ALERT_COMMAND: {error}; expected a command line")
    if desk.portfolio is not None:
        setting = desk.portfolio.ledger_key_file
        texts += _refusal(lambda: key_file(desk.data_dir, setting))
    return texts


def _certificate(settings: WebSettings) -> list[str]:
    if settings.web_tls_cert is None or settings.web_tls_key is None:
        return []
    from services.web.server import require_certificate  # takes 0.2 s to load; only a page with TLS needs it

    return _refusal(lambda: require_certificate(settings))


def _refusal(run: Callable[[], object]) -> list[str]:
    try:
        run()
    except StartError as error:
        return [str(error)]
    return []


CHECKS: Final[tuple[Check, ...]] = (settings,)
