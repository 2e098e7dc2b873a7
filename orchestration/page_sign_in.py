"""The one-time address of a desk's page."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from common.errors import StartError
from common.storage import DISK_FAULTS
from services.web.security.auth_store import AuthStore
from services.web.security.identity import Role
from services.web.security.requester import is_loopback_name
from services.web.security.sign_in import one_time_address
from services.web.security.users import UsersFile


def sign_in_address(page_url: str, data_dir: Path, users_file: Path | None) -> str:
    """Return a one-time address of the page, with role trade.

    It is empty for a page beyond loopback, which has users instead, and if the page's own files cannot be used: the
    desk trades without its page, and the process `web` names the problem.

    Args:
        page_url: address of the page; empty without one.
        data_dir: the data directory of the desk.
        users_file: the file of users; None for the one in the data directory.
    """
    if not is_loopback_name(urlsplit(page_url).hostname or ""):
        return ""
    users = UsersFile(users_file or data_dir / "web_users.toml")
    try:
        with closing(AuthStore(data_dir, users)) as store:
            return one_time_address(page_url, store.new_once(Role.TRADE))
    except (StartError, *DISK_FAULTS):
        return ""
