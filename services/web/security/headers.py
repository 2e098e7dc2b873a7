"""Security headers of every HTTP response, and `Cache-Control` of the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), serial=(), usb=()",
    ),
)
NO_STORE: Final = (b"cache-control", b"no-store")
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")
"""Only for a name of the desk's own: on `localhost` it would apply to every server of the host."""

_OWN: Final = frozenset(name for name, _ in (*HEADERS, NO_STORE, STRICT_TRANSPORT))


def with_security_headers(
    headers: Iterable[tuple[bytes, bytes]], *, is_api: bool, is_strict_transport: bool
) -> list[tuple[bytes, bytes]]:
    """The headers of a response with the security headers, which replace those of the application.

    Args:
        headers: headers of the application.
        is_api: whether the response is of the API, which no cache may store.
        is_strict_transport: whether browsers must use TLS for this host in the future.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in _OWN or (name.lower() == NO_STORE[0] and not is_api)
    ]
    return [
        *kept,
        *HEADERS,
        *((NO_STORE,) if is_api else ()),
        *((STRICT_TRANSPORT,) if is_strict_transport else ()),
    ]
