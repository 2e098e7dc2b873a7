"""Settings of the watchdog."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from common.settings import CommonSettings, Port

HANG_MS_MIN: Final = 1_500
"""Three intervals of the heartbeat; a shorter limit would kill processes on a host that is only busy."""


class WatchdogSettings(CommonSettings):
    """Settings of the watchdog, in addition to the shared settings: timeouts, and the command for alerts."""

    watchdog_hang_ms: int = Field(
        default=3_000, ge=HANG_MS_MIN, le=600_000, description=f"milliseconds from {HANG_MS_MIN} to 600000"
    )
    watchdog_stall_ms: int = Field(default=30_000, ge=0, le=3_600_000, description="milliseconds from 0 to 3600000")
    watchdog_start_ms: int = Field(default=600_000, ge=0, le=3_600_000, description="milliseconds from 0 to 3600000")
    alert_command: str = ""
    alert_timeout_ms: int = Field(default=10_000, ge=100, le=600_000, description="milliseconds from 100 to 600000")
    metrics_port_watchdog: Port = 0
