"""The address that signs in once, also of a desk whose page cannot be used."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orchestration.page_sign_in import sign_in_address
from services.web.security.auth_store import FILE_NAME, AuthStore
from services.web.security.identity import Role
from services.web.security.users import UsersFile

PAGE = "http://127.0.0.1:8642/"


def test_its_token_signs_in_with_role_trade(tmp_path: Path) -> None:
    address = sign_in_address(PAGE, tmp_path, None)
    name, _, token = urlsplit(address).fragment.partition("=")
    assert (address.startswith(PAGE), name) == (True, "once")
    with closing(AuthStore(tmp_path, UsersFile(tmp_path / "web_users.toml"))) as store:
        assert store.take_once(token) is Role.TRADE


@pytest.mark.parametrize("page_url", ["", "https://desk.example.com/", "http://10.0.0.5:8642/"])
def test_there_is_none_beyond_loopback(page_url: str, tmp_path: Path) -> None:
    assert sign_in_address(page_url, tmp_path, None) == ""
    assert not (tmp_path / FILE_NAME).exists()


def test_a_damaged_file_of_sessions_does_not_keep_the_desk_from_starting(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    assert sign_in_address(PAGE, tmp_path, None) == ""
