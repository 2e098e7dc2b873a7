"""`paperdesk run` chooses the port of its page, and refuses a port that it cannot have."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.page_address import DEFAULT_PAGE_PORT, PageAddress, choose_page_address, require_page
from common.errors import StartError
from services.web.security.identity import Role
from services.web.security.passwords import Passwords
from services.web.security.users import UsersFile
from services.web.settings import WebSettings
from tests.support.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of loopback that another socket has."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_desk_has_no_page_with_port_0() -> None:
    assert choose_page_address(WebSettings(web_port=0)) == PageAddress(0, "")


@pytest.mark.parametrize(
    ("host", "cert", "beginning"),
    [
        ("127.0.0.1", None, "http://127.0.0.1"),
        ("127.0.0.1", Path("cert.pem"), "https://127.0.0.1"),
        ("localhost", None, "http://localhost"),
        ("0.0.0.0", None, "http://127.0.0.1"),
    ],
)
def test_the_address_of_a_free_port_is_that_of_the_settings(host: str, cert: Path | None, beginning: str) -> None:
    port = free_port()
    settings = WebSettings(web_host=host, web_port=port, web_tls_cert=cert)
    assert choose_page_address(settings) == PageAddress(port, f"{beginning}:{port}/")


def test_a_port_of_the_settings_that_is_not_free_is_refused(taken: int) -> None:
    with pytest.raises(StartError, match=f"^WEB_PORT: value '{taken}', expected a free port of 127.0.0.1; 0 means no"):
        choose_page_address(WebSettings(web_port=taken))


def test_a_host_of_the_settings_that_is_not_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEB_PORT")
    with pytest.raises(StartError, match=r"^WEB_HOST: value '192\.0\.2\.1', expected an address of this host"):
        choose_page_address(WebSettings(web_host="192.0.2.1"))


def test_without_a_port_in_the_settings_a_free_one_replaces_the_usual_one_if_that_is_taken(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEB_PORT")
    monkeypatch.setattr("cli.page_address.DEFAULT_PAGE_PORT", taken)
    page = choose_page_address(WebSettings())
    assert page.port not in (0, taken)
    assert page.url == f"http://127.0.0.1:{page.port}/"


def test_without_a_port_in_the_settings_the_usual_one_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DEFAULT_PAGE_PORT == 8_642
    port = free_port()
    monkeypatch.delenv("WEB_PORT")
    monkeypatch.setattr("cli.page_address.DEFAULT_PAGE_PORT", port)
    assert choose_page_address(WebSettings()) == PageAddress(port, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"web_host": "0.0.0.0"}, "WEB_HOST: value '0.0.0.0' is reachable from other hosts, expected 127.0.0.1"),
        ({"web_trusted_proxy": "foo"}, "WEB_TRUSTED_PROXY: value 'foo', expected the address or network"),
        ({"web_tls_cert": Path("c.pem")}, "WEB_TLS_CERT is set and WEB_TLS_KEY is not"),
        ({"web_tls_cert": Path("c.pem"), "web_tls_key": Path("k.pem")}, "WEB_TLS_CERT and WEB_TLS_KEY: values"),
    ],
)
def test_a_page_that_would_not_start_is_refused_before_the_desk_starts(
    given: dict[str, object], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(StartError) as refused:
        require_page(WebSettings(web_port=free_port(), **given), tmp_path)  # type: ignore[arg-type]
    assert str(refused.value).startswith(problem)
    require_page(WebSettings(web_port=0, **given), tmp_path)  # type: ignore[arg-type]
    require_page(WebSettings(web_port=free_port()), tmp_path)


def test_the_users_of_a_page_beyond_loopback_are_those_of_the_data_directory(tmp_path: Path) -> None:
    settings = WebSettings(web_port=free_port(), web_host="0.0.0.0", web_published="loopback")
    with pytest.raises(StartError, match="a user in"):
        require_page(settings, tmp_path)
    UsersFile(tmp_path / "web_users.toml").add("alice", Role.TRADE, Passwords().hash("correct horse battery"))
    require_page(settings, tmp_path)
