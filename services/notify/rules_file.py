"""Reads the file of targets and rules, NOTIFY_FILE, and checks it.

An error names the file, the field, its value and the expectation. The file contains no address of a target, because an
address is a secret; an error never shows one that was written into it by mistake.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from common.errors import StartError
from common.settings import SECRET_PREFIX
from common.struct_files import FieldError, read_struct, shown
from common.toml_files import read_toml
from proto.control import Severity
from services.notify.core.codes import CAUSES, DAILY_SUMMARY, KNOWN, LASTING, TRADING_STATE, matches
from services.notify.core.quiet_hours import Interval, is_never_over
from services.notify.core.rules import TEMPLATE_FIELDS, Rule, Rules, template_problem
from services.notify.delivery.secrets import SecretSource

_SETTING: Final = "NOTIFY_FILE"
_EXAMPLE: Final = "[targets.NAME] with url_file or url_env, and [[rules]] with name, events and targets"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NAME_EXPECTED: Final = "1 to 32 small letters, digits, - and _, such as phone"
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_WEEK_S: Final = 604_800

_Seconds = Annotated[int, Meta(ge=0, le=_WEEK_S, description=f"whole seconds from 0 to {_WEEK_S}")]
_Span = Annotated[int, Meta(ge=1, le=_WEEK_S, description=f"whole seconds from 1 to {_WEEK_S}")]
_GroupSeconds = Annotated[int, Meta(ge=0, le=3_600, description="whole seconds from 0 to 3600")]
_Count = Annotated[int, Meta(ge=1, le=1_000, description="a whole number from 1 to 1000")]
_HeartbeatSeconds = Annotated[int, Meta(ge=5, le=86_400, description="whole seconds from 5 to 86400")]
_Line = Annotated[str, Meta(max_length=200, description="a text of at most 200 characters")]
_Template = Annotated[str, Meta(min_length=1, max_length=2_000, description="a text of 1 to 2000 characters")]
_Words = Annotated[list[str], Meta(min_length=1, description="a list of one or more texts")]


class _SecretTable(Struct, frozen=True, kw_only=True):
    url_file: _Line = ""
    url_env: _Line = ""


class _HeartbeatTable(Struct, frozen=True, kw_only=True):
    url_file: _Line = ""
    url_env: _Line = ""
    every_s: _HeartbeatSeconds = 60


class _SummaryTable(Struct, frozen=True, kw_only=True):
    at: _Line


class _RuleTable(Struct, frozen=True, kw_only=True):
    name: _Line
    events: _Words
    targets: _Words
    severity: Severity = Severity.INFO
    symbols: list[str] = []
    after_s: _Seconds = 0
    title: _Template = "{mode} {desk}: {code} {subject}"
    text: _Template = "{text}"
    group_s: _GroupSeconds = 5
    rate_max: _Count = 20
    rate_s: _Span = 3_600
    repeat_s: _Seconds = 0
    quiet: list[str] = []
    quiet_critical: bool = False
    escalate_after_s: _Seconds = 0
    escalate_to: list[str] = []
    ended: bool = True


class _File(Struct, frozen=True, kw_only=True):
    timezone: _Line = "UTC"
    page_url: _Line = ""
    desk: _Line = ""
    targets: dict[str, _SecretTable]
    heartbeat: _HeartbeatTable | None = None
    daily_summary: _SummaryTable | None = None


class HeartbeatSource(Struct, frozen=True):
    """Where the address of the dead man's switch is stored, and the seconds between two calls."""

    secret: SecretSource
    every_s: int


class NotifyFile(Struct, frozen=True):
    """A file of rules: the rules, where the addresses of the targets are stored, and the dead man's switch."""

    rules: Rules
    targets: dict[str, SecretSource]
    heartbeat: HeartbeatSource | None


