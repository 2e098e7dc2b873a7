"""Builders of alerts and their messages, and a file of notify that has them, written without a process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proto.control import Severity
from proto.notify import AlertPhase, MessageKind, MessageState
from proto.time import SECOND_NS
from services.notify.core.rows import AlertRow, Changes, MessageRow
from services.notify.store import FILE_NAME, NotifyStore
from tests.support.builders import START_NS


def an_alert(number: int = 1, **fields: Any) -> AlertRow:
    """An open alert of a stale feed; `fields` replace its values."""
    values: dict[str, Any] = {
        "time_ns": START_NS + number * SECOND_NS,
        "phase": AlertPhase.BEGAN,
        "code": "FEED_STALE",
        "severity": Severity.WARNING,
        "title": f"alert {number}",
        "text": "no tick for 12 s",
        "mode": "SIMULATED",
        "origin": f"watchdog:{number}",
        "subject": "EURUSD",
        "rules": ["urgent"],
    }
    return AlertRow(number=number, **(values | fields))


def a_message(number: int, alerts: Sequence[int], **fields: Any) -> MessageRow:
    """A message to the target phone that was sent at its first try; `fields` replace its values."""
    at_ns = START_NS + number * SECOND_NS
    values: dict[str, Any] = {
        "key": f"1f3a9c2e-{number}",
        "target": "phone",
        "rule": "urgent",
        "kind": MessageKind.ALERT,
        "created_ns": at_ns,
        "due_ns": at_ns,
        "state": MessageState.SENT,
        "started_ns": at_ns,
        "tries": 1,
        "sent_ns": at_ns,
    }
    return MessageRow(number=number, alerts=list(alerts), **(values | fields))


@contextmanager
def a_notify_file(
    data_dir: Path, alerts: Sequence[AlertRow] = (), messages: Sequence[MessageRow] = ()
) -> Iterator[NotifyStore]:
    """The writer of a file of notify in a data directory during the block; the file stays."""
    data_dir.mkdir(parents=True, exist_ok=True)
    store = NotifyStore(data_dir / FILE_NAME)
    try:
        store.save(Changes(alerts=list(alerts), messages=list(messages)))
        yield store
    finally:
        store.close()
