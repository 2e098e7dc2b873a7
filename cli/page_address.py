"""Address and settings of the web page of `paperdesk run`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final, NamedTuple

from common.errors import StartError
from services.web.security.exposure import exposure_problem
from services.web.security.users import UsersFile
from services.web.server import require_certificate
from services.web.settings import WebSettings

DEFAULT_PAGE_PORT: Final = 8_642
"""Port of the page if WEB_PORT is not set."""


class PageAddress(NamedTuple):
    """Port and address of a page; `port` is 0 and `url` empty for a desk without a page."""

    port: int
    url: str


def require_page(settings: WebSettings, data_dir: Path) -> None:
    """Refuse settings with which the page of a desk in `data_dir` would not start.

    Raises:
        StartError: the page would be exposed without users or TLS, or the file of users or the certificate is unusable.
    """
    if "web_port" in settings.model_fields_set and settings.web_port == 0:
        return
    if "web_users_file" not in settings.model_fields_set:
        settings = settings.model_copy(update={"web_users_file": data_dir / settings.web_users_file.name})
    if problem := exposure_problem(settings, UsersFile(settings.web_users_file).users().keys()):
        raise StartError(problem)
    require_certificate(settings)


def choose_page_address(settings: WebSettings) -> PageAddress:
    """Choose the port of the page: WEB_PORT, or else 8642, or a free port if another process has 8642.

    Raises:
        StartError: WEB_PORT is set and not free, or the host has no address WEB_HOST.
    """
    host, is_given = settings.web_host, "web_port" in settings.model_fields_set
    if is_given and settings.web_port == 0:
        return PageAddress(0, "")
    port = _free_port(host, settings.web_port if is_given else DEFAULT_PAGE_PORT)
    if port is None and is_given:
        raise StartError(f"WEB_PORT: value '{settings.web_port}', expected a free port of {host}; 0 means no page")
    port = port or _free_port(host, 0)
    if port is None:
        raise StartError(f"WEB_HOST: value '{host}', expected an address of this host with a free port")
    return PageAddress(port, f"{settings.model_copy(update={'web_port': port}).local_url}/")


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
