"""The dead man's switch: an address that is called as long as the desk trades.

A service elsewhere raises an alarm when the calls stop, for example because the host has lost its power or its network.
The calls also stop when the desk does not trade, or when this process no longer knows whether it does.
"""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urlsplit

from common.clock import mono_ns
from common.errors import StartError
from common.logs import get_logger
from proto.time import SECOND_NS
from services.notify.delivery.reasons import hide

TIMEOUT_S: Final = 10.0
"""Seconds for each step of a call."""

CONFIRMED_S_MAX: Final = 15
"""Age of the last confirmation that the desk trades, above which no call is made."""

FAILURES_MIN: Final = 3
"""Failures in a row from which the desk has a condition because of them."""

_log = get_logger()


class DeadMansSwitch:
    """Calls the address every `every_s` seconds in its own thread, while `confirm` is called."""

    def __init__(self, address: str, every_s: float) -> None:
        """Check the address; `start` begins.

        Raises:
            StartError: the address is none of http or https, or has a user; the text contains no part of it.
        """
        if not _is_web_address(address):
            raise StartError("the address is of another form, expected http://HOST/... or https://HOST/...")
        if "@" in urlsplit(address).netloc:
            raise StartError(
                "the address has a user or password before its host, which the calls cannot use; expected "
                "http://HOST/... or https://HOST/... with the secret in its path"
            )
        self._address = address
        self._every_s = every_s
        self._confirmed_ns: int | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dead-mans-switch", daemon=True)
        self.succeeded = 0
        """Calls that were answered with a status from 200 to 299."""
        self.failed = 0
        self.problem = ""
        """Why the last call failed, without the address; empty if it succeeded."""
        self._failures = 0

    @property
    def lasting_problem(self) -> str:
        """Why the last calls failed, if there were several; a single failure is usual in a network."""
        failures, problem = self._failures, self.problem
        return f"{failures} calls failed, {problem}" if problem and failures >= FAILURES_MIN else ""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def confirm(self) -> None:
        """Record that the desk trades now; call it with each status of portfolio that shows so."""
        self._confirmed_ns = mono_ns()

    def close(self) -> None:
        """Make no further call."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(self._every_s if self.succeeded or self.failed else 0.2):
            confirmed_ns = self._confirmed_ns
            if confirmed_ns is not None and mono_ns() - confirmed_ns <= CONFIRMED_S_MAX * SECOND_NS:
                self._record(self.call())

    def call(self) -> str:
        """Call the address once.

        Returns:
            Why the call failed, without the address; empty if it succeeded.
        """
        request = urllib.request.Request(self._address, headers={"User-Agent": "Paperdesk"})  # noqa: S310 - checked
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http or https only
                return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except urllib.error.HTTPError as error:
            error.close()
            return f"HTTP {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            text = str(getattr(reason, "strerror", None) or reason or type(error).__name__)
            return hide(text, self._address)

    def _record(self, problem: str) -> None:
        if problem:
            self.failed += 1
            self._failures += 1
        else:
            self.succeeded += 1
            self._failures = 0
        if problem != self.problem:
            if problem:
                _log.warning("the heartbeat address cannot be called", error=problem)
            else:
                _log.info("the heartbeat address can be called again")
        self.problem = problem


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a bracket that is not closed, or a port that is no number
        return False
