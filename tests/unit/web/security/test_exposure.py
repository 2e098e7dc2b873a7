"""Beyond loopback the server needs users, and TLS or a trusted proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.errors import StartError
from services.web.security.access import Access
from services.web.security.exposure import exposure_problem
from tests.unit.web.security.builders import settings_of

TLS = {"web_tls_cert": Path("c.pem"), "web_tls_key": Path("k.pem")}
PROXY = {"web_trusted_proxy": "10.0.0.5"}
CONTAINER = {"web_published": "loopback"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_loopback_needs_nothing(tmp_path: Path, host: str) -> None:
    assert exposure_problem(settings_of(tmp_path, web_host=host), ()) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "desk.example.com"])
@pytest.mark.parametrize(
    ("given", "users", "needs"),
    [
        ({}, [], ["a user in", "`paperdesk web user add NAME --role trade`", "TLS (WEB_TLS_CERT and WEB_TLS_KEY)"]),
        ({}, ["alice"], ["TLS (WEB_TLS_CERT and WEB_TLS_KEY) or a reverse proxy with TLS (WEB_TRUSTED_PROXY)"]),
        (TLS, [], ["a user in"]),
        (PROXY, [], ["a user in"]),
        (TLS, ["alice"], []),
        (PROXY, ["alice"], []),
        (CONTAINER, [], ["a user in"]),
        (CONTAINER, ["alice"], []),
    ],
)
def test_beyond_loopback(tmp_path: Path, host: str, given: dict[str, Any], users: list[str], needs: list[str]) -> None:
    problem = exposure_problem(settings_of(tmp_path, web_host=host, **given), users)
    assert bool(problem) == bool(needs)
    assert all(need in problem for need in needs)
    assert "\n" not in problem
    assert not problem or problem.startswith(f"WEB_HOST: value '{host}'")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_half_of_the_settings_of_tls_is_refused(tmp_path: Path, host: str) -> None:
    for name in TLS:
        problem = exposure_problem(settings_of(tmp_path, web_host=host, **{name: Path("x.pem")}), ["alice"])
        assert problem.startswith(f"{name.upper()} is set and ")


def test_a_malformed_proxy_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, web_host="0.0.0.0", web_trusted_proxy="any")
    assert exposure_problem(settings, ["alice"]).startswith("WEB_TRUSTED_PROXY: value 'any', expected")


def test_a_refused_server_opens_no_store(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"WEB_HOST: value .0\.0\.0\.0. is reachable from other hosts"):
        Access(settings_of(tmp_path, web_host="0.0.0.0"))
    assert list(tmp_path.iterdir()) == []
