"""The sender of a request, and the address of this server that it used, also behind a reverse proxy.

The headers X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are read only if the peer of the connection is the
trusted proxy. The header Forwarded is never read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, MutableMapping
from typing import Any, Final, NamedTuple, TypeAlias

from common.errors import StartError

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Scope: TypeAlias = MutableMapping[str, Any]

PROXY_SETTING: Final = "WEB_TRUSTED_PROXY"
PROXY_EXPECTED: Final = "the address or network of a reverse proxy, such as 10.0.0.5 or 10.0.0.0/24"
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LOOPBACK_NAME: Final = "localhost"

_PREFIX_MIN: Final = 8
"""Shortest prefix of the proxy's network; a shorter one would trust a large part of the Internet."""

_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9._-]{0,252}))(?::([0-9]{1,5}))?")
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class Host(NamedTuple):
    """Name, or address with brackets around an IPv6 address, and port of a server."""

    name: str
    port: int


class Requester(NamedTuple):
    """The sender of a request, and the server's address that the sender used.

    Attributes:
        address: IP address of the sender, or of its proxy if the proxy does not report the sender.
        is_loopback: whether the sender is on this host; False if it is unknown.
        is_proxied: whether the request came through the trusted proxy.
        scheme: http or https, also for a WebSocket; empty if the proxy reported another one.
        host: the server's address as the sender gave it; None if it is missing, repeated or malformed.
    """

    address: str
    is_loopback: bool
    is_proxied: bool
    scheme: str
    host: Host | None


def proxy_network(text: str) -> IpNetwork | None:
    """The network of the setting WEB_TRUSTED_PROXY; None if it is empty.

    Raises:
        StartError: the text is no address or network, or the network is too large.
    """
    if not text:
        return None
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise StartError(f"{PROXY_SETTING}: value {text[:64]!r}, expected {PROXY_EXPECTED}") from None
    if network.prefixlen < _PREFIX_MIN:
        raise StartError(
            f"{PROXY_SETTING}: value {text[:64]!r} trusts {network.num_addresses:,} addresses, expected "
            f"{PROXY_EXPECTED}, with a prefix of at least {_PREFIX_MIN} bits"
        )
    return network


def requester_of(scope: Scope, proxy: IpNetwork | None) -> Requester:
    """The requester of an ASGI scope of HTTP or of a WebSocket."""
    peer = scope.get("client")
    peer_address = parsed_address(str(peer[0])) if peer else None
    address = str(peer_address or (peer[0] if peer else ""))
    scheme = _SCHEMES.get(str(scope["scheme"]), "")
    if proxy is None or peer_address is None or not _is_in(peer_address, proxy):
        is_loopback = peer_address is not None and peer_address.is_loopback
        return Requester(address, is_loopback, False, scheme, _host(header_values(scope, b"host"), scheme))
    sender = _sender(_list_of(scope, b"x-forwarded-for"), proxy)
    forwarded_scheme = _list_of(scope, b"x-forwarded-proto")
    if forwarded_scheme:
        scheme = _SCHEMES.get(forwarded_scheme[-1].lower(), "")
    hosts = _list_of(scope, b"x-forwarded-host")[-1:] or header_values(scope, b"host")
    return Requester(
        str(sender or address), sender is not None and sender.is_loopback, True, scheme, _host(hosts, scheme)
    )


def parsed_address(text: str) -> IpAddress | None:
    """The IP address in a text; an IPv4 address within IPv6 as IPv4, without a zone; None for other text."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback_name(name: str) -> bool:
    """Whether a host name or address, with or without brackets, is one of this host's loopback."""
    found = parsed_address(name.strip("[]"))
    return name.lower() == LOOPBACK_NAME if found is None else found.is_loopback


def header_values(scope: Scope, name: bytes) -> list[str]:
    """The values of a header, one for each time that it was sent; `name` is in lower case."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1").strip(" \t") for found, value in headers if found.lower() == name]


def parsed_host(text: str, scheme: str) -> Host | None:
    """The host of a header Host, or of an origin without its scheme; None if it is malformed."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    port = int(found[2]) if found[2] else DEFAULT_PORTS.get(scheme, 0)
    return Host(found[1], port) if 0 < port <= 65_535 else None


def _host(texts: list[str], scheme: str) -> Host | None:
    return parsed_host(texts[0], scheme) if len(texts) == 1 else None


def _list_of(scope: Scope, name: bytes) -> list[str]:
    return [part.strip() for value in header_values(scope, name) for part in value.split(",") if part.strip()]


def _sender(texts: list[str], proxy: IpNetwork) -> IpAddress | None:
    """The last address that is not a proxy's; the sender can forge the addresses before it."""
    for text in reversed(texts):
        found = parsed_address(_without_port(text))
        if found is None or not _is_in(found, proxy):
            return found
    return None


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _is_in(address: IpAddress, network: IpNetwork) -> bool:
    return address.version == network.version and address in network
