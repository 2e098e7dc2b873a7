"""A target that apprise can send to: one address, one plain text at a time.

apprise would interpret emoji names, escapes, Markdown and HTML in a text, follow redirects that turn a message into a
question, cut or refuse long texts, and keep files. It must not: a text is sent as it is, in several parts if it is
longer than the service allows, and nothing is stored.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

from common.errors import StartError
from proto.control import Severity
from services.notify.delivery.reasons import captured_lines, reason_of, silence_libraries

if TYPE_CHECKING:
    from apprise.plugins.base import NotifyBase

CONNECT_S: Final = 5.0
"""Seconds for a connection, unless the address has its own `cto=`."""

READ_S: Final = 10.0
"""Seconds between two parts of an answer, unless the address has its own `rto=`."""

MAIL: Final = "mailto"
"""Scheme of mail, for which apprise would wait 5.5 s between two messages, although no mail server requires that."""

_KINDS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


class AppriseTarget:
    """One target; `send` may be called from any thread."""

    def __init__(self, name: str, address: str) -> None:
        """Check the address, without connecting.

        Args:
            name: the target's name in the rules file.
            address: apprise's address of a service, which is secret.

        Raises:
            StartError: apprise knows no such service, or the address lacks a part; the text has only the name.
        """
        # Imported here: only the process that sends needs apprise, whose import takes half a second.
        from apprise import Apprise, AppriseAsset, NotifyFormat, OverflowMode

        silence_libraries()
        asset = AppriseAsset(
            app_id="Paperdesk",
            app_desc="Paperdesk",
            app_url="",
            async_mode=False,
            service_timeout=0,
            storage_mode="memory",
            pgp_autogen=False,
            pem_autogen=False,
            http_redirects=False,
            interpret_emojis=False,
            interpret_escapes=False,
            secure_logging=True,
        )
        with captured_lines() as lines, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of modules that apprise imports for single services
            service = Apprise.instantiate(address, asset=asset)
        if service is None:
            raise StartError(
                f"target {name}: apprise cannot use the address ({reason_of(lines, address)}); expected an address of "
                "a service as apprise documents it, such as json://HOST/PATH or mailto://USER:PASSWORD@HOST"
            )
        if "cto=" not in address:
            service.socket_connect_timeout = CONNECT_S
        if "rto=" not in address:
            service.socket_read_timeout = READ_S
        if str(service.protocol) == MAIL:
            service.request_rate_per_sec = 0.0
        self.name: Final = name
        self._address: Final = address
        self._service: Final[NotifyBase] = service
        self._format: Final = NotifyFormat.TEXT
        self._overflow: Final = OverflowMode.SPLIT

    @property
    def service(self) -> str:
        """Name of the service, such as Telegram."""
        return str(self._service.service_name)

    def send(self, title: str, body: str, severity: Severity) -> str:
        """Send a message and wait for the service's answer.

        Returns:
            Why the message was not accepted, without secrets; empty if it was accepted.
        """
        if self._service.title_maxlen <= 0 or len(title) > self._service.title_maxlen:
            title, body = "", f"{title}\n{body}"
        with captured_lines() as lines:
            try:
                is_accepted = self._service.notify(
                    title=title,
                    body=body,
                    notify_type=_KINDS[severity],
                    body_format=self._format,
                    overflow=self._overflow,
                )
            except Exception as error:  # a plugin is foreign code for one of many services; its target alone fails
                return f"{self.service} failed with {type(error).__name__}"
            return "" if is_accepted else reason_of(lines, self._address)
