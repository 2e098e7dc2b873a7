"""Trading plan: volume, order type and exits for each symbol, as read from a file.

Distances are in points. A point is the last decimal of a symbol's price.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import Name, Range

Lots = Annotated[Decimal, Range("lots", most=1_000_000)]
Percent = Annotated[Decimal, Range("percent", most=100)]
Points = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
Tag = Annotated[
    str,
    Meta(
        max_length=32,
        pattern=r"^[a-z0-9_.-]+$",
        description="1 to 32 lower-case letters, digits, dots, dashes and underscores",
    ),
]


Weight = Annotated[Decimal, Range("percent", most=10_000, has_zero=True)]


class SizingMethod(StrEnum):
    """Method that computes the volume of an opening order."""

    FIXED = "fixed"
    FRACTION = "fraction"
    KELLY = "kelly"
    VOLATILITY = "volatility"
    WEIGHTS = "weights"


class Sizing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Volume of an opening order, rounded down to the volume step.

    Percentages are percentages of the equity at the signal's tick.

    - FIXED: the volume is `volume` lots, or the desk's default volume if that is None.
    - FRACTION: the loss at the stop loss is `risk_pct`.
    - KELLY: the loss at the stop loss is `kelly_fraction` times the Kelly fraction, at most `kelly_risk_pct_max`. The
      Kelly fraction is computed from the signal's confidence and `payoff` (None: take profit / stop loss).
    - VOLATILITY: the position's daily standard deviation is `volatility_pct_per_day`. `volatility_half_life_min` is the
      half-life of the estimate in minutes.
    - WEIGHTS: the position's notional is the symbol's percentage in `weights_pct`.

    `volume_max` in lots bounds every method.
    """

    method: SizingMethod = SizingMethod.FIXED
    volume: Lots | None = None
    volume_max: Lots | None = None
    risk_pct: Percent | None = None
    kelly_fraction: Annotated[Decimal, Range("a part", most=1)] = Decimal("0.5")
    kelly_risk_pct_max: Percent = Decimal(2)
    payoff: Annotated[Decimal, Range("a number", most=1_000)] | None = None
    volatility_pct_per_day: Percent | None = None
    volatility_half_life_min: Annotated[int, Meta(ge=1, le=100_000)] = 60
    weights_pct: dict[Name, Weight] = {}


class Exits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exits without a signal: stop loss and take profit, which the venue executes, trailing stop and time exit."""

    stop_loss_points: Points | None = None
    take_profit_points: Points | None = None
    trailing_stop_points: Points | None = None
    trailing_step_points: Points = 1
    """Smallest distance by which the desk moves a trailing stop."""
    time_exit_s: Seconds | None = None


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order that opens a position. The desk always closes a position at the market.

    The price of a LIMIT order is `offset_points` better than the touch of the signal's quote, the price of a STOP order
    `offset_points` worse. Both expire `lifetime_s` seconds after the signal's tick.
    """

    type: OrderType = OrderType.MARKET
    offset_points: Points | None = None
    lifetime_s: Seconds | None = None
    time_in_force: TimeInForce | None = None
    deviation_points: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None


class Strategy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several strategies on the account: its symbols, and its differences from the plan.

    A strategy's `sizing`, `exits` or `entry` replaces the whole section of the plan. `volume_max` limits the total lots
    of the strategy's positions. The strategy opens nothing while its loss of the server's day is at least
    `daily_loss_pct_max` percent of the account's first equity of that day.
    """

    symbols: Annotated[
        tuple[Name, ...], Meta(min_length=1, max_length=1_000, description="a list of 1 to 1000 symbols")
    ]
    volume_max: Lots | None = None
    daily_loss_pct_max: Percent | None = None
    sizing: Sizing | None = None
    exits: Exits | None = None
    entry: Entry | None = None


class SymbolPlan(Struct, frozen=True, kw_only=True):
    """The plan for one symbol."""

    tag: str
    sizing: Sizing
    exits: Exits
    entry: Entry
    strategy: Strategy | None = None


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plan of a desk. `name` identifies the plan in reports. A symbol belongs to at most one strategy."""

    name: str = "plain"
    sizing: Sizing = Sizing()
    exits: Exits = Exits()
    entry: Entry = Entry()
    strategies: dict[Tag, Strategy] = {}

    def for_symbol(self, symbol: str) -> SymbolPlan:
        """Return the plan of a symbol: that of its strategy, or without a strategy this plan under the tag `desk`."""
        for tag, strategy in self.strategies.items():
            if symbol in strategy.symbols:
                return SymbolPlan(
                    tag=tag,
                    sizing=strategy.sizing or self.sizing,
                    exits=strategy.exits or self.exits,
                    entry=strategy.entry or self.entry,
                    strategy=strategy,
                )
        return SymbolPlan(tag=DESK_TAG, sizing=self.sizing, exits=self.exits, entry=self.entry)


DESK_TAG: Final = "desk"
MANUAL_TAG: Final = "manual"
PLAIN: Final = Plan()