def load_notify_file(path: Path, symbols: Collection[str] | None = None) -> NotifyFile:
    """Read a file of targets and rules; the addresses of the targets are not read.

    Args:
        path: the file.
        symbols: the quoted symbols of the desk, which must include those of the rules; None if they are unknown.

    Raises:
        StartError: the file is missing, or a value is unknown, out of range or contradictory.
    """
    values = read_toml(
        path,
        setting=_SETTING,
        value=str(path),
        expected="a TOML file of targets and rules",
        example=f"expected {_EXAMPLE}",
    )
    try:
        return _read(values, path, symbols)
    except FieldError as error:
        raise StartError(f"{_SETTING}: {path}: {error}") from None


def _read(values: dict[str, Any], path: Path, symbols: Collection[str] | None) -> NotifyFile:
    rule_tables = values.pop("rules", None)
    _refuse_addresses(values)
    found = read_struct(values, _File, example=_EXAMPLE)
    if not found.targets:
        raise FieldError(f"targets is empty; expected {_EXAMPLE}")
    for name in found.targets:
        _require_name(name, f"targets.{name}: the name")
    zone = _zone(found.timezone)
    if found.page_url and (
        urlsplit(found.page_url).scheme not in ("http", "https") or not urlsplit(found.page_url).netloc
    ):
        raise FieldError(f"page_url is {shown(found.page_url)}, expected an address such as https://desk.example.com")
    if not isinstance(rule_tables, list) or not rule_tables:
        shown_rules = "missing" if rule_tables is None else shown(rule_tables)
        raise FieldError(f"rules is {shown_rules}; expected one or more [[rules]] with name, events and targets")
    rules: list[Rule] = []
    for number, table in enumerate(rule_tables, 1):
        rule = _read_rule(table, f"rules[{number}]", found.targets, symbols)
        if any(other.name == rule.name for other in rules):
            raise FieldError(f"rules[{number}].name is {shown(rule.name)}, expected a name that no other rule has")
        rules.append(rule)
    at = None if found.daily_summary is None else _time(found.daily_summary.at, "daily_summary.at")
    if at is not None and not any(_has_summary(rule) for rule in rules):
        raise FieldError(
            f"daily_summary.at is {shown(f'{at:%H:%M}')}, and no rule sends the summary; expected a rule "
            f'with events = ["{DAILY_SUMMARY}"] and severity = "INFO"'
        )
    targets = {
        name: _secret(table.url_file, table.url_env, path, f"targets.{name}") for name, table in found.targets.items()
    }
    heartbeat = found.heartbeat
    return NotifyFile(
        rules=Rules(
            desk=found.desk or socket.gethostname(),
            rules=rules,
            targets=list(targets),
            zone=zone,
            page_url=found.page_url,
            summary_at=at,
        ),
        targets=targets,
        heartbeat=None
        if heartbeat is None
        else HeartbeatSource(_secret(heartbeat.url_file, heartbeat.url_env, path, "heartbeat"), heartbeat.every_s),
    )


@contextmanager
def errors_name(path: Path, where: str) -> Iterator[None]:
    """Let an error about an address name the rules file and the table of the target or heartbeat.

    Raises:
        StartError: the one of the block, with the names before it.
    """
    try:
        yield
    except StartError as error:
        raise StartError(f"{_SETTING}: {path}: {where}: {error}") from None


def _refuse_addresses(values: dict[str, Any]) -> None:
    """Refuse an address in the file, without showing it."""
    targets = values.get("targets")
    tables = {f"targets.{name}": table for name, table in targets.items()} if isinstance(targets, dict) else {}
    tables["heartbeat"] = values.get("heartbeat")
    for name, table in tables.items():
        if isinstance(table, str) and "://" in table:
            raise FieldError(f"{name} is an address, which is secret; expected a table with url_file or url_env")
        for key in table if isinstance(table, dict) else ():
            if key not in ("url_file", "url_env", "every_s") or "://" in str(table[key]):
                raise FieldError(
                    f"{name}.{key} may be an address, which is secret; expected url_file = FILE or "
                    f"url_env = {SECRET_PREFIX}NAME, where the address is stored"
                )


