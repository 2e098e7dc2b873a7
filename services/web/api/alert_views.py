"""Alerts as the HTTP API and the live cells have them: those of notify, with the reason why one is sent to nobody."""

from __future__ import annotations

from msgspec import Struct

from proto.notify import AcknowledgedLine, AlertLine
from proto.trading.units import Cursor, Text


class AlertView(AlertLine, frozen=True, kw_only=True):
    """An alert with its messages; times are UTC nanoseconds of notify's clock.

    `unsent` states why the alert has no message yet, and is empty if it has one.
    """

    unsent: Text


class AlertsPage(Struct, frozen=True, kw_only=True):
    """A page of alerts, newest first; `next` is the cursor of the following page, empty when there is none."""

    total: Cursor
    next: Text
    rows: list[AlertView]


class AcknowledgedView(Struct, frozen=True, kw_only=True):
    """The acknowledged alerts, at most 100 of `count`; `is_new` is false for one that was acknowledged before."""

    count: Cursor
    acknowledged: list[AcknowledgedLine]


class AlertsCell(Struct, frozen=True, kw_only=True):
    """The open alerts in short; a client reads the alerts again when `revision` changes.

    `set_up` is false for a desk without notify. `open` is the number of the open alerts, `worst` their worst severity,
    and `newest` the newest of them. `problem` is empty while notify runs and its file can be read.
    """

    set_up: bool
    revision: Cursor = 0
    open: Cursor = 0
    worst: Text = ""
    newest: AlertView | None = None
    problem: Text = ""
