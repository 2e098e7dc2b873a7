"""Settings of the watchdog."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from common.settings import CommonSettings, Port

HANG_MS_MIN: Final = 1_500
"""Three heartbeats: a shorter time would kill processes of a host that was merely busy."""


class WatchdogSettings(CommonSettings):
    """Timeouts of the watchdog, and the command that it runs for alerts."""

    watchdog_hang_ms: int = Field(
        default=3_000, ge=HANG_MS_MIN, le=600_000, description=f"milliseconds from {HANG_MS_MIN} to 600000"
    )
    watchdog_stall_ms: int = Field(default=30_000, ge=0, le=3_600_000, description="milliseconds from 0 to 3600000")
    watchdog_start_ms: int = Field(default=600_000, ge=0, le=3_600_000, description="milliseconds from 0 to 3600000")
    alert_command: str = ""
    alert_timeout_ms: int = Field(default=10_000, ge=100, le=600_000, description="milliseconds from 100 to 600000")
    metrics_port_watchdog: Port = 0
