"""The dead man's switch calls its address while the desk trades, and at no other time."""

from __future__ import annotations

import pytest

from common.errors import StartError
from services.notify.delivery import dead_mans_switch
from services.notify.delivery.dead_mans_switch import DeadMansSwitch
from tests.support.message_servers import webhook
from tests.support.ports import free_port
from tests.support.waits import wait_for

TOKEN = "e3b0c44298fc1c14"


def test_it_calls_as_long_as_the_desk_trades(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as server:
        switch = DeadMansSwitch(f"http://{server.address}/{TOKEN}", every_s=0.02)
        switch.start()
        switch.confirm()
        wait_for(lambda: switch.succeeded >= 3, "three calls")
        monkeypatch.setattr(dead_mans_switch, "CONFIRMED_S_MAX", -1)
        made = wait_for(lambda: settled(switch), "the calls to stop")
        assert len(server.paths) == made
        assert set(server.paths) == {f"/{TOKEN}"}
        switch.close()


def settled(switch: DeadMansSwitch) -> int:
    """The number of calls if none is made within ten intervals, else 0."""
    before = switch.succeeded
    switch._end.wait(0.2)
    return before if switch.succeeded == before else 0


def test_without_a_confirmation_it_makes_no_call() -> None:
    with webhook() as server:
        switch = DeadMansSwitch(f"http://{server.address}/", every_s=0.01)
        switch.start()
        switch._end.wait(0.4)
        assert server.paths == []
        switch.close()


@pytest.mark.parametrize("status", [404, 500])
def test_an_answer_other_than_success_is_a_failure(status: int) -> None:
    with webhook(status=status) as server:
        assert DeadMansSwitch(f"http://{server.address}/{TOKEN}", 60).call() == f"HTTP {status}"


def test_a_server_that_does_not_listen_is_a_failure_without_the_address() -> None:
    problem = DeadMansSwitch(f"http://127.0.0.1:{free_port()}/{TOKEN}", 60).call()
    assert problem == "Connection refused"


@pytest.mark.parametrize(
    "address",
    [
        f"ftp://host.test/{TOKEN}",
        TOKEN,
        f"{TOKEN}:abc",
        f"http:///{TOKEN}",
        f"http://[{TOKEN}",
        f"http://host.test:{TOKEN}/",
        "file:///etc/passwd",
    ],
)
def test_another_kind_of_address_is_refused_without_a_part_of_it(address: str) -> None:
    with pytest.raises(StartError) as error:
        DeadMansSwitch(address, 60)
    assert str(error.value) == "the address is of another form, expected http://HOST/... or https://HOST/..."


def test_a_user_before_the_host_is_refused_because_no_call_could_use_it() -> None:
    with pytest.raises(StartError, match="has a user or password before its host") as error:
        DeadMansSwitch(f"http://desk:{TOKEN}@host.test/", 60)
    assert TOKEN not in str(error.value)


def test_calls_that_fail_in_a_row_are_a_problem_until_one_succeeds() -> None:
    with webhook(status=500) as server:
        switch = DeadMansSwitch(f"http://{server.address}/{TOKEN}", every_s=0.01)
        assert switch.lasting_problem == ""
        switch.start()
        switch.confirm()
        wait_for(lambda: switch.lasting_problem, "three calls to fail")
        assert switch.lasting_problem.endswith(" calls failed, HTTP 500")
        server.status = 200
        wait_for(lambda: not switch.lasting_problem, "a call to succeed")
        switch.close()
