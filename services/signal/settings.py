"""Settings of the signal process."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pydantic import Field

from common.settings import CommonSettings, DeskPath, NameOrFile, Port
from proto.trading.defaults import DEFAULT_STRATEGY
from services.signal.strategy_loader import DEFAULT_MODEL

_PUBLISHER_CHARS_MAX: Final = 64


class SignalSettings(CommonSettings):
    """Settings of the signal process, in addition to the shared settings."""

    strategy: str = Field(
        default=DEFAULT_STRATEGY,
        min_length=1,
        description="a strategy's name or package.module:Class, or SYMBOL=NAME for each symbol",
    )
    strategy_params: str = Field(
        default="", description="NAME=VALUE or SYMBOL:NAME=VALUE, comma separated, or nothing for the defaults"
    )
    plan: NameOrFile = Field(default="", description="a file of a plan, or nothing")
    """The plan whose table `[strategy]` has values of parameters."""
    model: DeskPath = Field(default=DEFAULT_MODEL, description="the folder of a model")
    signal_checkpoint_ticks: int = Field(default=1_000, ge=1, le=1_000_000, description="ticks from 1 to 1000000")
    metrics_port_signal: Port = 0

    @property
    def publisher(self) -> str:
        """Name of this signal process, made from its symbols, so that each of several processes has its own name."""
        plain = "signal." + "+".join(re.sub(r"[^A-Za-z0-9.]", "_", symbol) for symbol in self.trading_symbol)
        if plain.count("_") == 0 and len(plain) <= _PUBLISHER_CHARS_MAX:
            return plain
        digest = hashlib.sha256(",".join(self.trading_symbol).encode()).hexdigest()[:16]
        return f"{plain[: _PUBLISHER_CHARS_MAX - 17]}-{digest}"
