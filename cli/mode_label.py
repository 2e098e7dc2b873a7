"""The label of a desk: whether it trades on a simulated venue, on a demo account, or with real money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestration.desk_view import DeskRunSpec, DeskView

UNKNOWN: Final = "VENUE UNKNOWN"


def mode_label(mode: str) -> str:
    """`SIMULATED`, `DEMO` or `LIVE`, for the mode in a gateway's replies; `VENUE UNKNOWN` before the first reply."""
    return mode.upper() or UNKNOWN


def run_label(plan: DeskRunSpec, mode: str) -> str:
    """The label of a desk that this command runs; a gateway that the command starts is simulated."""
    return mode_label(mode or ("simulated" if plan.gateway is None else ""))


def view_label(view: DeskView) -> str:
    """The label of the desk on a screen."""
    mode = "" if view.status is None else view.status.mode
    return run_label(view.plan, mode) if view.is_own else mode_label(mode)
