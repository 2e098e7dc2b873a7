"""What the desk does with a signal that it may trade: how much, in what kind of order, and when it gets out again.

A plan is read from a file and decides nothing by itself. Points are the last digits of a symbol's price.
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
    """How the volume of an opening order is found."""

    FIXED = "fixed"
    FRACTION = "fraction"
    KELLY = "kelly"
    VOLATILITY = "volatility"
    WEIGHTS = "weights"


class Sizing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much. Percentages are of equity, as of the signal's tick; whatever comes out is rounded down to the volume step.

    FIXED takes `volume`, or the desk's default. FRACTION loses `risk_pct` at the stop loss. KELLY bets `kelly_fraction` of the Kelly
    fraction, at most `kelly_risk_pct_max`, for the signal's confidence and a payoff of `payoff` (None: take profit by stop
    loss). VOLATILITY holds a position whose standard deviation over a day is `volatility_pct_per_day`; `volatility_half_life_min`
    is how fast the estimate forgets. WEIGHTS holds `weights_pct[symbol]` of equity as notional. `volume_max` bounds any of them.
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
    """When a position is left without a signal: by stops at the venue, by a stop that follows the market, after a time."""

    stop_loss_points: Points | None = None
    take_profit_points: Points | None = None
    trailing_stop_points: Points | None = None
    trailing_step_points: Points = 1
    """The stop moves when it would move by so much."""
    time_exit_s: Seconds | None = None


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In what kind of order a position is opened. Closing is always at the market.

    A LIMIT stands `offset_points` better than the signal's touch, a STOP as much worse; either is canceled after `lifetime_s`.
    """

    type: OrderType = OrderType.MARKET
    offset_points: Points | None = None
    lifetime_s: Seconds | None = None
    time_in_force: TimeInForce | None = None
    deviation_points: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None


class Strategy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several strategies on the account: its symbols, and what it does otherwise than the plan says in general.

    Its `sizing`, `exits` and `entry` each stand in place of the plan's as a whole.
    `volume_max` is what all its positions together may come to in lots, `daily_loss_pct_max` what it may lose in a server's day
    of the account's equity before it opens nothing more that day.
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
    """What to do with signals; `name` says which plan it is in reports. A symbol belongs to one strategy at most."""

    name: str = "plain"
    sizing: Sizing = Sizing()
    exits: Exits = Exits()
    entry: Entry = Entry()
    strategies: dict[Tag, Strategy] = {}

    def for_symbol(self, symbol: str) -> SymbolPlan:
        """What holds for a symbol: that of the strategy that trades it, else the plan's own under the tag `desk`."""
        for tag, one in self.strategies.items():
            if symbol in one.symbols:
                return SymbolPlan(
                    tag=tag,
                    sizing=one.sizing or self.sizing,
                    exits=one.exits or self.exits,
                    entry=one.entry or self.entry,
                    strategy=one,
                )
        return SymbolPlan(tag=DESK_TAG, sizing=self.sizing, exits=self.exits, entry=self.entry)


DESK_TAG: Final = "desk"
MANUAL_TAG: Final = "manual"
PLAIN: Final = Plan()
