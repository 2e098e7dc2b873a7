"""A desk tells people: a halt, a drawdown and a killed process arrive at a real web server and a real mail server."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from services.watchdog.alert_log import AlertLogReader
from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk, status_of
from tests.support.message_servers import MailServer, Webhook, mail_server, webhook
from tests.support.processes import process_below
from tests.support.waits import wait_for

TOKEN = "tok-e3b0c44298fc1c14"
PASSWORD = "hunter2-secret"

RULES = """
desk = "london"
[targets.hook]
url_file = "hook.url"
[targets.mail]
url_env = "NOTIFY_URL_MAIL"
[[rules]]
name = "urgent"
events = ["TRADING_STATE", "PROCESS_*"]
severity = "WARNING"
targets = ["hook", "mail"]
group_s = 0
"""


def write_rules(folder: Path, hook: Webhook) -> Path:
    secret = folder / "hook.url"
    secret.touch(mode=0o600)
    secret.write_text(f"json://{hook.address}/{TOKEN}\n", encoding="utf-8")
    rules = folder / "notify.toml"
    rules.write_text(RULES, encoding="utf-8")
    return rules


def mail_address(server: MailServer) -> str:
    return f"mailto://joe:{PASSWORD}@{server.address}/?from=desk@desk.test&to=joe@desk.test&smtp=127.0.0.1"


@contextmanager
def a_running_desk(folder: Path, *options: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    line = [PAPERDESK, "run", "--symbols", "EURUSD", "--data-dir", folder / "desk", *options]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            list(map(str, line)),
            env={**os.environ, "WEB_PORT": "0", **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(TIMEOUT_S)
        finally:
            process.kill()


def arrived(server: Webhook, code: str) -> str:
    """Title and text of the first message about a code; empty if none has arrived."""
    return next((f"{body['title']}\n{body['message']}" for body in server.bodies if code in body["title"]), "")


def test_a_halt_and_a_killed_process_reach_every_target_and_no_secret_is_shown(tmp_path: Path) -> None:
    with webhook() as hook, mail_server(password=PASSWORD) as mail:
        rules = write_rules(tmp_path, hook)
        variables = {"NOTIFY_URL_MAIL": mail_address(mail)}
        with a_running_desk(tmp_path, "--notify", rules, **variables) as desk:
            wait_for(lambda: "notify is ready" in log_of(tmp_path), "notify", seconds=TIMEOUT_S)
            # Before that, the venue is unknown, and messages say so.
            wait_for(
                lambda: status_of(tmp_path / "desk").get("state") == "RUNNING", "a running desk", seconds=TIMEOUT_S
            )
            done = paperdesk("halt", "--reason", "fire drill", "--data-dir", tmp_path / "desk")
            assert done.returncode == 0, done
            halt = wait_for(lambda: arrived(hook, "TRADING_STATE"), "the halt", seconds=TIMEOUT_S)
            assert "HALTED" in halt
            assert "fire drill" in halt
            assert halt.startswith("SIMULATED london")
            wait_for(lambda: "PERSON" in recorded(tmp_path), "the record of the halt", seconds=TIMEOUT_S)
            kill_watchdog(desk.pid)
            wait_for(lambda: watchdogs_ready(tmp_path) == 2, "another watchdog", seconds=TIMEOUT_S)
            victim = wait_for(lambda: process_below(desk.pid, "services.signal"), "signal", seconds=TIMEOUT_S)
            victim.kill()
            # supervisord reports the end of the first watchdog to the second one, which is an alert, too.
            lost = "signal died and is started again"
            wait_for(lambda: any(lost in text for text in hook.messages), "the lost process", seconds=TIMEOUT_S)
            wait_for(lambda: any(lost in text for text in mail.texts), "its mail", seconds=TIMEOUT_S)
            assert "fire drill" in mail.texts[0]
            assert recorded(tmp_path).count("PERSON") == 1, "the second watchdog knows that the halt is recorded"
            lines = [" ".join(one.cmdline()) for one in psutil.Process(desk.pid).children(recursive=True)]
        keys = [line for body in hook.bodies for line in body["message"].splitlines() if line.startswith("key ")]
        assert len(keys) == len(set(keys)) == len(hook.bodies), "each message has its own key"
        checked = paperdesk("notify", "check", rules, **variables)
        assert checked.returncode == 0, checked
        config = paperdesk("config", **variables)
    shown = "\n".join((*lines, checked.stdout, checked.stderr, config.stdout, (tmp_path / "output").read_text()))
    stored = [path for path in (tmp_path / "desk").rglob("*") if path.is_file()]
    assert any(path.name == "notify.db" for path in stored)
    for secret in (TOKEN, PASSWORD):
        assert secret not in shown
        assert [path for path in stored if secret.encode() in path.read_bytes()] == []


def recorded(folder: Path) -> list[str]:
    """The codes of the records of the alert log."""
    return [record.code for record in AlertLogReader(folder / "desk").read_after(0, 1_000)]


def watchdogs_ready(folder: Path) -> int:
    """How many watchdogs have been ready since the start of the desk."""
    return (folder / "desk" / "logs" / "watchdog.log").read_text(encoding="utf-8").count("watchdog is ready")


def kill_watchdog(desk: int) -> None:
    """Kill the watchdog, which supervisord starts again."""
    wait_for(lambda: process_below(desk, "services.watchdog"), "the watchdog", seconds=TIMEOUT_S).kill()


def log_of(folder: Path) -> str:
    path = folder / "desk" / "logs" / "notify.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_a_halt_by_drawdown_arrives(tmp_path: Path) -> None:
    """The first trades reach the limit."""
    limits = tmp_path / "tight.toml"
    limits.write_text('drawdown_warn_pct = "none"\ndrawdown_reduce_pct = "none"\ndrawdown_halt_pct = 0.002\n')
    with webhook() as hook, mail_server(password=PASSWORD) as mail:
        options = (
            "--notify",
            write_rules(tmp_path, hook),
            "--risk",
            limits,
            "--strategy",
            "tests.support.flipping:Flipping",
        )
        with a_running_desk(tmp_path, *options, NOTIFY_URL_MAIL=mail_address(mail)):

            def is_halted() -> bool:
                return any("HALTED" in message and "DRAWDOWN" in message for message in hook.messages)

            wait_for(is_halted, "the halt by drawdown", seconds=2 * TIMEOUT_S)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("[targets.hook]\nurl_file = 'none.url'\n[[rules]]\nname='a'\nevents=['FILL']\ntargets=['hook']\n", "none.url"),
        ("[targets.hook]\nurl_env = 'NOTIFY_URL_X'\n[[rules]]\nname='a'\nevents=['FIL']\ntargets=['hook']\n", "'FIL'"),
    ],
)
def test_a_desk_does_not_start_with_rules_that_cannot_work(tmp_path: Path, rules: str, expected: str) -> None:
    file = tmp_path / "notify.toml"
    file.write_text(rules, encoding="utf-8")
    done = paperdesk("run", "--data-dir", tmp_path / "desk", "--notify", file, WEB_PORT="0")
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "desk" / "ledger.db").exists()
