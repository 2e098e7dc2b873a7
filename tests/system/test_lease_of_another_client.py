"""A running desk halts with an alert when another client gets the lease, and trades again after a resume."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import zmq

from common.control_client import ControlClient
from orchestration.address_files import CONTROL_FILE, GATEWAY_FILE
from proto.control import StatusQuery, StatusReply, TradingState
from proto.gateway.epochs import EPOCH_STEP_MAX
from tests.support.command_line import TIMEOUT_S, paperdesk
from tests.support.waits import wait_for
from tests.system.test_run import FLIPPING, filled, run_until


def ask_gateway(desk: Path, **request: Any) -> dict[str, Any]:
    """Send a request as another client, without the project's protocol code, and return the reply."""
    url = (desk / GATEWAY_FILE).read_text(encoding="utf-8").strip()
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(url)
        socket.send(msgpack.packb(request))
        assert socket.poll(10_000), request
        reply: dict[str, Any] = msgpack.unpackb(socket.recv())
        return reply


def lease(desk: Path, epoch: int) -> dict[str, Any]:
    seen_ns = ask_gateway(desk, action="HELLO", client="other")["lease_now_ns"]
    return ask_gateway(desk, action="LEASE", holder="other", epoch=epoch, seen_ns=seen_ns)


def status_of(desk: Path) -> StatusReply | None:
    with ControlClient((desk / CONTROL_FILE).read_text(encoding="utf-8").strip()) as client:
        return client.request(StatusQuery(), StatusReply, timeout_s=1.0)


def has_filled_since(desk: Path, before: int) -> bool:
    return filled(desk) > before


def is_halted_by_lease(desk: Path) -> bool:
    status = status_of(desk)
    return (
        status is not None
        and status.trading_state is TradingState.HALTED
        and "LEASE_LOST" in {one.code for one in status.conditions}
    )


def test_a_lease_of_another_client_stops_the_desk_until_a_person_resumes_it(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    fills: list[int] = []

    def has_been_attacked_and_trades_again() -> bool:
        if filled(desk) <= 4 or fills:
            return bool(fills) and filled(desk) > fills[0] + 4
        highest = lease(desk, 2**53)
        assert (highest["status"], highest["error_code"]) == ("ERROR", "EPOCH_TOO_HIGH")
        before = filled(desk)
        wait_for(lambda: filled(desk) > before, "a fill after the lease that was refused", seconds=TIMEOUT_S)
        for _ in range(2):
            assert lease(desk, highest["epoch"] + EPOCH_STEP_MAX)["status"] == "OK"
            wait_for(lambda: is_halted_by_lease(desk), "the desk to show that it is halted", seconds=TIMEOUT_S)
            assert paperdesk("resume", "--data-dir", desk, "--reason", "that one is gone").returncode == 0
            before = filled(desk)
            wait_for(partial(has_filled_since, desk, before), "a fill after the resume", seconds=TIMEOUT_S)
            highest = lease(desk, 2**53)
        fills.append(filled(desk))
        return False

    output = run_until(has_been_attacked_and_trades_again, "--data-dir", desk, "--strategy", FLIPPING)
    assert "ALERT LEASE_LOST" in output
    assert "reconciled: ledger and venue agree" in output
