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
    """Why an order was denied: the rule's code, its limit and what was observed.

    `escalate_to` is the trading state that the desk is restricted to as well. `until_ns` is the venue time at which the
    denial ends by itself, 0 where that depends on more than time.
    """

    code: str
    limit: str
    observed: str
    escalate_to: TradingState | None = None
    until_ns: int = 0


class OrderProposal(NamedTuple):
    """An order before it exists.

    Args:
        instrument: terms of its symbol.
        direction: +1 to buy, -1 to sell.
        volume: in lots.
        opening_volume: the part of the volume that would add exposure.
        price: the side of the signal's quote that it would trade at.
        confidence: of the signal, 0 to 1.
        type: MARKET, LIMIT or STOP.
        limit_price: price of a LIMIT or STOP order; None at the market.
        stop_loss: price at which the venue closes what it opens; None without.
        take_profit: likewise.
        time_in_force: how long it is valid.
        expires_ns: venue time at which a GTD order expires, 0 for any other.
        is_manual: a person has requested exactly this, and it closes or protects a position.
        trailing_stop_points: distance at which the desk moves the stop loss behind the market, 0 for none.
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
        """Whether it rests at the venue until its price is reached."""
        return self.type is not OrderType.MARKET and self.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)


class RiskContext(NamedTuple):
    """Inputs of the rules: account, ticks so far, limits, and current facts.

    Args:
        book: the account.
        cursor: the ticks so far.
        limits: the risk set.
        risk_state: what the rules remember.
        storage_problem: why the ledger is not writable; empty while it is.
        tick_age_ns: venue time minus the time of the signal's tick.
        latest_bid_ask: latest quote of the symbol that the process has; None where that is the signal's own.
        plan: budgets of the strategies.
        signal_age_ns_max: oldest tick of a signal; None without a signal.
        lease_problem: why the gateway's lease is not in force; empty while it is.
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
