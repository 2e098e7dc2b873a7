"""What guards an open position: its stops at the venue, a stop that follows the market, a time after which it is closed.

Stops are the venue's to execute; the desk remembers what it has asked for, and whether the venue has answered. Each change has
a revision, above the one before, so that a repeat that comes late undoes nothing. On a netting account a symbol has one
protection; on a hedging account each position has its own.
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
    """The guard of one position; prices of the symbol, None for no such stop.

    `position` is its ticket, 0 on a netting account. `trailing_stop_points` 0: the stop stays where it is. `exit_ns` is the venue time
    from which it is to be closed, 0 for never. `answered` is the highest revision that the venue has answered, `error` what
    it said where it refused.
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
        """The name of what is guarded."""
        return protection_key(self.symbol, self.position)

    @property
    def is_in_flight(self) -> bool:
        """Whether a change is on its way to the venue."""
        return self.answered < self.revision


def protection_key(symbol: str, position: int) -> str:
    """The name of a position: its symbol, and its ticket where there may be several."""
    return f"{symbol}#{position}" if position else symbol


def protection_after_deal(
    entry: DealEntry, order: Order | None, *, symbol: str, position: int, time_ns: int, before: Protection | None
) -> Protection | None:
    """The protection of a position that is still there after a deal at `time_ns`; `order` is the desk's own, None for a foreign one.

    The stops are those of `proto.trading.stops`. A trailing stop and a time exit follow the same rule: what reverses a position brings its
    own, what adds to it replaces those that it brings, what takes from it changes none.
    """
    if entry not in (DealEntry.IN, DealEntry.INOUT):
        return before
    if entry is DealEntry.INOUT:
        before = None
    if order is None:
        return before
    terms = order.terms
    if not any((terms.stop_loss, terms.take_profit, order.trailing_stop_points, order.time_exit_s)):
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


def trail_stop(
    protection: Protection, *, direction: int, bid: Decimal, ask: Decimal, instrument: Instrument
) -> Protection | None:
    """The protection with its stop moved after the market; None where it stays.

    The stop of a long position follows the bid from below, that of a short one the ask from above, and never moves
    back. It lies on a tick; the step is measured from tick to tick.
    """
    point, points, present = instrument.point, protection.trailing_stop_points, protection.stop_loss
    touch = bid if direction > 0 else ask
    step = protection.trailing_step_points * point
    if present is not None and (touch - present) * direction - points * point < step:
        return None  # on most ticks; rounding away from the market would only shorten the step
    wanted = price_away(touch, points, role=PriceRole.STOP_LOSS, side=side_of(direction), instrument=instrument)
    if wanted <= 0 or (present is not None and (wanted - present) * direction < step):
        return None
    return structs.replace(protection, stop_loss=wanted, revision=protection.revision + 1, error="")
