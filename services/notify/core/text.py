"""Title and body of a message, from the templates of its rule and its alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from proto.alerts import alert_link
from proto.control import severity_rank
from proto.notify import MessageKind
from services.notify.core.quiet_hours import local_text
from services.notify.core.rows import AlertRow, MessageRow
from services.notify.core.rules import Rule, Rules, filled

TITLE_CHARS_MAX: Final = 200
"""Longest title; some targets refuse longer ones."""

_PREFIXES: Final = {MessageKind.ENDED: "ENDED: ", MessageKind.ESCALATION: "NOT ACKNOWLEDGED: "}


class Repeats(Struct, frozen=True):
    """How often an alert's code and subject came without being sent, since a time in UTC nanoseconds."""

    count: int
    since_ns: int


def gravest(alerts: Sequence[AlertRow]) -> AlertRow:
    """The first of the alerts with the highest severity."""
    return max(alerts, key=lambda one: severity_rank(one.severity))


def title_of(kind: MessageKind, alerts: Sequence[AlertRow], rule: Rule, rules: Rules) -> str:
    """The title of a message: that of its gravest alert, and the number of the others."""
    text = " ".join(filled(rule.title, _fields(gravest(alerts), rule, rules)).split())
    others = f" (+{len(alerts) - 1})" if len(alerts) > 1 else ""
    return _PREFIXES.get(kind, "") + text[: TITLE_CHARS_MAX - len(others) - 20] + others


def body_of(
    kind: MessageKind, alerts: Sequence[AlertRow], rule: Rule, rules: Rules, repeats: Mapping[int, Repeats]
) -> str:
    """The body of a message, without its key: a paragraph for each alert, then how to answer.

    `repeats` are those of an alert by its number.
    """
    paragraphs = [_paragraph(one, len(alerts) > 1, rule, rules, repeats.get(one.number)) for one in alerts]
    return "\n\n".join([*paragraphs, _footer(kind, alerts, rule, rules)])


def sent_body(message: MessageRow, *, storage_problem: str = "", boot: str = "") -> str:
    """The body as it is sent: its last line is the key, by which a receiver recognizes a repeated message.

    Args:
        message: a message with its body.
        storage_problem: why the message could not be stored; empty if it is stored.
        boot: part of the key of a message that is not stored, because a restart uses its number again.
    """
    if not storage_problem:
        return f"{message.body}\nkey {message.key}"
    problem = f"not stored: {storage_problem}; after a restart it may come again with another key"
    return f"{message.body}\n{problem}\nkey {message.key}-{boot}"


def _fields(alert: AlertRow, rule: Rule, rules: Rules) -> dict[str, str]:
    return {
        "mode": alert.mode,
        "desk": rules.desk,
        "code": alert.code,
        "subject": alert.subject,
        "severity": alert.severity.value,
        "text": alert.text,
        "time": local_text(alert.time_ns, rules.zone),
        "number": str(alert.number),
        "rule": rule.name,
        "link": alert_link(rules.page_url, alert.number),
    }


def _paragraph(alert: AlertRow, is_one_of_many: bool, rule: Rule, rules: Rules, repeats: Repeats | None) -> str:
    subject = f" {alert.subject}" if alert.subject else ""
    lines = [f"#{alert.number} {alert.severity.value} {alert.code}{subject}"] if is_one_of_many else []
    lines.append(filled(rule.text, _fields(alert, rule, rules)))
    severity = "" if is_one_of_many else f"{alert.severity.value}, "
    lines.append(f"{severity}at {local_text(alert.time_ns, rules.zone)}")
    if alert.ended_ns:
        lines.append(f"ended at {local_text(alert.ended_ns, rules.zone)}")
    if alert.acknowledged_ns:
        by = alert.acknowledged_by or "a person"
        lines.append(f"acknowledged by {by} at {local_text(alert.acknowledged_ns, rules.zone)}")
    if repeats is not None and repeats.count:
        times = "time" if repeats.count == 1 else "times"
        lines.append(f"seen {repeats.count} more {times} since {local_text(repeats.since_ns, rules.zone)}")
    return "\n".join(filter(None, lines))


def _footer(kind: MessageKind, alerts: Sequence[AlertRow], rule: Rule, rules: Rules) -> str:
    modes = " ".join(dict.fromkeys(one.mode for one in alerts))
    numbers = " ".join(str(one.number) for one in alerts)
    lines = [f"{modes} desk {rules.desk}, alert {numbers}, rule {rule.name}"]
    still_open = " ".join(str(one.number) for one in alerts if one.is_open)
    if still_open and kind is not MessageKind.ENDED:
        lines.append(f"to acknowledge: paperdesk alerts ack {still_open}")
    if rules.page_url and "{link}" not in rule.text:
        lines.append(alert_link(rules.page_url, alerts[0].number))
    return "\n".join(lines)
