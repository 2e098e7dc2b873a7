"""Structured logs: JSON lines on stdout with timestamp, level, service and event.

An event is a plain text; numbers and names are separate fields. No event is logged at every tick.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger


def configure(service: str, level: str, *, file: TextIO | None = None) -> None:
    """Configure logging of this process to stdout or `file`. `level` is DEBUG, INFO, WARNING or ERROR."""

    def of_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    structlog.configure(
        processors=[
            of_service,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=file or sys.stdout),
        cache_logger_on_first_use=False,
    )


def get_logger() -> FilteringBoundLogger:
    """The logger; may be created before `configure` is called."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger
