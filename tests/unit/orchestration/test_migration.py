"""`paperdesk migrate` finds each kind of file of a desk."""

from __future__ import annotations

from pathlib import Path

from orchestration.migration import migrate
from services.web.security.auth_store import AuthStore
from services.web.security.users import UsersFile


def test_the_file_of_web_sessions_is_found(tmp_path: Path) -> None:
    AuthStore(tmp_path, UsersFile(tmp_path / "users.toml")).close()
    [found] = migrate(tmp_path)
    assert (found.path.name, found.kind, found.before, found.after) == ("web_auth.db", "web sessions", 1, 1)
