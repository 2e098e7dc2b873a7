"""Protection of an open position: stop loss, take profit, trailing stop, time exit.

The venue executes the stops. The desk remembers the requested stops and whether the venue has answered the request.
Each change has a higher revision than the previous change, so that a late repetition of an old request cannot undo
a newer change. A netting account has one protection for each symbol, a hedging account one for each position.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, structs

from proto.gateway import DealEntry
from proto.trading.enums import side_of
from proto.trading.instrument import Instrument
from proto.trading.price_rounding import PriceRole, price_away
from proto.trading.stops import Stops, stops_after
from services.portfolio.core.account.orders import Order


class Protection(Struct, frozen=True, kw_only=True):
    """Protection of one position; `stop_loss` and `take_profit` are prices of the symbol, None without the stop.

    `position` is the ticket, 0 on a netting account. `trailing_stop_points` is 0 for a fixed stop. `exit_ns` is the
    venue time of the time exit, 0 for none. `answered` is the highest revision that the venue has answered. `error` is
    the venue's refusal of that revision, empty if it accepted.
    """

    symbol: str
    position: int
    tag: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing_stop_points: int = 0
    trailing_step_points: int = 1
    exit_ns: int = 0
    revision: int = 0
    answered: int = 0
    error: str = ""

    @property
    def key(self) -> str:
        """The position's `protection_key`."""
        return protection_key(self.symbol, self.position)

    @property
    def is_in_flight(self) -> bool:
        """Whether the venue has not answered the latest change."""
        return self.answered < self.revision


def protection_key(symbol: str, position: int) -> str:
    """Return the key of a position: its symbol, on a hedging account followed by the ticket."""
    return f"{symbol}#{position}" if position else symbol


def protection_after_deal(
    entry: DealEntry, order: Order | None, *, symbol: str, position: int, time_ns: int, before: Protection | None
) -> Protection | None:
    """Return the protection of an open position after a deal at `time_ns`.

    `order` is the desk's order that the deal filled, None for a foreign deal. `proto.trading.stops` has the rule for
    stops, which applies to trailing stop and time exit too: a reversal takes the protection of its order, an addition
    replaces those parts that its order has, and a reduction changes nothing.
    """
    if entry not in (DealEntry.IN, DealEntry.INOUT):
        return before
    if entry is DealEntry.INOUT:
        before = None
    if order is None:
        return before
    terms = order.change or order
    if not (terms.stop_loss or terms.take_profit or order.trailing_stop_points or order.time_exit_s):
        return before
    base = before or Protection(symbol=symbol, position=position, tag=order.tag)
    stops = stops_after(
        entry,
        given=Stops(terms.stop_loss, terms.take_profit),
        held=Stops(base.stop_loss, base.take_profit),
    )
    return structs.replace(
        base,
        stop_loss=stops.stop_loss,
        take_profit=stops.take_profit,
        trailing_stop_points=order.trailing_stop_points or base.trailing_stop_points,
        trailing_step_points=order.trailing_step_points if order.trailing_stop_points else base.trailing_step_points,
        exit_ns=time_ns + order.time_exit_s * 1_000_000_000 if order.time_exit_s else base.exit_ns,
    )


def trailing_touch(protection: Protection, *, direction: int, instrument: Instrument) -> Decimal | None:
    """Return the touch before which a trailing stop does not move; None if it has no stop loss yet.

    `direction` is that of the position, +1 long or -1 short. The stop of a long position may move at a bid of at least
    this price, that of a short position at an ask of at most this price.
    """
    present = protection.stop_loss
    if present is None:
        return None
    points = protection.trailing_stop_points + protection.trailing_step_points
    return present + direction * points * instrument.point


def trail_stop(
    protection: Protection, *, direction: int, bid: Decimal, ask: Decimal, instrument: Instrument
) -> Protection | None:
    """Return the protection with its stop loss moved towards the market; None if the stop does not move.

    `direction` is that of the position, +1 long or -1 short. The stop of a long position follows the bid from below,
    that of a short position follows the ask from above. A stop never moves away from the market. The new stop is
    rounded to a tick before its distance from the old stop is compared with the step.
    """
    points, present = protection.trailing_stop_points, protection.stop_loss
    touch = bid if direction > 0 else ask
    reached = trailing_touch(protection, direction=direction, instrument=instrument)
    if reached is not None and (touch - reached) * direction < 0:
        # Most ticks end here, without the slow rounding. Rounding moves the new stop away from the market, so that
        # the rounded move would be less than the step too.
        return None
    moved = price_away(touch, points, role=PriceRole.STOP_LOSS, side=side_of(direction), instrument=instrument)
    step = protection.trailing_step_points * instrument.point
    if moved <= 0 or (present is not None and (moved - present) * direction < step):
        return None
    return structs.replace(protection, stop_loss=moved, revision=protection.revision + 1, error="")
