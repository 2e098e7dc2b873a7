"""notify, killed while it sends, loses no event, and repeats at most the message in flight, with the same key."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from verification.chaos import alert_kills
from verification.chaos.alert_kills import run_alert_kills
from verification.chaos.alert_servers import AlertServer, Behaviour, start_webhook

KILLS = 40


def test_forty_kills_lose_no_event_and_repeat_no_other_message(tmp_path: Path) -> None:
    found = run_alert_kills(tmp_path, kills=KILLS, seed=7)
    assert found.wrong == []
    assert found.events > 2 * KILLS
    for target in found.targets:
        assert target.failures > 0, target
        assert target.receipts >= target.messages > KILLS / 4, target


class Written:
    """Events of a run that must have arrived."""

    markers = ("marker-1.", "marker-2.")
    ended = ("marker-2.",)


@pytest.fixture
def server() -> Iterator[AlertServer]:
    """A server with the receipts of a faultless run."""
    ending = threading.Event()
    found = start_webhook(1, ending)
    found.receive("title", "marker-1.\nkey d-1", Behaviour.ACCEPT)
    found.receive("title", "marker-2.\nended at 08:00\nkey d-2", Behaviour.CLOSE_AFTER)
    found.receive("title", "marker-2.\nended at 08:00\nkey d-2", Behaviour.ACCEPT)
    yield found
    ending.set()
    found.close()


def faults(server: AlertServer) -> list[str]:
    return alert_kills._faults(server, Written())  # type: ignore[arg-type]


def test_a_repeat_after_a_lost_answer_or_one_for_a_kill_is_no_fault(server: AlertServer) -> None:
    assert faults(server) == []
    server.incarnation = 1
    server.receive("title", "marker-1.\nkey d-1", Behaviour.ACCEPT)
    assert faults(server) == []


def test_a_lost_event_is_a_fault(server: AlertServer) -> None:
    del server.receipts[0]
    assert faults(server) == ["hook: marker-1. did not arrive"]


def test_a_lost_end_is_a_fault(server: AlertServer) -> None:
    server.receipts = [server.receipts[0]]
    server.receive("title", "marker-2.\nkey d-2", Behaviour.ACCEPT)
    assert faults(server) == ["hook: the end of marker-2. did not arrive"]


def test_the_key_of_a_message_is_in_its_last_line(server: AlertServer) -> None:
    server.receive("title", "marker-1.\nkey d-1\nkey d-9\n", Behaviour.ACCEPT)
    assert server.receipts[-1].key == "d-9"


def test_a_second_repeat_for_a_kill_is_a_fault(server: AlertServer) -> None:
    server.incarnation = 1
    for key in ("d-1", "d-2"):
        [text, *_] = (one.text for one in server.receipts if one.key == key)
        title, _, body = text.partition("\n")
        server.receive(title, body, Behaviour.ACCEPT)
    assert faults(server) == ["hook: 2 answered messages were repeated after kill 1"]


def test_a_repeat_with_another_text_or_without_a_key_is_a_fault(server: AlertServer) -> None:
    server.receive("title", "marker-1., other\nkey d-1", Behaviour.ACCEPT)
    server.receive("title", "marker-1.", Behaviour.ACCEPT)
    assert faults(server) == ["hook: the messages with key d-1 differ", "hook: 1 messages without a key"]
