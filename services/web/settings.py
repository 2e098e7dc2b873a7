"""Settings of the web process."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from common.settings import CommonSettings, DeskPath, Port

_EXPECTED_HOSTS: Final = "host names without a port, comma separated, such as desk.example.com"


def _names(value: object) -> object:
    return tuple(part.strip().lower() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _require_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if any(not name.isascii() or any(sign in name for sign in "/: ,") for name in names):
        raise ValueError(_EXPECTED_HOSTS)
    return names


HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names), AfterValidator(_require_names)]
"""A comma-separated list of host names in lower case, which may be empty."""


class WebSettings(CommonSettings):
    """Settings of the web process, in addition to the shared settings."""

    web_host: str = Field(default="127.0.0.1", min_length=1, description="a host name or address")
    web_port: Port = 0
    web_hosts: HostNames = ()
    web_users_file: DeskPath = Field(
        default_factory=lambda data: data["paperdesk_data_dir"] / "web_users.toml", description="a file of users"
    )
    web_tls_cert: DeskPath | None = Field(default=None, description="a file with a certificate chain in PEM")
    web_tls_key: DeskPath | None = Field(default=None, description="a file with a private key in PEM")
    web_trusted_proxy: str = Field(default="", description="an address or network of a reverse proxy, or nothing")
    web_published: Literal["any", "loopback"] = Field(default="any", description="any or loopback")
    web_session_hours: int = Field(default=168, ge=1, le=8_760, description="hours from 1 to 8760")
    metrics_port_web: Port = 0

    @property
    def local_url(self) -> str:
        """Address of the page for a browser on this host."""
        scheme = "http" if self.web_tls_cert is None else "https"
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.web_host, self.web_host)  # noqa: S104 - not bound
        return f"{scheme}://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.web_port}"
