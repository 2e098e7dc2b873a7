"""Sending in the background: no target delays another one, whatever its server does."""

from __future__ import annotations

import select
import threading

import pytest

from proto.control import Severity
from services.notify.delivery import sender as sender_module
from services.notify.delivery.apprise_target import AppriseTarget
from services.notify.delivery.sender import LEFT_BEHIND_MAX, DeliveryResult, OutgoingMessage, Sender
from tests.support.message_servers import webhook
from tests.support.waits import wait_for


class HeldTarget:
    """A target whose messages end when the test allows it."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.sent = 0

    def send(self, title: str, body: str, severity: Severity) -> str:  # noqa: ARG002 - the signature of a target
        self.allowed.wait()
        self.sent += 1
        return ""


def a_message(number: int, target: str) -> OutgoingMessage:
    return OutgoingMessage(number, target, f"title {number}", "text", Severity.INFO)


def results_of(sender: Sender, count: int) -> list[DeliveryResult]:
    found: list[DeliveryResult] = []

    def have_come() -> bool:
        found.extend(sender.results())
        return len(found) >= count

    wait_for(have_come, f"{count} results", seconds=20)
    return found


def test_an_accepted_message_has_an_empty_error_and_wakes_the_poll() -> None:
    with webhook() as server:
        sender = Sender({"hook": AppriseTarget("hook", f"json://{server.address}/")})
        sender.send(a_message(7, "hook"))
        assert select.select([sender.fileno()], [], [], 20)[0], "the descriptor is readable"
        assert sender.results() == [DeliveryResult(7, "hook", "")]
        assert not select.select([sender.fileno()], [], [], 0)[0]
        assert not sender.is_busy("hook")
        sender.close()


def test_a_refused_message_has_its_reason() -> None:
    with webhook(status=500) as server:
        sender = Sender({"hook": AppriseTarget("hook", f"json://{server.address}/")})
        sender.send(a_message(7, "hook"))
        [result] = results_of(sender, 1)
        assert "500" in result.error
        sender.close()


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
def test_a_server_that_does_not_end_its_answer_delays_no_other_target(
    behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "SEND_S_MAX", 1)
    with webhook(behaviour=behaviour) as slow, webhook() as quick:
        sender = Sender(
            {
                "slow": AppriseTarget("slow", f"json://{slow.address}/?rto=100"),
                "quick": AppriseTarget("quick", f"json://{quick.address}/"),
            }
        )
        sender.send(a_message(1, "slow"))
        for number in range(2, 7):
            sender.send(a_message(number, "quick"))
            assert results_of(sender, 1) == [DeliveryResult(number, "quick", "")]
        assert sender.is_busy("slow")
        assert results_of(sender, 1) == [DeliveryResult(1, "slow", "no complete answer within 1 s")]
        assert not sender.is_busy("slow")
        sender.close()


def test_threads_of_a_server_that_never_ends_its_answers_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "SEND_S_MAX", 0)
    target = HeldTarget()
    sender = Sender({"held": target})
    for number in range(LEFT_BEHIND_MAX):
        sender.send(a_message(number, "held"))
        assert results_of(sender, 1) == [DeliveryResult(number, "held", "no complete answer within 0 s")]
    threads = threading.active_count()
    sender.send(a_message(99, "held"))
    [result] = results_of(sender, 1)
    assert result.error == "4 earlier tries have not ended: the service does not end its answers"
    assert threading.active_count() == threads
    target.allowed.set()
    wait_for(lambda: target.sent == LEFT_BEHIND_MAX, "the earlier tries to end")
    assert sender.results() == [], "the results of tries that were given up are not reported"
    monkeypatch.setattr(sender_module, "SEND_S_MAX", 60)
    wait_for(lambda: sends_again(sender), "the target to be used again")
    sender.close()


def sends_again(sender: Sender) -> bool:
    sender.send(a_message(100, "held"))
    return results_of(sender, 1) == [DeliveryResult(100, "held", "")]
