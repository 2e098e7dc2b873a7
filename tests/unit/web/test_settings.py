"""The address of the page for a browser on the same host."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.web.settings import WebSettings


@pytest.mark.parametrize(
    ("host", "cert", "url"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8642"),
        ("0.0.0.0", None, "http://127.0.0.1:8642"),
        ("::", None, "http://[::1]:8642"),
        ("::1", None, "http://[::1]:8642"),
        ("localhost", Path("cert.pem"), "https://localhost:8642"),
    ],
)
def test_the_local_address(host: str, cert: Path | None, url: str) -> None:
    assert WebSettings(web_host=host, web_port=8642, web_tls_cert=cert).local_url == url
