"""Address of the web page of `paperdesk run`."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

from common.errors import StartError

DEFAULT_PAGE_PORT: Final = 8_642
"""Port of the page if WEB_PORT is not set."""

_EVERY_ADDRESS: Final = ("0.0.0.0", "::", "")  # noqa: S104 - compared with the setting, not bound


class PageAddress(NamedTuple):
    """Port and address of a page; `port` is 0 and `url` empty for a desk without a page."""

    port: int
    url: str


def choose_page_address(settings: Mapping[str, str]) -> PageAddress:
    """Choose the port of the page: WEB_PORT, or else 8642, or a free port if another process has 8642.

    Args:
        settings: the settings of the run by name.

    Raises:
        StartError: WEB_PORT is set and not free.
    """
    host = settings.get("WEB_HOST", "127.0.0.1")
    given = settings.get("WEB_PORT")
    if given is not None and int(given) == 0:
        return PageAddress(0, "")
    port = _free_port(host, DEFAULT_PAGE_PORT if given is None else int(given))
    if port is None and given is not None:
        raise StartError(f"WEB_PORT: value '{given}', expected a free port of {host}; 0 means no page")
    port = port or _free_port(host, 0)
    if port is None:
        raise StartError(f"WEB_HOST: value '{host}', expected an address of this host with a free port")
    scheme = "https" if settings.get("WEB_TLS_CERT") else "http"
    shown = "127.0.0.1" if host in _EVERY_ADDRESS else f"[{host}]" if ":" in host else host
    return PageAddress(port, f"{scheme}://{shown}:{port}/")


def _free_port(host: str, port: int) -> int | None:
    """`port` if it can be bound, any free port for 0, None if it cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])
