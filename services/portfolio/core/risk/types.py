"""What a rule is asked about, and what it answers."""

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

    `escalate_to` is what the desk goes over to as well, where the rule has found more than an order that is too much.
    `until_ns` is the venue time at which the rule lets go by itself, 0 where that depends on more than time.
    """

    code: str
    limit: str
    observed: str
    escalate_to: TradingState | None = None
    until_ns: int = 0


class OrderProposal(NamedTuple):
    """What is about to become an order.

    `volume` in lots; `opening_volume` the part of it that would add exposure; `price` the side of the signal's quote that it would
    trade at; `direction` +1 or -1. `limit_price` is the price of a LIMIT or STOP order, None of one at the market. `stop_loss` and
    `take_profit` are the prices at which the venue is to close what it opens. `expires_ns` is the venue time until which a GTD order
    stands, 0 of any other. `trailing_stop_points` is the distance at which the desk moves the stop loss
    behind the market, 0 for none. `is_manual`: a person has asked for exactly this, and it closes or guards a position.
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
        """Whether it stands in the market for its price, and is not executed at once or never."""
        return self.type is not OrderType.MARKET and self.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)


class RiskContext(NamedTuple):
    """What the rules look at: the book, the ticks so far, the limits, what they remember, and what the process knows of the present.

    `storage_problem` is why nothing can be made durable, or nothing. `tick_age_ns` is how far the venue's clock is past the
    signal's tick. `latest_bid_ask` is the latest quote that the process has of the symbol, None where that is the signal's own.
    `plan` has the budgets of the strategies. `signal_age_ns_max` is how old a signal may be, None where there is no signal.
    `lease_problem` is why the gateway takes nothing that opens, or nothing.
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
