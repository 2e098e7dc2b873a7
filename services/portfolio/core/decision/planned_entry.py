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
from services.portfolio.core.decision.sizing_inputs import sizing_input
from services.portfolio.core.plan.plan import Entry, Exits, Sizing, SizingMethod, SymbolPlan
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.sizing.sizer import size_order
from services.portfolio.core.sizing.types import OrderSize
from services.portfolio.core.sizing.volatility import Volatility
from services.portfolio.core.state.config import DeskConfig


class PlannedEntry(NamedTuple):
    """An entry: volume in lots, expected price, further fields of `Order`, and the explanation of the volume."""

    volume: Decimal
    price: Decimal
    terms: dict[str, Any]
    explanation: str


class _FixedSize(NamedTuple):
    """Size of an entry by the method FIXED, with all that it depends on."""

    sizing: Sizing
    instrument: Instrument
    default_volume: Decimal
    size: OrderSize


_fixed_sizes: dict[str, _FixedSize] = {}
"""Latest size by the method FIXED for each symbol."""


def plan_entry(
    signal: Signal,
    touch: Decimal,
    context: RiskContext,
    volatility: Mapping[str, Volatility],
    symbol_plan: SymbolPlan,
    config: DeskConfig,
) -> tuple[PlannedEntry | None, str]:
    """Return the plan's entry for a signal (None if its volume is zero) and the explanation of the volume.

    Args:
        signal: already recorded by `StreamState.count`.
        touch: the signal's ask for BUY, its bid for SELL.
        context: the account and the ticks so far.
        volatility: estimates by symbol.
        symbol_plan: the plan for the signal's symbol.
        config: the desk's settings.
    """
    instrument, exits = context.book.instruments[signal.symbol], symbol_plan.exits
    side = side_of(signal.direction)
    price = _entry_price(symbol_plan.entry, touch, side, instrument)
    sized = _size(signal, price, instrument, context, volatility, symbol_plan, config.default_volume)
    if not sized.volume:
        return None, sized.explanation
    terms = _entry_terms(symbol_plan.entry, price, signal.time_ns)
    terms["stop_loss"], terms["take_profit"] = _stops(exits, price, side, instrument)
    terms["trailing_stop_points"] = exits.trailing_stop_points or 0
    terms["trailing_step_points"] = exits.trailing_step_points
    terms["time_exit_s"] = exits.time_exit_s or 0
    return PlannedEntry(sized.volume, price, terms, sized.explanation), sized.explanation


def _size(
    signal: Signal,
    price: Decimal,
    instrument: Instrument,
    context: RiskContext,
    volatility: Mapping[str, Volatility],
    symbol_plan: SymbolPlan,
    default_volume: Decimal,
) -> OrderSize:
    """The volume of an entry; that of FIXED depends on neither account nor signal, and is computed only once."""
    sizing = symbol_plan.sizing
    known = _fixed_sizes.get(instrument.symbol)
    if (
        known is not None
        and known.sizing is sizing
        and known.instrument is instrument
        and known.default_volume is default_volume
    ):
        return known.size
    given = sizing_input(
        instrument,
        direction=signal.direction,
        price=price,
        confidence=signal.confidence,
        context=context,
        volatility=volatility,
        symbol_plan=symbol_plan,
        default_volume=default_volume,
    )
    size = size_order(sizing, given)
    if sizing.method is SizingMethod.FIXED:
        _fixed_sizes[instrument.symbol] = _FixedSize(sizing, instrument, default_volume, size)
    return size


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
    points, trailing_points = exits.stop_loss_points, exits.trailing_stop_points
    if points is None or (trailing_points is not None and trailing_points < points):
        points = trailing_points
    stop_loss = take_profit = None
    if points is not None:
        stop_loss = price_away(price, points, role=PriceRole.STOP_LOSS, side=side, instrument=instrument)
    if (points := exits.take_profit_points) is not None:
        take_profit = price_away(price, points, role=PriceRole.TAKE_PROFIT, side=side, instrument=instrument)
    return stop_loss, take_profit
