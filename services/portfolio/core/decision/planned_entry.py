"""Entries by the plan: volume, order type, price and exits for a signal.

The entry price of a market order is the signal's ask for BUY and bid for SELL; a resting order has its own price. Stop
loss and take profit are distances from the entry price. Prices are rounded to the venue's tick size, away from the
market.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from proto.messages import Signal
from proto.time import SECOND_NS
from proto.trading.enums import OrderType, Side, TimeInForce, side_of
from proto.trading.instrument import Instrument
from proto.trading.price_rounding import ENTRY_ROLES, PriceRole, price_away
from services.portfolio.core.account.orders import Decision
from services.portfolio.core.decision.sizing_inputs import sizing_input
from services.portfolio.core.plan.plan import Entry, Exits
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.sizing.sizer import size_order
from services.portfolio.core.sizing.volatility import Volatility
from services.portfolio.core.state.config import DeskConfig


class PlannedEntry(NamedTuple):
    """An entry: volume in lots, expected price, further fields of `Order`, and the explanation of the volume."""

    volume: Decimal
    price: Decimal
    terms: dict[str, Any]
    explanation: str


def plan_entry(
    signal: Signal, decision: Decision, context: RiskContext, volatility: Mapping[str, Volatility], config: DeskConfig
) -> tuple[PlannedEntry | None, str]:
    """Return the plan's entry for a signal (None if its volume is zero) and the explanation of the volume."""
    symbol_plan, instrument = config.plan.for_symbol(signal.symbol), context.book.instruments[signal.symbol]
    direction = signal.direction
    side = side_of(direction)
    touch = decision.ask if direction > 0 else decision.bid
    price = _entry_price(symbol_plan.entry, touch, side, instrument)
    given = sizing_input(
        instrument,
        direction=direction,
        price=price,
        confidence=signal.confidence,
        context=context,
        volatility=volatility,
        symbol_plan=symbol_plan,
        default_volume=config.default_volume,
    )
    sized = size_order(symbol_plan.sizing, given)
    if not sized.volume:
        return None, sized.explanation
    stop_loss, take_profit = _stops(symbol_plan.exits, price, side, instrument)
    terms = {
        **_entry_terms(symbol_plan.entry, price, signal.time_ns),
        "stop_loss": stop_loss,
        "take_profit": take_profit,
        "trailing_stop_points": symbol_plan.exits.trailing_stop_points or 0,
        "trailing_step_points": symbol_plan.exits.trailing_step_points,
        "time_exit_s": symbol_plan.exits.time_exit_s or 0,
    }
    return PlannedEntry(sized.volume, price, terms, sized.explanation), sized.explanation


def _entry_price(entry: Entry, touch: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """The touch (ask for BUY, bid for SELL) for a market order; a better price for a LIMIT, a worse one for a STOP."""
    role = ENTRY_ROLES.get(entry.type)
    if role is None:
        return touch
    return price_away(touch, entry.offset_points or 0, role=role, side=side, instrument=instrument)


def _entry_terms(entry: Entry, price: Decimal, time_ns: int) -> dict[str, Any]:
    if entry.type is OrderType.MARKET:
        return {
            "type": entry.type,
            "limit_price": None,
            "time_in_force": entry.time_in_force or TimeInForce.IOC,
            "deviation_points": entry.deviation_points,
        }
    time_in_force = entry.time_in_force or TimeInForce.GTC
    return {
        "type": entry.type,
        "limit_price": price,
        "time_in_force": TimeInForce.GTD if entry.lifetime_s else time_in_force,
        "expires_ns": time_ns + entry.lifetime_s * SECOND_NS if entry.lifetime_s else 0,
    }


def _stops(exits: Exits, price: Decimal, side: Side, instrument: Instrument) -> tuple[Decimal | None, Decimal | None]:
    """Stop loss and take profit; the stop loss starts at the smaller of stop distance and trailing distance."""

    def at(points: int | None, role: PriceRole) -> Decimal | None:
        return price_away(price, points, role=role, side=side, instrument=instrument) if points else None

    distances = [points for points in (exits.stop_loss_points, exits.trailing_stop_points) if points]
    return at(min(distances, default=None), PriceRole.STOP_LOSS), at(exits.take_profit_points, PriceRole.TAKE_PROFIT)
