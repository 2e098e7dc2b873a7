"""The sender of a request and the server's address, without and with a reverse proxy."""

from __future__ import annotations

from typing import Any

import pytest

from common.errors import StartError
from services.web.security.requester import Host, is_loopback_name, parsed_host, proxy_network, requester_of

PROXY = proxy_network("10.0.0.0/24")


def a_scope(peer: str = "10.0.0.5", scheme: str = "http", **headers: str | list[str]) -> dict[str, Any]:
    pairs = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in ({"host": "127.0.0.1:8642"} | headers).items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return {"type": "http", "client": (peer, 4_000), "scheme": scheme, "headers": pairs}


def test_without_a_proxy_no_forwarded_header_is_read() -> None:
    scope = a_scope(
        "192.0.2.7", x_forwarded_for="127.0.0.1", x_forwarded_proto="https", x_forwarded_host="desk.example.com"
    )
    for proxy in (None, PROXY):
        found = requester_of(scope, proxy)
        assert found == ("192.0.2.7", False, False, "http", Host("127.0.0.1", 8642))


def test_the_headers_of_the_proxy_are_read() -> None:
    scope = a_scope(x_forwarded_for="192.0.2.7", x_forwarded_proto="https", x_forwarded_host="Desk.example.com")
    assert requester_of(scope, PROXY) == ("192.0.2.7", False, True, "https", Host("desk.example.com", 443))


@pytest.mark.parametrize(
    ("forwarded", "address", "is_loopback"),
    [
        ("127.0.0.1, 192.0.2.7", "192.0.2.7", False),  # the sender forged the first address
        (["127.0.0.1", "192.0.2.7"], "192.0.2.7", False),
        ("192.0.2.7, 10.0.0.9", "192.0.2.7", False),
        ("192.0.2.7:5000", "192.0.2.7", False),
        ("[2001:db8::1]:5000", "2001:db8::1", False),
        ("2001:db8::1", "2001:db8::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("unknown", "10.0.0.5", False),
        ("192.0.2.7, unknown", "10.0.0.5", False),
        ("", "10.0.0.5", False),
    ],
)
def test_the_sender_is_the_last_address_that_the_proxy_did_not_have(
    forwarded: str | list[str], address: str, is_loopback: bool
) -> None:
    found = requester_of(a_scope(x_forwarded_for=forwarded), PROXY)
    assert (found.address, found.is_loopback) == (address, is_loopback)


def test_a_request_that_a_proxy_on_this_host_sends_without_its_sender_is_not_local() -> None:
    found = requester_of(a_scope("127.0.0.1"), proxy_network("127.0.0.1"))
    assert (found.is_loopback, found.is_proxied) == (False, True)
    assert requester_of(a_scope("127.0.0.1"), None).is_loopback


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_every_loopback_address_is_local(peer: str) -> None:
    assert requester_of(a_scope(peer), None).is_loopback


def test_an_unknown_scheme_of_the_proxy_is_none() -> None:
    assert requester_of(a_scope(x_forwarded_proto="gopher"), PROXY).scheme == ""
    assert requester_of(a_scope(scheme="wss"), None).scheme == "https"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":8642",
        "a b:80",
        "a:0",
        "a:99999",
        "a:80:80",
        "user@a:80",
        "a/b",
        "a\r\nb",
        "[::1",
        "a:8642 ",
        "a:+80",
        "-a:80",
    ],
)
def test_a_malformed_host_is_none(text: str) -> None:
    assert parsed_host(text, "http") is None


def test_a_host_has_a_name_in_lower_case_and_the_default_port_of_its_scheme() -> None:
    assert parsed_host("LocalHost", "http") == Host("localhost", 80)
    assert parsed_host("a.b", "https") == Host("a.b", 443)
    assert parsed_host("[::1]:8642", "http") == Host("[::1]", 8642)


def test_two_hosts_are_no_host() -> None:
    assert requester_of(a_scope(host=["127.0.0.1:8642", "evil.example:8642"]), None).host is None


@pytest.mark.parametrize("text", ["nginx", "10.0.0.0/99", "0.0.0.0/0", "::/0", "10.0.0.0/7"])
def test_a_malformed_or_too_large_network_is_refused(text: str) -> None:
    with pytest.raises(StartError, match=r"WEB_TRUSTED_PROXY: value '.*expected the address or network"):
        proxy_network(text)


def test_loopback_names() -> None:
    assert all(map(is_loopback_name, ("localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]")))
    assert not any(map(is_loopback_name, ("", "0.0.0.0", "::", "192.0.2.1", "desk", "localhost.example.com", "127.1")))
