"""The open tickets of a position, with the distance to their stops in points and in money. Pure.

Every formula is that of `proto.trading`, which the gateway and portfolio use, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from proto.control.views import LotRow, PositionRow, ProtectionRow
from proto.trading.cost_basis import CostBasis, add_to_cost_basis, gross_profit_at
from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote, Quotes, conversion_rate, to_average_step
from proto.trading.price_distance import closing_touch, stop_loss_distance, take_profit_distance
from proto.trading.units import round_money
from services.web.api.schemas import PositionLeg, PositionView

NETTED = 0
"""Ticket of the only leg of a netting account."""


class LegCharges(NamedTuple):
    """Swap and commission of one open ticket so far, in account currency, negative when charged."""

    swap: Decimal
    commission: Decimal


class Valuation(NamedTuple):
    """Inputs of the value of a leg: terms and quotes by symbol, and the account's currency and its digits."""

    instruments: Mapping[str, Instrument]
    quotes: Quotes
    currency: str
    currency_digits: int

    def money(self, gross: Decimal, source: str) -> Decimal | None:
        """Amount in account currency of a profit in currency `source`; None without a rate."""
        rate = conversion_rate(
            1 if gross >= 0 else -1,
            source=source,
            target=self.currency,
            instruments=self.instruments,
            quotes=self.quotes,
        )
        return None if rate is None else round_money(gross * rate, self.currency_digits)


def position_view(
    row: PositionRow, valuation: Valuation | None, charges: Mapping[int, LegCharges] | None = None
) -> PositionView:
    """A position with its tickets.

    Args:
        row: the position, as portfolio reports it.
        valuation: terms and quotes; None while the terms are not known.
        charges: charges by ticket; None while they are not known.
    """
    tickets: dict[int, list[LotRow]] = {}
    for lot in row.lots:
        tickets.setdefault(lot.position, []).append(lot)
    guards = {guard.position: guard for guard in row.guards}
    legs = [
        _leg(row, lots, guards.get(ticket), valuation, None if charges is None else charges.get(ticket))
        for ticket, lots in sorted(tickets.items())
    ]
    return PositionView(**structs.asdict(row), legs=legs)


def _leg(
    row: PositionRow,
    lots: list[LotRow],
    guard: ProtectionRow | None,
    valuation: Valuation | None,
    charges: LegCharges | None,
) -> PositionLeg:
    ticket, side = lots[0].position, Side(lots[0].side)
    holding = CostBasis()
    for lot in lots:
        holding = add_to_cost_basis(holding, signed_volume=lot.volume * side.sign, price=lot.price).holding
    open_price = row.avg_entry_price if ticket == NETTED else to_average_step(holding.cost / holding.volume)
    terms = None if valuation is None else valuation.instruments.get(row.symbol)
    quote = None if valuation is None else valuation.quotes.quote(row.symbol)
    leg = PositionLeg(
        position=ticket,
        side=side.value,
        volume=abs(holding.volume),
        open_price=open_price,
        open_time_ns=min(lot.time_ns for lot in lots),
        unrealized_pnl=row.unrealized_pnl if ticket == NETTED else None,
        swap=None if charges is None else charges.swap,
        commission=None if charges is None else charges.commission,
        stop_loss=None if guard is None else guard.stop_loss,
        take_profit=None if guard is None else guard.take_profit,
        trailing_stop_points=0 if guard is None else guard.trailing_stop_points,
        exit_ns=0 if guard is None else guard.exit_ns,
        stop_points=None,
        stop_money=None,
        target_points=None,
        target_money=None,
    )
    if valuation is None or terms is None:
        return leg
    # The venue values a leg at its average price, which on a netting account the row has.
    held = holding if ticket != NETTED else CostBasis(holding.volume, open_price * holding.volume)
    return _valued(leg, side, held, terms, quote, valuation)


def _valued(
    leg: PositionLeg, side: Side, held: CostBasis, terms: Instrument, quote: Quote | None, valuation: Valuation
) -> PositionLeg:
    def profit_at(price: Decimal) -> Decimal | None:
        gross = gross_profit_at(held, price=price, multiplier=terms.multiplier)
        return valuation.money(gross, terms.profit_currency)

    changed: dict[str, object] = {}
    if leg.stop_loss is not None:
        changed["stop_money"] = profit_at(leg.stop_loss)
    if leg.take_profit is not None:
        changed["target_money"] = profit_at(leg.take_profit)
    if quote is not None:
        touch = closing_touch(side, quote)
        if leg.position != NETTED:
            changed["unrealized_pnl"] = profit_at(touch)
        if leg.stop_loss is not None:
            changed["stop_points"] = _points(stop_loss_distance(side, leg.stop_loss, touch), terms)
        if leg.take_profit is not None:
            changed["target_points"] = _points(take_profit_distance(side, leg.take_profit, touch), terms)
    return structs.replace(leg, **changed)


def _points(distance: Decimal, terms: Instrument) -> float:
    return round(float(distance / terms.point), 3)
