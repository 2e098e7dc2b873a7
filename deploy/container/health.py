"""Health check of a container: `gateway` sends a PING to the gateway, `desk` queries supervisord and portfolio.

Docker runs the check every few seconds, so it does not import the command line, which would be slow. If a check fails,
one line on stdout gives the reason, and the exit code is 1, which means unhealthy.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Final

import zmq

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from common.settings import CommonSettings, load
from common.sockets import Sockets, send
from common.supervisor_rpc import RPC_ERRORS, call_supervisor
from proto.codec import decode_control_reply, encode
from proto.control import StatusQuery, StatusReply, describe, keeps_from_trading

TIMEOUT_MS: Final = 2_000
PROGRAMS: Final = ("signal", "portfolio", "execution", "watchdog")
UNHEALTHY_INFO: Final = ("CONNECTING", "RECONCILING")
"""Conditions of severity INFO that make the desk unhealthy, because they last if there is a fault."""


class UnhealthyError(Exception):
    """The check has failed; the text is the reason in one line."""


def gateway() -> None:
    """Check that the gateway of this container answers a PING.

    Raises:
        UnhealthyError: the gateway does not answer, or answers with an error.
    """
    url = os.environ.get("MT5_REQUEST_URL", "tcp://127.0.0.1:5555").replace("//0.0.0.0:", "//127.0.0.1:")
    reply = json.loads(_ask(url, json.dumps({"action": "PING"}).encode()))
    if reply.get("status") != "OK":
        raise UnhealthyError(f"the gateway answered PING with {reply}")


def desk() -> None:
    """Check that every process runs and no condition makes the desk unhealthy (`desk_problem`).

    Raises:
        UnhealthyError: a process does not run, portfolio does not answer, or a condition makes the desk unhealthy.
    """
    url = f"unix://{PROJECT_ROOT}/var/run/supervisor.sock"
    processes = call_supervisor(url, "getAllProcessInfo", timeout_s=TIMEOUT_MS / 1_000)
    states = {process["name"]: process["statename"] for process in processes}
    down = [f"{name} is {states.get(name, 'unknown')}" for name in PROGRAMS if states.get(name) != "RUNNING"]
    if down:
        raise UnhealthyError(", ".join(down))
    status = decode_control_reply(_ask(load(CommonSettings).control_url, encode(StatusQuery())))
    if not isinstance(status, StatusReply):
        raise UnhealthyError(f"portfolio answered {status}, expected its status")
    if problem := desk_problem(status):
        raise UnhealthyError(problem)


def desk_problem(status: StatusReply) -> str:
    """The conditions that prevent trading until a person acts, and those in UNHEALTHY_INFO, in one line.

    The text is empty if there are none.
    """
    return "; ".join(
        describe(one) for one in status.conditions if keeps_from_trading(one) or one.code in UNHEALTHY_INFO
    )


def _ask(url: str, request: bytes) -> bytes:
    sockets = Sockets()
    try:
        socket = sockets.dealer(url)
        if not socket.poll(TIMEOUT_MS, zmq.POLLOUT) or not send(socket, [b"", request]):
            raise UnhealthyError(f"no process listens at {url}")
        if not socket.poll(TIMEOUT_MS, zmq.POLLIN):
            raise UnhealthyError(f"no answer from {url} within {TIMEOUT_MS} ms")
        return socket.recv_multipart()[-1]
    finally:
        sockets.close()


CHECKS: Final[dict[str, Callable[[], None]]] = {"gateway": gateway, "desk": desk}


def main() -> int:
    """Run the check that the first argument names; return the exit code."""
    try:
        CHECKS[sys.argv[1]]()
    except (UnhealthyError, StartError, *RPC_ERRORS) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
