"""`paperdesk alerts` reads the file of notify, and `paperdesk alerts ack` sends the login name to notify."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.command_options import login_name
from cli.commands import alerts as command
from cli.main import run
from orchestration.address_files import CONTROL_FILE, control_url, notify_url
from proto.control import ControlError, Severity
from proto.notify import (
    ALERTS_MAX,
    AcknowledgeAlerts,
    AcknowledgedLine,
    AcknowledgeReply,
    AlertPhase,
    NotifyReply,
    NotifyRequest,
)
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from tests.support.alerts import a_message, a_notify_file, an_alert
from tests.support.builders import START_NS
from tests.support.socket_servers import serve_notify

ALERTS = [
    an_alert(1, severity=Severity.INFO, code="FILL", phase=AlertPhase.MOMENT, text="BUY 0.10 EURUSD", rules=[]),
    an_alert(2, acknowledged_ns=5, acknowledged_by="alice"),
    an_alert(3, ended_ns=6, text="the gateway is away"),
    an_alert(4),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a desk whose sockets are in the same folder."""
    (tmp_path / LEDGER_FILE_NAME).touch()
    (tmp_path / CONTROL_FILE).write_text(control_url(tmp_path))
    return tmp_path


def alerts_of(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> list[dict[str, object]]:
    """The alerts that the command lists as JSON."""
    assert run(["alerts", "--data-dir", str(folder), "--json", *arguments]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a refused command."""
    assert run(["alerts", *arguments]) == 2
    printed = capsys.readouterr()
    [line] = printed.err.splitlines()
    assert printed.out == ""
    return line.removeprefix("paperdesk: ")


def test_the_list_has_states_and_targets_the_latest_last(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with a_notify_file(folder, ALERTS, [a_message(1, [4])]):
        found = alerts_of(capsys, folder)
        assert [(row["number"], row["state"], row["sent"]) for row in found] == [
            (1, "", "no rule matches, sent to nobody"),
            (2, "acknowledged by alice", "acknowledged before rule urgent would have sent it"),
            (3, "ended", "ended before rule urgent would have sent it"),
            (4, "open", "phone sent"),
        ]
        assert [row["number"] for row in alerts_of(capsys, folder, "--open")] == [4]
        assert [row["number"] for row in alerts_of(capsys, folder, "--last", "2")] == [3, 4]
        assert run(["alerts", "--data-dir", str(folder), "--last", "1"]) == 0
        shown = capsys.readouterr().out
    assert "no tick for 12 s" in shown
    assert "last 1 of 4" in shown


def test_a_desk_without_notify_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = refusal(capsys, "--data-dir", str(folder))
    assert text == f"{folder} has no notify.db, expected a desk that has run with NOTIFY_FILE"


def acknowledged(request: NotifyRequest) -> NotifyReply:
    """A reply of a notify that has no alert 99, and whose alert 2 alice has acknowledged."""
    assert isinstance(request, AcknowledgeAlerts)
    if 99 in request.numbers:
        return ControlError(error="number 99: there is no such alert, none was acknowledged")
    rows = [
        AcknowledgedLine(
            number=number,
            acknowledged_by="alice" if number == 2 else request.person,
            acknowledged_ns=START_NS,
            is_new=number != 2,
        )
        for number in request.numbers or [4]
    ]
    return AcknowledgeReply(count=len(rows), rows=rows)


def test_an_acknowledgement_names_the_person_and_who_was_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_notify(notify_url(folder), acknowledged) as asked:
        assert run(["alerts", "ack", "4", "2", "--data-dir", str(folder)]) == 0
        assert capsys.readouterr().out == (
            "alert 4 is acknowledged\nalert 2 was acknowledged by alice at 2026-01-05 08:00:00.000Z\n"
        )
        assert run(["alerts", "ack", "--all", "--data-dir", str(folder), "--json"]) == 0
        reply = json.loads(capsys.readouterr().out)
    assert (reply["count"], reply["acknowledged"][0]["acknowledged_by"]) == (1, login_name())
    assert asked == [
        AcknowledgeAlerts(numbers=[4, 2], person=login_name()),
        AcknowledgeAlerts(all_open=True, person=login_name()),
    ]


def test_more_alerts_than_a_request_may_have_are_sent_in_parts(folder: Path) -> None:
    with serve_notify(notify_url(folder), acknowledged) as asked:
        numbers = [str(100 + number) for number in range(ALERTS_MAX + 1)]
        assert run(["alerts", "ack", *numbers, "--data-dir", str(folder)]) == 0
    assert [len(one.numbers) for one in asked if isinstance(one, AcknowledgeAlerts)] == [ALERTS_MAX, 1]


def test_an_unknown_number_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve_notify(notify_url(folder), acknowledged):
        text = refusal(capsys, "ack", "4", "99", "--data-dir", str(folder))
    assert text == "number 99: there is no such alert, none was acknowledged"


def test_a_notify_that_does_not_run_or_answer_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = notify_url(folder)
    assert refusal(capsys, "ack", "4", "--data-dir", str(folder)) == (
        f"notify does not listen at {url}, expected a running desk with NOTIFY_FILE; nothing was done"
    )
    monkeypatch.setattr(command, "TIMEOUT_S", 0.1)
    with serve_notify(url, lambda _: None):
        text = refusal(capsys, "ack", "4", "--data-dir", str(folder))
    assert text == f"{url} did not answer within 0 s; the outcome is unknown, repeat the command"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ack"], "ID is missing, expected numbers of alerts or --all"),
        (["ack", "4", "--all"], "ID is 4 and --all is given, expected numbers of alerts or --all"),
        (["ack", "0"], "ID is 0, expected the number of an alert, from 1"),
        (["ack", "4", "x"], "ID is x, expected the number of an alert, from 1"),
        (["ack", "9" * 99], f"ID is {'9' * 40}, expected the number of an alert, from 1"),
        (["--open", "ack", "4"], "--open is before ack, expected after ack"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, *arguments) == expected
