"""`paperdesk notify`: rules are checked, a test message is sent, and messages are received, without secrets."""

from __future__ import annotations

import json
import subprocess
import threading
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cli.main import run
from cli.webhook_receiver import BODY_BYTES_MAX, WebhookReceiver
from common.standard_streams import EXIT_READER_GONE
from proto.control import Severity
from services.notify.delivery.apprise_target import AppriseTarget
from tests.support.command_line import PAPERDESK
from tests.support.message_servers import webhook
from tests.support.ports import free_port

TOKEN = "tok-e3b0c44298fc1c14"


def write_rules(folder: Path, address: str, *, more: str = "") -> Path:
    secret = folder / "screen.url"
    secret.touch(mode=0o600)
    secret.write_text(address, encoding="utf-8")
    path = folder / "notify.toml"
    path.write_text(
        f'desk = "london"\n[targets.screen]\nurl_file = "screen.url"\n{more}\n'
        '[[rules]]\nname = "all"\nevents = ["*"]\ntargets = ["screen"]\n',
        encoding="utf-8",
    )
    return path


def test_rules_and_targets_are_listed_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heartbeat = '[heartbeat]\nurl_file = "heart.url"\n[daily_summary]\nat = "22:05"\n'
    path = write_rules(tmp_path, f"json://host.test/{TOKEN}", more=heartbeat)
    (tmp_path / "heart.url").touch(mode=0o600)
    (tmp_path / "heart.url").write_text(f"https://host.test/{TOKEN}", encoding="utf-8")
    assert run(["notify", "check", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "is valid; its local times are in UTC" in shown
    assert "JSON" in shown
    assert "called every 60 s while the desk trades" in shown
    assert "daily summary at 22:05" in shown
    assert TOKEN not in shown


def test_without_a_file_the_setting_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NOTIFY_FILE", raising=False)
    assert run(["notify", "check"]) == 2
    assert "NOTIFY_FILE is not set" in capsys.readouterr().err


def test_the_file_of_the_setting_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTIFY_FILE", str(write_rules(tmp_path, "json://host.test/")))
    assert run(["notify", "check"]) == 0
    assert str(tmp_path / "notify.toml") in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("address", [f"nosuch://{TOKEN}", f"json://host.test/{TOKEN} and more", ""])
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    assert run(["notify", "check", str(write_rules(tmp_path, address))]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'notify.toml'}: targets.screen: " in error.replace("\n", "")
    assert TOKEN not in error


def test_a_test_message_reaches_the_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with webhook() as server:
        path = write_rules(tmp_path, f"json://{server.address}/{TOKEN}")
        assert run(["notify", "test", "screen", "--file", str(path)]) == 0
        assert server.titles == ["TEST london: test message"]
        assert "Nothing has happened" in server.messages[0]
    assert capsys.readouterr().out == "screen: accepted by JSON\n"


def test_a_refused_test_message_gives_exit_code_1_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with webhook(status=403) as server:
        path = write_rules(tmp_path, f"json://{server.address}/{TOKEN}")
        assert run(["notify", "test", "screen", "--file", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("screen: not accepted: ")
    assert "403" in error
    assert TOKEN not in error


def test_the_heartbeat_can_be_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with webhook() as server:
        path = write_rules(tmp_path, "json://host.test/", more='[heartbeat]\nurl_file = "heart.url"\n')
        (tmp_path / "heart.url").touch(mode=0o600)
        (tmp_path / "heart.url").write_text(f"http://{server.address}/{TOKEN}", encoding="utf-8")
        assert run(["notify", "test", "heartbeat", "--file", str(path)]) == 0
        assert server.paths == [f"/{TOKEN}"]
    assert capsys.readouterr().out == "heartbeat: the address was called\n"


def test_an_unknown_target_is_refused_with_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["notify", "test", "phone", "--file", str(write_rules(tmp_path, "json://host.test/"))]) == 2
    assert "TARGET is 'phone', expected one of screen" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------- receive


def received(*bodies: bytes) -> list[str]:
    """What the receiver shows for messages with these bodies."""
    shown: list[str] = []
    receiver = WebhookReceiver(0, shown.append, messages_max=len(bodies))
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    for body in bodies:
        with urlopen(Request(f"http://127.0.0.1:{receiver.port}/", data=body, method="POST")) as answer:
            assert answer.status == 200
    thread.join()
    receiver.close()
    return shown


def a_body(title: str, message: str) -> bytes:
    return json.dumps({"version": "1.0", "title": title, "message": message, "type": "info"}).encode()


def test_a_message_is_shown_with_its_title_and_text() -> None:
    [shown] = received(a_body("LIVE london: HALT", "first\nsecond"))
    first, *lines = shown.splitlines()
    assert first.endswith("LIVE london: HALT")
    assert lines == ["  first", "  second"]


def test_a_repeat_is_named() -> None:
    text = "HALTED\nkey 1f3a9c2e-17"
    first, second, third = received(a_body("a", text), a_body("a", text), a_body("b", "HALTED\nkey 1f3a9c2e-18"))
    assert "(repeat of a message with the same key)" in second
    assert not any("repeat" in shown for shown in (first, third))


def test_a_text_that_looks_like_a_key_is_not_taken_for_one() -> None:
    bodies = [a_body("a", f"refused:\nkey 1f3a9c2e-1\nkey 1f3a9c2e-{number}") for number in (17, 18)]
    assert not any("repeat" in shown for shown in received(*bodies))
    assert not any("repeat" in shown for shown in received(*[a_body("a", "key 1f3a9c2e-1\nand more")] * 2))


def test_a_body_of_another_form_is_shown_and_signs_of_a_terminal_are_not() -> None:
    [shown] = received(b"\x1b[31mred \xff")
    assert shown.splitlines()[1] == "  \\x1b[31mred \N{REPLACEMENT CHARACTER}"
    [shown] = received(a_body("\x1b]0;title", "\x07text"))
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_the_command_shows_what_a_target_gets_and_ends_after_the_given_number() -> None:
    port = free_port()
    line = [PAPERDESK, "notify", "receive", "--port", str(port), "--messages", "1"]
    with subprocess.Popen(list(map(str, line)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert f"json://127.0.0.1:{port}/" in process.stdout.readline()
        assert AppriseTarget("screen", f"json://127.0.0.1:{port}/").send("title", "text", Severity.INFO) == ""
        shown = process.stdout.read()
        assert "title\n  text" in shown
        assert process.wait(20) == 0


@pytest.mark.parametrize("body", [b"text", None], ids=["message", "heartbeat"])
def test_a_receiver_that_nobody_reads_any_more_accepts_nothing_and_ends(body: bytes | None) -> None:
    """The sender then keeps the message and tries again, as with any target that does not accept it."""
    port = free_port()
    line = [PAPERDESK, "notify", "receive", "--port", str(port)]
    with subprocess.Popen(list(map(str, line)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline().startswith(b"waiting for messages")
            process.stdout.close()
            with pytest.raises(HTTPError) as refused:
                urlopen(Request(f"http://127.0.0.1:{port}/", data=body))
            assert refused.value.code == 503
            refused.value.close()
            assert process.wait(20) == EXIT_READER_GONE
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_a_body_without_a_length_or_too_long_is_refused() -> None:
    shown: list[str] = []
    receiver = WebhookReceiver(0, shown.append)
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        for length in (str(BODY_BYTES_MAX + 1), "-1", "x"):
            connection = HTTPConnection("127.0.0.1", receiver.port)
            connection.putrequest("POST", "/")
            connection.putheader("Content-Length", length)
            connection.endheaders()
            assert connection.getresponse().status == 413
            connection.close()
    finally:
        receiver._server.shutdown()
        thread.join()
        receiver.close()
    assert shown == []
