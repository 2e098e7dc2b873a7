"""Settings of the notify process."""

from __future__ import annotations

from pydantic import Field

from common.settings import CommonSettings, DeskPath, Port


class NotifySettings(CommonSettings):
    """Settings of the notify process, in addition to the shared settings."""

    notify_file: DeskPath | None = Field(default=None, description="a TOML file of targets and rules, or nothing")
    metrics_port_notify: Port = 0
