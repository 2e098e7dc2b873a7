"""Client of supervisord's XML-RPC interface, which reports and starts programs."""

from __future__ import annotations

import os
from typing import Final

from common.errors import StartError
from common.logs import get_logger
from common.supervisor_rpc import RPC_ERRORS, call_supervisor
from services.watchdog.core.watchdog import Program

URL_VARIABLE: Final = "SUPERVISOR_SERVER_URL"
NAME_VARIABLE: Final = "SUPERVISOR_PROCESS_NAME"
RPC_TIMEOUT_S: Final = 2.0


class Supervisor:
    """The supervisord whose event listener this process is."""

    def __init__(self) -> None:
        """Find supervisord through environment variables, which supervisord sets for this process.

        Raises:
            StartError: this process was not started by supervisord.
        """
        self._url = os.environ.get(URL_VARIABLE, "")
        self._own_name = os.environ.get(NAME_VARIABLE, "")
        if not self._url:
            raise StartError(f"{URL_VARIABLE} is not set, expected to be started by supervisord as an event listener")

    def programs(self) -> list[Program] | None:
        """Return every program except the watchdog; None if supervisord does not answer.

        The query also wakes supervisord, which otherwise checks only once a second whether a process has ended.
        """
        try:
            rows = call_supervisor(self._url, "getAllProcessInfo", timeout_s=RPC_TIMEOUT_S)
        except RPC_ERRORS:
            return None
        return [
            Program(row["name"], row["statename"], int(row["pid"]), int(row["exitstatus"]))
            for row in rows
            if row["name"] != self._own_name
        ]

    def start(self, name: str) -> None:
        """Start a program that supervisord would not restart by itself; a running program is left unchanged."""
        try:
            call_supervisor(self._url, "startProcess", name, False, timeout_s=RPC_TIMEOUT_S)
        except RPC_ERRORS as error:
            get_logger().warning(f"{name} could not be started again", error=str(error))
