"""The limits of a risk set. The name of a limit contains its unit; None means no limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.risk.news import Impact, NewsEvent

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Hours = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        description="hours and minutes such as '07:00-20:00', from 00:00 to 24:00",
    ),
]
HourOfDay = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="hours and minutes such as '20:00'")
]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A set of limits. `_pct_of_power_` in a name means percent of leveraged equity, which is equity times `leverage`.

    Hours are on the clock of the broker's server, whose day begins at 17:00 in New York. Each rule declares the limits
    that it applies. A limit that no rule declares applies to the whole desk.
    """

    name: str
    leverage: Decimal = Decimal(100)
    position_legs_max: Annotated[int, Meta(ge=1, le=1_000)] = 1
    """Number of entries in one direction that the desk may hold in a symbol."""
    order_volume_max: Decimal | None = None
    """Lots that one order may open."""
    order_notional_pct_of_power_max: Decimal | None = None
    symbol_exposure_pct_of_power_max: Decimal | None = None
    gross_exposure_pct_of_power_max: Decimal | None = None
    currency_exposure_pct_of_power_max: Decimal | None = None
    margin_pct_of_equity_max: Decimal | None = None
    price_collar_fx_pct_max: Decimal | None = None
    price_collar_other_pct_max: Decimal | None = None
    quote_age_ms_max: Count | None = None
    spread_factor_max: Decimal | None = None
    """Multiple of the running median of the symbol's spread, or of one point if the median is less."""
    orders_per_second_max: Count | None = None
    """Orders of one symbol within a second."""
    orders_per_minute_max: Count | None = None
    orders_per_day_max: Count | None = None
    repeated_orders_max: Count | None = None
    """Consecutive orders of one symbol in one direction; one more halts the desk."""
    rejects_per_minute_max: Count | None = None
    """Number of orders, rejected by venue or gateway within a minute, that restricts the desk to REDUCE_ONLY."""
    trading_hours: Hours | None = None
    rollover_pause_min: Count | None = None
    """Minutes before and after the end of the server's day."""
    friday_close: HourOfDay | None = None
    news_calendar: tuple[NewsEvent, ...] = ()
    """Events sorted by time. A file of limits names a CSV file from which they are read."""
    news_before_min: Count = 5
    news_after_min: Count = 5
    news_impact_min: Impact = Impact.HIGH
    daily_loss_pct_max: Decimal | None = None
    """Loss in percent since the first equity of the server's day, and also since the day's highest equity."""
    drawdown_warn_pct: Decimal | None = None
    drawdown_reduce_pct: Decimal | None = None
    drawdown_halt_pct: Decimal | None = None
    """Levels of the drawdown in percent of the highest equity.

    A deposit or withdrawal moves the highest equity by its amount. A reset, or a resume after a restriction by this
    limit, sets the highest equity to the current one.
    """
    breaker_losses: Count | None = None
    """Number of consecutive losing trades of a symbol that starts a pause."""
    breaker_cooldown_s: Count = 300
    """Length of the first pause. Until the symbol has recovered, each pause is twice as long as the previous one."""
    breaker_cooldown_max_s: Count | None = None
    """Longest pause; None limits the pause to ten doublings."""
    breaker_trials: Count = 2
    """Number of trades without a loss that a symbol needs after a pause to recover."""
    confidence_min: Decimal | None = None
    foreign_orders: ForeignOrderPolicy = ForeignOrderPolicy.HALT
    rearm_at_day_end: bool = False
    """Whether a desk that is restricted only because of REJECTS trades again on the server's next day."""


NO_LIMITS: Final = Limits(name="none")

DEFAULT_LIMITS: Final = Limits(
    name="default",
    order_volume_max=Decimal(1),
    order_notional_pct_of_power_max=Decimal(10),
    symbol_exposure_pct_of_power_max=Decimal(20),
    gross_exposure_pct_of_power_max=Decimal(100),
    currency_exposure_pct_of_power_max=Decimal(50),
    margin_pct_of_equity_max=Decimal(30),
    price_collar_fx_pct_max=Decimal("0.5"),
    price_collar_other_pct_max=Decimal(2),
    quote_age_ms_max=2_000,
    spread_factor_max=Decimal(3),
    orders_per_second_max=1,
    orders_per_minute_max=30,
    orders_per_day_max=500,
    repeated_orders_max=20,
    rejects_per_minute_max=5,
    rollover_pause_min=5,
    daily_loss_pct_max=Decimal(2),
    drawdown_warn_pct=Decimal(3),
    drawdown_reduce_pct=Decimal(5),
    drawdown_halt_pct=Decimal(7),
    breaker_losses=3,
)

DEMO_LIMITS: Final = structs.replace(
    DEFAULT_LIMITS, name="demo", breaker_cooldown_s=60, breaker_cooldown_max_s=300, breaker_trials=1
)
"""The default set with shorter pauses of the circuit breaker: at most five minutes, and one trade to recover."""
