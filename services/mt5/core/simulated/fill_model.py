"""Fill profiles: delay, price, volume and cost of executions.

A profile has the settings, and a model combines a profile with a seed. A random draw depends on seed, ticket, number
of the attempt and purpose alone; its result is rounded to whole ticks, volume steps or nanoseconds. `IDEAL` draws
nothing: orders are filled completely at the touch, without delay or cost. docs/venue.md describes each setting, and
the effects that are not simulated.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct, structs

from proto.time import DAY_NS, MINUTE_NS
from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.server_time import time_of_day_ns
from proto.trading.units import ZERO, Name, Probability, floor_to_step, require_exact
from services.mt5.core.simulated.latency_model import NO_LATENCY, Latency, LognormalLatency
from services.mt5.core.simulated.random_draws import Draw, standard_normal, uniform

ROLLOVER_FACTOR_MAX: Final = 100

Spreads = Annotated[float, Meta(ge=0, le=100)]
Minutes = Annotated[int, Meta(ge=0, le=720)]
QuoteAgeMs = Annotated[int, Meta(ge=0, le=7 * 24 * 60 * 60 * 1_000)]

QUOTE_AGE_MS_MAX: Final = 60_000
"""Default age above which an arriving order is not matched with the latest quote, which may no longer be valid."""


class LimitFills(StrEnum):
    """Fill price of a resting limit order or take profit when the quote is better: the order's price, or the quote."""

    LIMIT = "limit"
    QUOTE = "quote"


class Slippage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Slippage of an execution: with probability `against` the price is worse, with probability `favourable` better.

    The distance has an exponential distribution, whose mean is given in spreads because slippage grows with the
    spread. It is rounded to whole ticks.
    """

    against: Probability
    against_mean_spreads: Spreads
    favourable: Probability
    favourable_mean_spreads: Spreads

    def __post_init__(self) -> None:
        """Check that the probabilities add up to at most 1.

        Raises:
            ValueError: their sum is above 1.
        """
        if self.against + self.favourable > 1:
            raise ValueError(f"against {self.against} and favourable {self.favourable}, expected at most 1 together")


class SlippageByType(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Slippage by order type.

    `market` applies to market orders and stop-outs, `stop` to stop orders and stop losses, and `limit` to limit orders
    and take profits.
    """

    market: Slippage | None = None
    stop: Slippage | None = None
    limit: Slippage | None = None

    def of(self, order_type: OrderType) -> Slippage | None:
        """Slippage of an order type; None for no slippage."""
        match order_type:
            case OrderType.STOP:
                return self.stop
            case OrderType.LIMIT:
                return self.limit
            case _:
                return self.market


class Depth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lots available at the touch, drawn for each attempt to fill: log-normal, rounded down to the volume step."""

    median_lots: Annotated[float, Meta(gt=0, le=1e6)]
    sigma: Annotated[float, Meta(ge=0, le=3)]


class RolloverSpread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wider spread around the server's midnight: `factor` times the quoted spread, with the same mid price."""

    factor: Decimal
    minutes_before: Minutes
    minutes_after: Minutes

    def __post_init__(self) -> None:
        """Check the range of the factor.

        Raises:
            ValueError: it is outside 1 to `ROLLOVER_FACTOR_MAX`.
        """
        require_exact("factor", self.factor)
        if not 1 <= self.factor <= ROLLOVER_FACTOR_MAX:
            raise ValueError(f"factor is {self.factor}, expected 1 to {ROLLOVER_FACTOR_MAX}")

    def applies(self, time_ns: int) -> bool:
        """Whether a UTC time is within the minutes before or after the server's midnight, the end excluded."""
        elapsed_ns = time_of_day_ns(time_ns)
        return elapsed_ns < self.minutes_after * MINUTE_NS or elapsed_ns >= DAY_NS - self.minutes_before * MINUTE_NS


class FillProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of executions. The defaults are ideal: complete fills at the touch, at once, without cost or stop-out.

    `charges`: commission and swaps are charged. `keeps_sessions`: a symbol is traded only in its sessions; otherwise it
    is traded whenever it is quoted. An order that arrives between two ticks is matched with the latest quote, unless
    the quote is older than `quote_age_ms_max`. Margin levels are equity / margin in percent; with None there is no
    margin call or no stop-out.
    """

    name: Name
    request_latency: Latency = NO_LATENCY
    reply_latency: Latency = NO_LATENCY
    quote_age_ms_max: QuoteAgeMs = QUOTE_AGE_MS_MAX
    slippage: SlippageByType | None = None
    limit_fills: LimitFills = LimitFills.QUOTE
    depth: Depth | None = None
    rollover: RolloverSpread | None = None
    charges: bool = False
    keeps_sessions: bool = False
    margin_call_level_pct: Decimal | None = None
    stop_out_level_pct: Decimal | None = None

    def __post_init__(self) -> None:
        """Check the margin levels.

        Raises:
            ValueError: a level is not above 0, or the stop-out level is above the margin call level.
        """
        call, stop = self.margin_call_level_pct, self.stop_out_level_pct
        for field, level in (("margin_call_level_pct", call), ("stop_out_level_pct", stop)):
            if level is not None:
                require_exact(field, level)
                if level <= 0:
                    raise ValueError(f"{field} of {self.name} is {level}, expected more than 0, or none")
        if call is not None and stop is not None and call < stop:
            raise ValueError(f"margin_call_level_pct of {self.name} is {call}, expected at least the stop-out's {stop}")

    def terms_of(self, instrument: Instrument, *, always_quoted: bool = False) -> Instrument:
        """The instrument's terms under this profile.

        Without `charges` there are no commissions and swaps. Without `keeps_sessions`, or with `always_quoted`, there
        are no sessions and holidays. The instrument's expiry applies always.
        """
        if not self.charges:
            instrument = structs.replace(instrument, commissions=(), swaps=())
        if always_quoted or not self.keeps_sessions:
            instrument = structs.replace(instrument, sessions=(), quote_sessions=(), holidays=())
        return instrument


IDEAL: Final = FillProfile(name="ideal")

REALISTIC: Final = FillProfile(
    name="realistic",
    request_latency=LognormalLatency(median_ms=40.0, sigma=0.5),
    reply_latency=LognormalLatency(median_ms=30.0, sigma=0.5),
    slippage=SlippageByType(
        market=Slippage(against=0.30, against_mean_spreads=0.40, favourable=0.08, favourable_mean_spreads=0.25),
        stop=Slippage(against=0.51, against_mean_spreads=0.40, favourable=0.08, favourable_mean_spreads=0.25),
        limit=Slippage(against=0.0, against_mean_spreads=0.0, favourable=0.10, favourable_mean_spreads=0.25),
    ),
    limit_fills=LimitFills.LIMIT,
    depth=Depth(median_lots=5.0, sigma=1.0),
    rollover=RolloverSpread(factor=Decimal(2), minutes_before=5, minutes_after=30),
    charges=True,
    keeps_sessions=True,
    margin_call_level_pct=Decimal(100),
    stop_out_level_pct=Decimal(50),
)

PROFILES: Final = {profile.name: profile for profile in (IDEAL, REALISTIC)}


class Execution(NamedTuple):
    """An execution: `price`, and `volume` in lots, a multiple of the volume step, 0 if nothing is executed.

    `limit_gap` is how much better the touch is than the price of a resting limit order or take profit, >= 0. It is the
    same whether the fill price is the touch or the order's price (`LimitFills`). It is 0 for other orders.
    """

    price: Decimal
    volume: Decimal
    limit_gap: Decimal = ZERO


class FillModel:
    """Computes executions and delays from a profile and a seed."""

    def __init__(self, profile: FillProfile, seed: int, draw: Draw = uniform) -> None:
        """Use the settings of `profile`, and `seed` for its random draws."""
        self.profile = profile
        self._seed = seed
        self._draw = draw

    def request_latency_ns(self, ticket: int) -> int:
        """Delay of the request of order `ticket` from client to venue, in nanoseconds."""
        return self.profile.request_latency.latency_ns(lambda: self._draw(self._seed, ticket, "request latency"))

    def reply_latency_ns(self, ticket: int) -> int:
        """Delay of the reply to order `ticket` from venue to client, in nanoseconds."""
        return self.profile.reply_latency.latency_ns(lambda: self._draw(self._seed, ticket, "reply latency"))

    def execution(
        self,
        ticket: int,
        fill_number: int,
        *,
        side: Side,
        quote: Quote,
        volume: Decimal,
        instrument: Instrument,
        time_ns: int,
        order_type: OrderType,
        limit: Decimal | None = None,
        rests: bool = False,
    ) -> Execution:
        """Price and volume of the execution of an order.

        The base price is the touch of `quote`, worsened by the rollover spread. If an order that `rests` has a better
        touch than its `limit`, the base price under `LimitFills.LIMIT` is the limit. Slippage of `order_type` in whole
        ticks is added. The price is at least one tick and never worse than `limit`; if the worsened touch is worse than
        `limit`, nothing is executed.

        Args:
            ticket: the order's ticket; minus the position's ticket for a close by the broker.
            fill_number: number of the attempt, which is the ordinal of the latest known tick. An attempt may fill
                nothing. Each number has its own draws.
            side: the order's side.
            quote: the latest quote.
            volume: volume to execute in lots, > 0.
            instrument: the symbol's terms.
            time_ns: venue time, UTC.
            order_type: selects the slippage.
            limit: the worst allowed price; None for any price.
            rests: whether the order, or take profit, was waiting for its price.
        """
        touch = self._touch(side, quote, instrument, time_ns)
        if limit is not None and (touch - limit) * side.sign > 0:
            return Execution(touch, ZERO)
        slippage_ticks = self._slippage_ticks(ticket, fill_number, quote, instrument, order_type)
        limit_gap = abs(limit - touch) if limit is not None and rests else ZERO
        base = limit if limit_gap and self.profile.limit_fills is LimitFills.LIMIT else touch
        assert base is not None, limit
        # Without slippage nothing is added, because a sum with 0 ticks could have more decimal places than `base`.
        price = base
        if slippage_ticks:
            slipped = base + side.sign * slippage_ticks * instrument.tick_size
            price = max(slipped, instrument.tick_size) if slipped < base else slipped
        if limit is not None and (price - limit) * side.sign > 0:
            price = limit
        return Execution(price, self._available(ticket, fill_number, volume, instrument), limit_gap)

    def is_requoted(
        self,
        *,
        asked_price: Decimal,
        touch: Decimal,
        side: Side,
        deviation_points: int,
        instrument: Instrument,
    ) -> bool:
        """Whether the touch is worse than the asked price by more than `deviation_points`; False for a better touch."""
        return (touch - worst_price(asked_price, side, deviation_points, instrument)) * side.sign > 0

    # ----------------------------------------------------------------------------------------------------------- price

    def _touch(self, side: Side, quote: Quote, instrument: Instrument, time_ns: int) -> Decimal:
        touch = quote.ask if side is Side.BUY else quote.bid
        rollover = self.profile.rollover
        if rollover is None or not rollover.applies(time_ns):
            return touch
        extra = (rollover.factor - 1) * _spread(quote, instrument) / 2
        ticks = (extra / instrument.tick_size).to_integral_value(rounding=ROUND_CEILING)
        widened = touch + side.sign * ticks * instrument.tick_size
        return widened if widened >= touch else max(widened, min(touch, instrument.tick_size))

    def _slippage_ticks(
        self, ticket: int, fill_number: int, quote: Quote, instrument: Instrument, order_type: OrderType
    ) -> int:
        """Slippage in whole ticks: > 0 is worse for the client, < 0 better."""
        slippage = None if self.profile.slippage is None else self.profile.slippage.of(order_type)
        if slippage is None:
            return 0
        u = self._draw(self._seed, ticket, fill_number, "slippage side")
        if u < slippage.against:
            sign, mean = 1, slippage.against_mean_spreads
        elif u < slippage.against + slippage.favourable:
            sign, mean = -1, slippage.favourable_mean_spreads
        else:
            return 0
        spread_ticks = int((_spread(quote, instrument) / instrument.tick_size).to_integral_value(ROUND_HALF_UP))
        return sign * round(
            -math.log(self._draw(self._seed, ticket, fill_number, "slippage size")) * mean * spread_ticks
        )

    # ---------------------------------------------------------------------------------------------------------- volume

    def _available(self, ticket: int, fill_number: int, volume: Decimal, instrument: Instrument) -> Decimal:
        depth = self.profile.depth
        if depth is None:
            return volume
        z = standard_normal(self._draw(self._seed, ticket, fill_number, "depth"))
        steps = int(depth.median_lots * math.exp(depth.sigma * z) / float(instrument.volume_step))
        return min(floor_to_step(volume, instrument.volume_step), steps * instrument.volume_step)


def worst_price(asked_price: Decimal, side: Side, deviation_points: int, instrument: Instrument) -> Decimal:
    """The worst price within the deviation, which is the `limit` of the execution.

    Args:
        asked_price: the touch of the quote on which the order was decided.
        side: the order's side.
        deviation_points: how much worse the price may be, in points, >= 0.
        instrument: gives the size of a point.
    """
    return asked_price + side.sign * deviation_points * instrument.point


def _spread(quote: Quote, instrument: Instrument) -> Decimal:
    """Spread of a quote, at least one tick, because recorded quotes may have a bid above the ask."""
    return max(quote.ask - quote.bid, instrument.tick_size)
