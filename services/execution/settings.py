"""Settings of the execution process."""

from __future__ import annotations

from pydantic import Field

from common.settings import CommonSettings, Port
from services.execution.core.courier import IN_FLIGHT_MAX


class ExecutionSettings(CommonSettings):
    """Settings of the execution process, in addition to the shared settings."""

    execution_in_flight_max: int = Field(default=IN_FLIGHT_MAX, ge=1, le=1_000, description="calls from 1 to 1000")
    metrics_port_execution: Port = 0
