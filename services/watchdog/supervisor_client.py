"""supervisord's XML-RPC interface: its programs and their states."""

from __future__ import annotations

import http.client
import os
import socket
import xmlrpc.client
from typing import Any, Final
from xml.parsers.expat import ExpatError

from supervisor.xmlrpc import SupervisorTransport

from common.errors import StartError
from common.logs import get_logger
from services.watchdog.core.watchdog import Program

URL_VARIABLE: Final = "SUPERVISOR_SERVER_URL"
NAME_VARIABLE: Final = "SUPERVISOR_PROCESS_NAME"
ANSWER_TIMEOUT_S: Final = 2.0

_RPC_ERRORS: Final = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)


class Supervisor:
    """The supervisord whose event listener this process is."""

    def __init__(self) -> None:
        """Find supervisord through the environment that it gave this process.

        Raises:
            StartError: this process was not started by supervisord.
        """
        self._url = os.environ.get(URL_VARIABLE, "")
        self._own_name = os.environ.get(NAME_VARIABLE, "")
        if not self._url:
            raise StartError(f"{URL_VARIABLE} is not set, expected to be started by supervisord as an event listener")
        # The transport has no timeout of its own, and a supervisord that hangs must not hang the watchdog.
        socket.setdefaulttimeout(ANSWER_TIMEOUT_S)

    def programs(self) -> list[Program] | None:
        """Every program but the watchdog; None when supervisord does not answer.

        The question also wakes supervisord, which otherwise checks only once a second whether a process has ended.
        """
        transport = SupervisorTransport(None, None, self._url)
        try:
            rows: Any = xmlrpc.client.ServerProxy(
                "http://localhost", transport=transport
            ).supervisor.getAllProcessInfo()
        except _RPC_ERRORS:
            return None
        finally:
            transport.close()
        return [
            Program(row["name"], row["statename"], int(row["pid"]), int(row["exitstatus"]))
            for row in rows
            if row["name"] != self._own_name
        ]

    def start(self, name: str) -> None:
        """Start a program that supervisord would leave ended; one that runs already is left alone."""
        transport = SupervisorTransport(None, None, self._url)
        try:
            xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor.startProcess(name, False)
        except _RPC_ERRORS as error:
            get_logger().warning(f"{name} could not be started again", error=str(error))
        finally:
            transport.close()
