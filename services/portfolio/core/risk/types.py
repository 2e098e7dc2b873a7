"""Inputs and results of a risk check."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.control import TradingState
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.instrument import Instrument
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state import RiskState


class Denial(NamedTuple):
    """Denial of an order: the rule's code, its limit, and the observed value.

    `escalate_to` is the trading state to which the desk is restricted in addition. `until_ns` is the venue time at
    which the denial ends, 0 if the end does not depend on time alone.
    """

    code: str
    limit: str
    observed: str
    escalate_to: TradingState | None = None
    until_ns: int = 0


class OrderProposal(NamedTuple):
    """An order that is checked before it is made.

    Args:
        instrument: terms of the order's symbol.
        direction: +1 to buy, -1 to sell.
        volume: lots of the order (> 0).
        opening_volume: the part of the volume that would open or add to a position.
        price: touch of the decision's quote, or the order's own price.
        confidence: the signal's confidence, 0 to 1; 1 for a person's order.
        type: MARKET, LIMIT or STOP.
        limit_price: price of a LIMIT or STOP order; None for a MARKET order.
        stop_loss: stop loss of the position that the order opens; None for no stop loss.
        take_profit: take profit of the position that the order opens; None for no take profit.
        time_in_force: how long the order is valid.
        expires_ns: venue time at which a GTD order expires, 0 for any other order.
        is_manual: whether the order is a person's close, or stands for a person's change of a position's stops.
        trailing_stop_points: distance in points at which the stop loss follows the market, 0 for none.
    """

    instrument: Instrument
    direction: int
    volume: Decimal
    opening_volume: Decimal
    price: Decimal
    confidence: float
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_ns: int = 0
    is_manual: bool = False
    trailing_stop_points: int = 0

    @property
    def waits_for_price(self) -> bool:
        """Whether the order would rest at the venue until its price is reached."""
        return self.type is not OrderType.MARKET and self.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)


class RiskContext(NamedTuple):
    """Inputs of the rules: account, progress of the stream, limits, and the current situation.

    Args:
        book: the account.
        cursor: the progress of the stream, with the marks.
        limits: the set of limits.
        risk_state: the state of the rules.
        storage_problem: why the ledger is not writable; empty while it is writable.
        tick_age_ns: venue time minus the time of the signal's tick; for a person's order, age of the latest quote.
        latest_bid_ask: latest bid and ask of the symbol. None if unknown: stops and resting prices are then compared
            with the mark, and PRICE_COLLAR is not checked.
        plan: the plan with the budgets of the strategies.
        signal_age_ns_max: highest allowed `tick_age_ns`; None if the order has no signal.
        lease_problem: why the gateway's lease is not in force; empty while it is in force.
    """

    book: Book
    cursor: TickCursor
    limits: Limits
    risk_state: RiskState
    storage_problem: str = ""
    tick_age_ns: int = 0
    latest_bid_ask: tuple[float, float] | None = None
    plan: Plan = PLAIN
    signal_age_ns_max: int | None = None
    lease_problem: str = ""
