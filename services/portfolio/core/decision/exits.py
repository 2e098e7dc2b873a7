"""Exits on each tick: trailing stops, time exits, and cancels of resting entries that a risk rule now denies.

The time of an exit comes from the tick and never from the host's clock, so that a live desk, a replay and a backtest
exit on the same tick. While the market is closed, stops do not move; a close that falls due is sent on the first tick
of the next session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from proto.control import TradingState, denial_message
from proto.messages import Signal
from proto.trading.enums import TimeInForce, side_of
from proto.trading.price_distance import is_within_freeze_level, respects_stops_level, stop_loss_distance
from proto.trading.units import ZERO, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import CancelRequested, OrderCreated, ProtectionSet
from services.portfolio.core.account.orders import Cause, Order
from services.portfolio.core.account.protection import Protection, trail_stop
from services.portfolio.core.decision.order_factory import decision_at, order_created, protection_set
from services.portfolio.core.decision.signal_decision import DecisionConditions
from services.portfolio.core.risk.checks import check_base_rules, check_resting
from services.portfolio.core.risk.exposure import opening_volume
from services.portfolio.core.risk.types import OrderProposal, RiskContext
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.stream import StreamState

TIME_EXIT_RETRY_NS: Final = 5_000_000_000
"""Time after which an unsuccessful time exit is repeated."""

ExitEvents = list[ProtectionSet | CancelRequested | OrderCreated]


def exit_events(
    signal: Signal, book: Book, stream: StreamState, config: DeskConfig, conditions: DecisionConditions
) -> ExitEvents:
    """Return the exit events of a tick; the caller emits them in order before it decides the tick's signal."""
    found: ExitEvents = []
    orders: list[OrderCreated] = []
    for key in sorted(book.protections):
        guard = book.protections[key]
        if guard.symbol != signal.symbol:
            continue
        leg, instrument = book.position(guard.symbol).leg(guard.position), book.instruments[guard.symbol]
        direction, volume = leg.direction, leg.volume
        if (
            guard.trailing_stop_points
            and not guard.is_in_flight
            and (moved := _trailed(guard, direction, signal, book))
            and conditions.is_traded(instrument, signal.time_ns)
        ):
            found.append(protection_set(moved, "the stop follows the market", signal))
            guard = moved
        is_due = 0 < guard.exit_ns <= signal.time_ns and not _is_closing(guard, book)
        if is_due and conditions.is_traded(instrument, signal.time_ns):
            later = structs.replace(guard, exit_ns=signal.time_ns + TIME_EXIT_RETRY_NS)
            found.append(protection_set(later, "its time is up", signal))
            decision = decision_at(
                signal,
                book,
                stream.cursor,
                direction=-direction,
                position_before=book.position(guard.symbol).net_volume,
                reason=f"[EXIT] the time of the position is up: {guard.tag}",
                cause=Cause.TIME_EXIT,
            )
            volume = min(volume, instrument.volume_max)
            price = decision.ask if direction < 0 else decision.bid
            order = OrderProposal(instrument, -direction, volume, ZERO, price, signal.confidence)
            denial = check_base_rules(order, exit_context(book, stream, config, conditions), signal.time_ns)
            if denial is not None:
                stream.cursor.count_denial(denial.code)
                continue
            orders.append(
                order_created(
                    book,
                    decision,
                    symbol=guard.symbol,
                    direction=-direction,
                    volume=volume,
                    valid_until_ns=conditions.valid_until_ns,
                    ahead=len(orders),
                    tag=guard.tag,
                    position=guard.position,
                    time_in_force=TimeInForce.IOC,
                )
            )
    return [*found, *_canceled_entries(signal, book, stream, config, conditions), *orders]


def exit_context(book: Book, stream: StreamState, config: DeskConfig, conditions: DecisionConditions) -> RiskContext:
    """Return the inputs of the risk rules that are checked for exits."""
    return RiskContext(book, stream.cursor, config.limits, stream.risk, conditions.storage_problem, plan=config.plan)


def resting_proposal(order: Order, book: Book, confidence: float) -> OrderProposal:
    """Return the unfilled part of a resting order as the rules check it; `confidence` is that of the tick's signal."""
    rest = order.volume - order.filled_volume
    opens = opening_volume(book, order.symbol, order.side, rest, ticket=order.position, before=order.number)
    instrument = book.instruments[order.symbol]
    return OrderProposal(instrument, order.side.sign, rest, opens, order.price, confidence)


def _canceled_entries(
    signal: Signal, book: Book, stream: StreamState, config: DeskConfig, conditions: DecisionConditions
) -> Iterator[CancelRequested]:
    """Cancels of resting entries that a risk rule now denies.

    While trading is ACTIVE, only the entries in the tick's symbol are checked, else the entries in all symbols.
    """
    is_stopped = book.trading_state is not TradingState.ACTIVE
    account = exit_context(book, stream, config, conditions)
    for order_id, symbol in book.open_orders.items():
        order = book.orders[order_id]
        if not order.can_rest or order.cancel_asked or not (is_stopped or symbol == signal.symbol):
            continue
        proposal = resting_proposal(order, book, signal.confidence)
        past_rules = [passed.code for passed in order.decision.past_rules]
        denial = check_resting(proposal, account, signal.time_ns, past_rules) if proposal.opening_volume else None
        if denial is not None and symbol not in conditions.closed_symbols:
            why = f"{denial.code}: {denial_message(limit=denial.limit, observed=denial.observed)}"
            yield CancelRequested(order_id=order_id, why=why, ordinal=signal.ordinal, time_ns=signal.time_ns)


def _trailed(protection: Protection, direction: int, signal: Signal, book: Book) -> Protection | None:
    """The protection with its stop loss moved; None if the stop stays or the venue would refuse the change.

    A venue refuses a change of stops if a current stop is within the freeze level of the price, or the new stop is
    within the stops level.
    """
    terms, bid, ask = book.instruments[protection.symbol], to_decimal(signal.bid), to_decimal(signal.ask)
    touch = bid if direction > 0 else ask
    if any(is_within_freeze_level(stop, touch, terms) for stop in (protection.stop_loss, protection.take_profit)):
        return None
    moved = trail_stop(protection, direction=direction, bid=bid, ask=ask, instrument=terms)
    if moved is None or moved.stop_loss is None:
        return None
    distance = stop_loss_distance(side_of(direction), moved.stop_loss, touch)
    return moved if respects_stops_level(distance, terms) else None


def _is_closing(protection: Protection, book: Book) -> bool:
    """Whether an open market order may be closing the position."""
    return any(
        order.position in (0, protection.position) and not order.can_rest
        for order in book.open_orders_of(protection.symbol)
    )