def _secret(url_file: str, url_env: str, path: Path, where: str) -> SecretSource:
    if bool(url_file) == bool(url_env):
        given = "both url_file and url_env" if url_file else "neither url_file nor url_env"
        raise FieldError(f"{where} has {given}, expected one of the two")
    if url_file:
        return SecretSource(file=path.parent / Path(url_file).expanduser())
    if not url_env.startswith(SECRET_PREFIX) or url_env == SECRET_PREFIX:
        expected = f"a variable whose name begins with {SECRET_PREFIX}, such as {SECRET_PREFIX}PHONE"
        raise FieldError(f"{where}.url_env is {shown(url_env)}, expected {expected}")
    return SecretSource(variable=url_env)


def _read_rule(table: Any, where: str, targets: Collection[str], symbols: Collection[str] | None) -> Rule:
    found = read_struct(table, _RuleTable, path=where, example="a field of a rule, such as events or targets")
    _require_name(found.name, f"{where}.name")
    where = f"{where} ({found.name})"
    codes = [code for pattern in found.events for code in _codes(pattern, where)]
    for field in ("targets", "escalate_to"):
        for name in getattr(found, field):
            if name not in targets:
                raise FieldError(f"{where}.{field} has {shown(name)}, expected names out of {', '.join(targets)}")
    for symbol in found.symbols:
        if symbols is not None and symbol not in symbols:
            raise FieldError(f"{where}.symbols has {shown(symbol)}, expected symbols out of {', '.join(symbols)}")
    # A pattern may include moments, which are sent at once.
    moments = [code for code in found.events if "*" not in code and code not in LASTING]
    if found.after_s and (moments or not LASTING.intersection(codes)):
        raise FieldError(
            f"{where}.after_s is {found.after_s}, but {(moments or codes)[0]} has no duration; expected events that "
            "last, such as ORDER_IN_DOUBT"
        )
    if bool(found.escalate_after_s) != bool(found.escalate_to):
        raise FieldError(
            f"{where}.escalate_after_s is {found.escalate_after_s} and escalate_to is {shown(found.escalate_to)}, "
            "expected both or neither"
        )
    for field in ("title", "text"):
        if problem := template_problem(getattr(found, field)):
            fields = ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
            raise FieldError(
                f"{where}.{field} is {shown(getattr(found, field))}: {problem}; expected fields out of {fields}"
            )
    quiet = [_interval(text, f"{where}.quiet") for text in found.quiet]
    if is_never_over(quiet):
        raise FieldError(f"{where}.quiet is {shown(found.quiet)}, expected a part of the day that is not quiet")
    values = {field: getattr(found, field) for field in _RuleTable.__struct_fields__}
    return Rule(**(values | {"quiet": quiet}))


def _codes(pattern: str, where: str) -> list[str]:
    """The codes that a pattern names."""
    codes = [code for code in KNOWN if matches(pattern, code)]
    if codes and re.fullmatch(r"[A-Z_*]+", pattern):
        return codes
    if pattern in CAUSES:
        raise FieldError(
            f"{where}.events has {shown(pattern)}, which is a cause of {TRADING_STATE}; expected {TRADING_STATE}, "
            "whose text names its causes"
        )
    raise FieldError(
        f"{where}.events has {shown(pattern)}, expected codes such as {TRADING_STATE}, "
        "or a pattern with * that matches some"
    )


def _has_summary(rule: Rule) -> bool:
    return rule.severity is Severity.INFO and any(matches(pattern, DAILY_SUMMARY) for pattern in rule.events)


def _interval(text: str, where: str) -> Interval:
    start, dash, end = text.partition("-")
    if not dash:
        raise FieldError(f"{where} has {shown(text)}, expected local times such as 22:00-07:00")
    found = Interval(_time(start.strip(), where), _time(end.strip(), where))
    if found.start == found.end:
        raise FieldError(f"{where} has {shown(text)}, expected two different times such as 22:00-07:00")
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise FieldError(f"timezone is {shown(name)}, expected a zone such as Europe/Vienna") from None


def _time(text: str, where: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise FieldError(f"{where} is {shown(text)}, expected a local time such as 22:05")
    return time(int(found[1]), int(found[2]))


def _require_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        raise FieldError(f"{where} is {shown(name)}, expected {_NAME_EXPECTED}")
