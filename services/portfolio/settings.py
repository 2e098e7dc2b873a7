"""Settings of the portfolio process."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from common.settings import CommonSettings, NameOrFile, Port
from proto.trading.defaults import DEFAULT_VOLUME, VOLUME_MAX
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.risk.limits import DEFAULT_LIMITS


class PortfolioSettings(CommonSettings):
    """Settings of portfolio, in addition to the shared settings."""

    default_volume: Decimal = Field(default=DEFAULT_VOLUME, gt=0, le=VOLUME_MAX, description="lots above 0")
    on_opposite: OnOpposite = Field(default=OnOpposite.CLOSE, description="close or reverse")
    risk: NameOrFile = Field(
        default=DEFAULT_LIMITS.name, min_length=1, description="default, demo, none or a file of limits"
    )
    ledger_key_file: str = Field(
        default="", description="a file for the key that signs the ledger, or nothing for DATA_DIR/keys"
    )
    plan: NameOrFile = Field(
        default="", description="a file of a plan, or nothing for the default volume at the market"
    )
    strategy_code: str = Field(default="", description="NAME=DIGEST, comma separated, or nothing")
    """Code of the strategies, stored with the stream; a replay sets it."""
    signal_age_max_ms: int = Field(default=5_000, ge=1, le=600_000, description="milliseconds from 1 to 600000")
    doubt_orders_max: int = Field(default=3, ge=0, le=1_000, description="orders from 0 to 1000")
    doubt_lots_max: Decimal = Field(default=Decimal(5), ge=0, le=1_000_000, description="lots of at least 0")
    reconcile_every_s: int = Field(default=30, ge=1, le=86_400, description="seconds from 1 to 86400")
    metrics_port_portfolio: Port = 0
