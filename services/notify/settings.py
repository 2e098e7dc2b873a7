"""Settings of the notify process."""

from __future__ import annotations

from common.settings import CommonSettings, Port


class NotifySettings(CommonSettings):
    """Settings of the notify process, in addition to the shared settings."""

    metrics_port_notify: Port = 0
