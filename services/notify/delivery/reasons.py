"""The reason why a message was not accepted, made from apprise's log without the secrets of the target.

apprise returns no error: its reason stands only in its log, whose lines may contain parts of the target's address. The
lines of each sending thread are captured here and go nowhere else.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote

REASON_CHARS_MAX: Final = 200
PART_CHARS_MIN: Final = 4
"""Shorter parts of an address are no secrets, except passwords; to hide them would make a reason unreadable."""

HIDDEN: Final = "***"

_CAUSES: Final = (
    (r"Connection refused|ConnectionRefusedError", "connection refused"),
    (r"Read timed out|timed out|TimeoutError|ConnectTimeout", "no answer in time"),
    (r"Name or service not known|NameResolutionError|getaddrinfo|Temporary failure in name", "host name not found"),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError", "the certificate is not accepted"),
    (r"SMTPAuthenticationError|\b535\b", "the server refuses user or password"),
    (r"SMTPRecipientsRefused", "the server refuses the recipient"),
    (r"SMTPServerDisconnected|RemoteDisconnected|Connection aborted|ConnectionResetError", "the server hung up"),
    (r"No route to host|Network is unreachable", "no route to the host"),
)
"""Patterns of the details in apprise's log that name a cause without any part of the address."""

_captured = threading.local()


class _Capture(logging.Handler):
    """Adds the lines of apprise's log to the list of the thread that logs them."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(_captured, "lines", None)
        if lines is not None:
            lines.append((record.levelno, record.getMessage()))


def silence_libraries() -> None:
    """Keep the logs of apprise and its HTTP library from every output, because they contain addresses."""
    for name in ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib", "markdown", "MARKDOWN"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [logging.NullHandler()]
    apprise = logging.getLogger("apprise")
    apprise.handlers = [_Capture()]
    apprise.setLevel(logging.DEBUG)  # the cause of a failed connection is logged at this level


@contextmanager
def captured_lines() -> Iterator[list[tuple[int, str]]]:
    """The lines that apprise logs in this thread within the block: level and text."""
    lines: list[tuple[int, str]] = []
    _captured.lines = lines
    try:
        yield lines
    finally:
        _captured.lines = None


def reason_of(lines: list[tuple[int, str]], address: str) -> str:
    """The reason in one line, without any part of the address.

    Args:
        lines: captured lines of one attempt to send.
        address: the secret address of the target.
    """
    warnings = [text for level, text in lines if level >= logging.WARNING]
    details = " ".join(text for level, text in lines if level < logging.WARNING)
    cause = next((cause for pattern, cause in _CAUSES if re.search(pattern, details)), "")
    first = hide(warnings[0] if warnings else "", address).rstrip(". ")
    return ": ".join(filter(None, (first, cause))) or "not accepted, the service named no reason"


def hide(text: str, address: str) -> str:
    """The text in one short line, in which each part of the address is hidden."""
    line = " ".join(text.split())
    for part in _parts(address):
        line = line.replace(part, HIDDEN)
    line = "".join(sign for sign in line if sign.isprintable())
    return line if len(line) <= REASON_CHARS_MAX else f"{line[: REASON_CHARS_MAX - 1]}…"


def _parts(address: str) -> list[str]:
    """Parts of an address, as written and without percent signs, the longest first."""
    scheme, has_scheme, rest = address.partition("://")
    if not has_scheme:
        scheme, rest = "", address
    secret, has_user, _ = rest.rpartition("@")
    password = secret.partition(":")[2] if has_user else ""
    parts = {
        address,
        rest,
        password,
        *(part for part in re.split(r"[/:@?&=,;#]+", rest) if len(part) >= PART_CHARS_MIN),
    }
    parts |= {unquote(part) for part in parts}
    return sorted(filter(None, parts - {scheme}), key=len, reverse=True)
