"""State of the risk rules, kept from tick to tick and from order to order.

The state is stored with the tick cursor, in the same transaction as the events that change it, so that a restart loses
nothing. `state_updates.py` updates the state from ticks, and from events by the `updates` of the rules.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field


class Breaker(Struct, kw_only=True):
    """Circuit breaker of one symbol.

    `losses` counts consecutive losing trades since the last pause, `run` all consecutive losing trades. `until_ns` is
    the venue time at which the pause ends. `trips` counts pauses since the last recovery, `trials_left` the trial
    trades that are still needed for recovery.
    """

    losses: int = 0
    until_ns: int = 0
    trips: int = 0
    trials_left: int = 0
    ticket: int = 0
    """Ticket of the order that closed the last counted trade."""
    run: int = 0


class Peaks(Struct, kw_only=True):
    """Reference values of equity, in account currency; None before the first valuation.

    `day` is the number of the server's day, `day_start` the equity at its first tick, `day_high` its highest equity.
    `high` is the highest equity of all days. Deposits, withdrawals, resets and resumes also change these values.
    """

    day: int = 0
    day_start: Decimal | None = None
    day_high: Decimal | None = None
    high: Decimal | None = None
    equity: Decimal | None = None
    """Equity at the last tick."""


class RiskState(Struct, kw_only=True):
    """State of the rules that is not part of the book."""

    spread_medians: dict[str, float] = field(default_factory=dict)
    """Median spread in price units, by symbol."""
    order_times_ns: list[int] = field(default_factory=list)
    """Times of the latest order and of the orders within the minute before it; kept only with a limit of orders per
    minute."""
    last_order_ns: dict[str, int] = field(default_factory=dict)
    order_day: int = 0
    orders_of_day: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    """Number of consecutive orders in one direction by symbol; positive for buys, negative for sells."""
    reject_times_ns: list[int] = field(default_factory=list)
    result_day: int = 0
    results_of_day: dict[str, Decimal] = field(default_factory=dict)
    """Net result of the deals of the server's day by symbol, after costs, in account currency."""
    breakers: dict[str, Breaker] = field(default_factory=dict)
    peaks: Peaks = field(default_factory=Peaks)
    stopped_for: list[str] = field(default_factory=list)
    """Codes of the rules that restricted the desk; their state is cleared when a person resumes trading."""
