"""The conditions on the screen of `paperdesk run`, from portfolio's status and from supervisord."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.desk_view import AccountTotals, DeskRunSpec, DeskView
from orchestration.process_states import ProcessState
from proto.control import StatusReply, condition
from tests.support.status_replies import a_status_reply

STATUS = a_status_reply(
    conditions=[condition("NOTIFY_SILENT", "no query of notify for 16 s; see notify.log")],
)
PLAN = DeskRunSpec(
    data_dir=Path("desk"),
    settings={},
    market="generated",
    strategy="ema_cross",
    symbols=("EURUSD",),
    secrets={"NOTIFY_URL_MAIL": "json://host.test/token"},
)


def a_view(*, notify: ProcessState | None, status: StatusReply | None = None) -> DeskView:
    return DeskView(
        plan=PLAN, up_s=60.0, status=status, silent_s=0.0, processes={}, before=AccountTotals(), notify=notify
    )


@pytest.mark.parametrize("state", ["FATAL", "EXITED", "BACKOFF"])
def test_a_notify_that_does_not_run_is_shown_even_if_portfolio_never_heard_of_it(state: str) -> None:
    [found] = a_view(notify=ProcessState("notify", state, 2, 0)).conditions
    assert (found.code, found.text) == ("NOTIFY_SILENT", f"supervisord reports {state}; see notify.log")


@pytest.mark.parametrize("notify", [None, ProcessState("notify", "RUNNING", 0, 4711)])
def test_a_desk_without_rules_or_with_a_running_notify_shows_nothing(notify: ProcessState | None) -> None:
    assert a_view(notify=notify).conditions == []


def test_a_notify_that_does_not_run_is_shown_once() -> None:
    [found] = a_view(notify=ProcessState("notify", "FATAL", 2, 0), status=STATUS).conditions
    assert found.text == "supervisord reports FATAL; see notify.log"


def test_no_text_of_a_run_contains_its_secrets() -> None:
    assert "token" not in repr(PLAN)
