"""Targets that are prepared in the background, because the library that sends takes half a second to load."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from common.errors import StartError
from proto.control import Severity
from services.notify.delivery.apprise_target import AppriseTarget


class PreparedTarget:
    """A target whose address is checked at the first use; may be used by any thread."""

    def __init__(self, name: str, address: str) -> None:
        """Keep the secret address."""
        self._name, self._address = name, address
        self._lock = threading.Lock()
        self._target: AppriseTarget | None = None

    def prepare(self) -> AppriseTarget:
        """Check the address.

        Raises:
            StartError: no service has such an address; the text has only the name of the target.
        """
        with self._lock:
            if self._target is None:
                self._target = AppriseTarget(self._name, self._address)
            return self._target

    def send(self, title: str, body: str, severity: Severity) -> str:
        """Send a message and wait; return why it was not accepted, empty if it was."""
        try:
            target = self.prepare()
        except StartError as error:  # the process is ending because of it
            return str(error)
        return target.send(title, body, severity)


class Preparation:
    """Prepares targets in a thread."""

    def __init__(self, targets: Iterable[PreparedTarget]) -> None:
        """Begin."""
        self.error: StartError | None = None
        """Why a target cannot be used; the event loop raises it."""
        self._targets = list(targets)
        self._thread = threading.Thread(target=self._run, name="targets", daemon=True)
        self._thread.start()

    def require_valid(self) -> None:
        """Raise the error of a target that cannot be used, as soon as it is known.

        Raises:
            StartError: a target cannot be used.
        """
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        for target in self._targets:
            try:
                target.prepare()
            except StartError as error:
                self.error = error
                return
