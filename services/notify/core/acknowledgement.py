"""A person's acknowledgement: which alerts it concerns, and who was first."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from proto.control import ControlError
from proto.notify import ALERTS_MAX, AcknowledgeAlerts, AcknowledgedLine, AcknowledgeReply
from services.notify.core.rows import AlertRow


def acknowledged(
    request: AcknowledgeAlerts, rows: Mapping[int, AlertRow], now_ns: int
) -> tuple[list[AlertRow], AcknowledgeReply | ControlError]:
    """Carry out a request.

    Args:
        request: the request.
        rows: the alerts with its numbers and all open ones, by number.
        now_ns: the time in UTC nanoseconds.

    Returns:
        The changed alerts, and the answer.
    """
    unknown = [number for number in request.numbers if number not in rows]
    if unknown:
        return [], ControlError(error=f"there is no alert {unknown[0]}; nothing was acknowledged")
    numbers = list(dict.fromkeys(request.numbers))
    if request.all_open:
        numbers += [one.number for one in rows.values() if one.is_open and one.number not in numbers]
    changed, lines = [], []
    for number in numbers:
        alert = rows[number]
        is_new = not alert.acknowledged_ns
        if is_new:
            alert = structs.replace(alert, acknowledged_ns=now_ns, acknowledged_by=request.person)
            changed.append(alert)
        lines.append(
            AcknowledgedLine(
                number=number,
                acknowledged_by=alert.acknowledged_by,
                acknowledged_ns=alert.acknowledged_ns,
                is_new=is_new,
            )
        )
    return changed, AcknowledgeReply(count=len(lines), rows=lines[:ALERTS_MAX])
