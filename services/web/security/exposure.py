"""The rule for addresses beyond loopback: users, and TLS or a trusted proxy.

With WEB_PUBLISHED=loopback, users are enough: a container binds all its addresses, and other hosts cannot reach them.
"""

from __future__ import annotations

from collections.abc import Collection

from common.errors import StartError
from services.web.security.requester import is_loopback_name, proxy_network
from services.web.settings import WebSettings


def exposure_problem(settings: WebSettings, users: Collection[str]) -> str:
    """Why the server must not start with these settings, and the remedy, in one line; empty if it may start.

    Args:
        settings: the settings of the web process.
        users: names of the users.
    """
    if (settings.web_tls_cert is None) != (settings.web_tls_key is None):
        given, missing = (
            ("WEB_TLS_CERT", "WEB_TLS_KEY") if settings.web_tls_key is None else ("WEB_TLS_KEY", "WEB_TLS_CERT")
        )
        return f"{given} is set and {missing} is not, expected both for TLS, or neither"
    try:
        proxy = proxy_network(settings.web_trusted_proxy)
    except StartError as error:
        return str(error)
    if is_loopback_name(settings.web_host):
        return ""
    needs = []
    if not users:
        needs.append(f"a user in {settings.web_users_file} (`paperdesk web user add NAME --role trade`)")
    if settings.web_tls_cert is None and proxy is None and settings.web_published == "any":
        needs.append("TLS (WEB_TLS_CERT and WEB_TLS_KEY) or a reverse proxy with TLS (WEB_TRUSTED_PROXY)")
    if not needs:
        return ""
    return (
        f"WEB_HOST: value '{settings.web_host}' is reachable from other hosts, expected 127.0.0.1, or also "
        f"{' and '.join(needs)}"
    )
