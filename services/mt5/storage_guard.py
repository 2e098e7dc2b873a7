"""The gateway's behaviour when the disk cannot be written.

Orders are refused with STORAGE, ticks wait, and writing is retried. Only durable effects are acknowledged.
"""

from __future__ import annotations

from typing import Final

from common.clock import mono_ns
from common.logs import get_logger
from common.storage import DISK_FAULTS
from proto.core import Core
from proto.gateway import Reply, Request
from proto.messages import Tick
from proto.time import Now
from services.mt5 import metrics
from services.mt5.core.gateway.gateway import Gateway

RETRY_NS: Final = 250_000_000
LOG_PAUSE_NS: Final = 10_000_000_000
"""Shortest time between two log lines about failed writes, because every request may fail."""

_log = get_logger()


class StorageGuard(Core[Request, Reply | Tick]):
    """A gateway core whose methods never raise `DISK_FAULTS`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._retry_mono_ns = 0
        self._is_started = False
        self._has_failed = False
        """Whether a write has failed since the last `update`."""
        self._logged_mono_ns = -LOG_PAUSE_NS

    def start(self, now: Now) -> list[Tick]:
        """Start the gateway; if the disk cannot be written, `update` tries again."""
        try:
            outputs = self._gateway.start(now)
        except DISK_FAULTS as error:
            self.note_fault(error)
            return []
        self._is_started = True
        return outputs

    def handle(self, request: Request, now: Now) -> list[Reply]:
        """Answer a request; the error code is STORAGE if its outcome could not be stored."""
        try:
            return self._gateway.handle(request, now)
        except DISK_FAULTS as error:
            self.note_fault(error)
            return [self._gateway.storage_error(request, str(error))]

    def next_timer(self) -> int | None:
        """Monotonic time of the gateway's next timer, or of the next attempt to write if that is later."""
        due = self._gateway.next_timer()
        return None if due is None else max(due, self._retry_mono_ns)

    def on_timer(self, now: Now) -> list[Tick]:
        """The ticks to publish; none for `RETRY_NS` after a failed write in this method."""
        if now.mono_ns < self._retry_mono_ns:
            return []
        try:
            return self._gateway.on_timer(now)
        except DISK_FAULTS as error:
            self.note_fault(error)
            self._retry_mono_ns = now.mono_ns + RETRY_NS
            return []

    on_idle = on_timer

    def update(self, now: Now) -> None:
        """Retry a failed start, and clear the storage problem if no write has failed since the last call.

        The shell calls it each second.
        """
        if not self._is_started:
            self.start(now)
        if not self._has_failed:
            self._gateway.leases.storage_problem = ""
        self._has_failed = False

    def note_fault(self, error: Exception) -> None:
        """Count a failed write, and report it in the log and in replies to LEASE."""
        metrics.STORAGE_FAULTS.inc()
        self._has_failed = True
        self._gateway.leases.storage_problem = f"the gateway cannot write: {error}"
        now_ns = mono_ns()
        if now_ns >= self._logged_mono_ns + LOG_PAUSE_NS:
            self._logged_mono_ns = now_ns
            _log.error("the disk cannot be written; orders are refused until a write succeeds", error=str(error))
