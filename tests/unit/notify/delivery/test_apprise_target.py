"""Messages to real servers: what arrives, what is refused, and that no part of an address is ever shown."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from common.errors import StartError
from proto.control import Severity
from services.notify.delivery.apprise_target import AppriseTarget
from services.notify.delivery.reasons import hide
from tests.support.message_servers import MailServer, mail_server, webhook
from tests.support.ports import free_port

MARKUP = "a *b* <b>x</b> & _c_ [link](http://x) :smile: \\n # head"
TOKEN = "tok-e3b0c44298fc1c14"
SECRETS = ("hunter2-secret", TOKEN, "trader.joe")


def mail_address(server: MailServer) -> str:
    return f"mailto://trader.joe:hunter2-secret@{server.address}/?from=desk@desk.test&to=joe@desk.test&smtp=127.0.0.1"


def test_a_webhook_gets_title_and_text_as_they_are() -> None:
    with webhook() as server:
        target = AppriseTarget("hook", f"json://{server.address}/alarms/{TOKEN}")
        assert target.send("SIMULATED london: FILL EURUSD", f"{MARKUP}\nkey 1f3a9c2e-17", Severity.INFO) == ""
        assert server.titles == ["SIMULATED london: FILL EURUSD"]
        assert server.messages == [f"{MARKUP}\nkey 1f3a9c2e-17"]
        assert server.bodies[0]["type"] == "info"
        assert server.paths == [f"/alarms/{TOKEN}"]


@pytest.mark.parametrize(("severity", "kind"), [(Severity.WARNING, "warning"), (Severity.CRITICAL, "failure")])
def test_the_severity_is_passed_on(severity: Severity, kind: str) -> None:
    with webhook() as server:
        AppriseTarget("hook", f"json://{server.address}/").send("title", "text", severity)
        assert server.bodies[0]["type"] == kind


@pytest.mark.parametrize("status", [301, 302, 400, 403, 429, 500])
def test_an_answer_other_than_success_is_a_refusal_with_its_status(status: int) -> None:
    """A redirect would turn the message into a question without its text, and look like success."""
    with webhook(status=status) as server:
        reason = AppriseTarget("hook", f"json://{server.address}/{TOKEN}").send("title", "text", Severity.INFO)
        assert str(status) in reason
        assert len(server.paths) == 1


def test_a_mail_is_plain_text() -> None:
    with mail_server(password="hunter2-secret") as server:
        assert AppriseTarget("mail", mail_address(server)).send("LIVE london: HALT", MARKUP, Severity.CRITICAL) == ""
        [mail] = server.mails
        assert mail["subject"] == "LIVE london: HALT"
        assert mail.get_content_type() == "text/plain"
        assert mail.get_content().strip() == MARKUP
        assert server.recipients == ["<joe@desk.test>"]


def test_a_wrong_password_of_a_mail_server_is_named_as_the_reason() -> None:
    with mail_server(password="another") as server:
        reason = AppriseTarget("mail", mail_address(server)).send("title", "text", Severity.INFO)
        assert "the server refuses user or password" in reason
        assert server.mails == []


def test_a_server_that_does_not_listen_is_named_as_the_reason() -> None:
    reason = AppriseTarget("hook", f"json://127.0.0.1:{free_port()}/{TOKEN}").send("title", "text", Severity.INFO)
    assert reason.endswith("connection refused")


def test_a_server_that_does_not_answer_is_named_as_the_reason() -> None:
    with webhook(behaviour="hang") as server:
        target = AppriseTarget("hook", f"json://{server.address}/{TOKEN}?rto=0.3")
        assert target.send("title", "text", Severity.INFO).endswith("no answer in time")


def test_a_long_text_arrives_whole_in_several_messages() -> None:
    lines = [f"{number}: TRADING_STATE HALTED, the drawdown reached its level" for number in range(1_000)]
    with webhook() as server:
        target = AppriseTarget("hook", f"json://{server.address}/")
        assert target.send("title", "\n".join(lines), Severity.CRITICAL) == ""
        assert len(server.bodies) > 1
        assert "\n".join(server.messages).split("\n") == lines


def test_a_long_title_arrives_whole_in_the_text() -> None:
    with webhook() as server:
        AppriseTarget("hook", f"json://{server.address}/").send("t" * 400, "text", Severity.INFO)
        assert "t" * 400 in server.messages[0]


@pytest.mark.parametrize(
    "address",
    [
        f"nosuch://{TOKEN}",
        f"{TOKEN}",
        f"{TOKEN}://host",
        f"{TOKEN.replace('-', '')}://host",
        "",
        f"tgram://{TOKEN}",
        "mailto://trader.joe:hunter2-secret@",
        f"json://trader.joe:hunter2-secret@/{TOKEN}",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(StartError, match="target phone: ") as refusal:
        AppriseTarget("phone", address)
    assert not any(secret in str(refusal.value) for secret in (*SECRETS, TOKEN.replace("-", "")))


def test_no_log_and_no_reason_contains_a_part_of_an_address(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    reasons = []
    with webhook(status=500) as server, mail_server(password="another") as mail:
        for address in (
            f"json://trader.joe:hunter2-secret@{server.address}/{TOKEN}?+X-Token={TOKEN}",
            mail_address(mail),
            f"json://trader.joe:hunter2-secret@127.0.0.1:{free_port()}/{TOKEN}",
            f"json://trader.joe:hunter2-secret@no-such-host.invalid/{TOKEN}",
            f"xml://trader.joe:hunter2-secret@{server.address}/{TOKEN}",
        ):
            reasons.append(AppriseTarget("hook", address).send("title", "text", Severity.INFO))
    assert all(reasons)
    shown = " ".join((*reasons, caplog.text, *capfd.readouterr()))
    assert not [secret for secret in SECRETS if secret in shown]


def test_nothing_is_stored_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with webhook() as server, mail_server(password="hunter2-secret") as mail:
        AppriseTarget("hook", f"json://{server.address}/").send("title", "text", Severity.INFO)
        AppriseTarget("mail", mail_address(mail)).send("title", "text", Severity.INFO)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent to tok-e3b0c44298fc1c14 failed", "sent to *** failed"),
        ("user joe%40home and joe@home", "user *** and ***"),
        ("password is pw", "password is ***"),
        ("two\nlines \x1b[31m", "two lines [31m"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_each_part_of_an_address_is_hidden(text: str, shown: str) -> None:
    assert hide(text, f"json://joe%40home:pw@host.test/{TOKEN}") == shown
