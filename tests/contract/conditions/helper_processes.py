"""Desks whose watchdog or notify last queried portfolio's status some time ago."""

from __future__ import annotations

from proto.time import SECOND_NS
from tests.support.desk_harness import DeskHarness, a_live_desk


def asked_by_watchdog(*, seconds: int, alert_problem: str = "", supervisor_problem: str = "") -> DeskHarness:
    """The watchdog's last query was `seconds` ago and reported these problems."""
    driven = a_live_desk()
    asked_ns = driven.mono_ns - seconds * SECOND_NS
    driven.state.warnings.watchdog.on_question(alert_problem, supervisor_problem, asked_ns)
    return driven


def asked_by_notify(*, seconds: int, problem: str = "") -> DeskHarness:
    """The last query of notify was `seconds` ago and reported this problem."""
    driven = a_live_desk()
    driven.state.warnings.notify.on_question(problem, driven.mono_ns - seconds * SECOND_NS)
    return driven
