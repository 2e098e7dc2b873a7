"""A person's changes of a resting order, and of the stops of a position."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import UNSET, UnsetType, structs

from proto.control import ControlError, ModifyCommand, OrderCommandReply
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import ZERO
from services.portfolio.core.account.events import OrderModifyRequested, ProtectionSet
from services.portfolio.core.account.orders import Cause, OrderTerms
from services.portfolio.core.account.protection import Protection, protection_key
from services.portfolio.core.decision.idempotency import command_digest, done_reply
from services.portfolio.core.decision.manual_context import (
    current_decision,
    deny_command,
    position_text,
    risk_context,
    selected_legs,
    tickets_text,
)
from services.portfolio.core.plan.plan import MANUAL_TAG
from services.portfolio.core.risk.checks import check_base_rules
from services.portfolio.core.risk.types import OrderProposal
from services.portfolio.core.state.portfolio_state import PortfolioState

_NOTHING_TO_CHANGE: Final = "the command changes nothing, expected a new {terms}"


def modify_order(state: PortfolioState, command: ModifyCommand) -> OrderCommandReply | ControlError:
    """Change the terms of a resting order."""
    order = state.account.book.orders.get(command.order_id)
    if order is None or not order.status.is_open or order.type is OrderType.MARKET:
        current = "unknown" if order is None else f"{order.type} {order.status}"
        return ControlError(error=f"order {command.order_id} is {current}, expected an open LIMIT or STOP order")
    if command.symbol != order.symbol or command.position:
        return ControlError(
            error=f"order {command.order_id} is in {order.symbol}, expected symbol {order.symbol} and position 0"
        )
    if order.revision > order.revision_answered:
        return ControlError(
            error=f"order {command.order_id} is being modified, repeat the command when the venue has answered"
        )
    before = order.terms
    if command.price is None and _keeps_stops(command) and not command.expires_ns:
        return ControlError(error=_NOTHING_TO_CHANGE.format(terms="price, stop_loss, take_profit or expires_ns"))
    terms = OrderTerms(
        limit_price=before.limit_price if command.price is None else command.price,
        stop_loss=_changed(command.stop_loss, before.stop_loss),
        take_profit=_changed(command.take_profit, before.take_profit),
        expires_ns=command.expires_ns or before.expires_ns,
    )
    instrument, price = state.account.book.instruments[order.symbol], terms.limit_price
    assert price is not None, order
    rest = order.volume - order.filled_volume
    proposal = OrderProposal(
        instrument,
        order.side.sign,
        rest,
        ZERO,
        price,
        1.0,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        type=order.type,
        limit_price=price,
        time_in_force=order.time_in_force or TimeInForce.GTC,
        expires_ns=terms.expires_ns,
    )
    decision = current_decision(state, order.symbol, Cause.MANUAL, f"[MANUAL] {command.reason}")
    if (denial := check_base_rules(proposal, risk_context(state, order.symbol), decision.time_ns)) is not None:
        return deny_command(state, command, order.symbol, decision, denial)
    revision = order.revision + 1
    state.account.emit(
        OrderModifyRequested(
            order_id=order.order_id,
            terms=terms,
            revision=revision,
            time_ns=decision.time_ns,
            key=command.key,
            asked=command_digest(command),
            why=command.reason,
            person=command.person,
        )
    )
    return done_reply(command.key, [order.order_id])


def modify_stops(state: PortfolioState, command: ModifyCommand) -> OrderCommandReply | ControlError:
    """Change the stops of a position. A given stop loss, also none, ends its trailing stop."""
    book, symbol = state.account.book, command.symbol
    legs = selected_legs(state.account.book, state.config.limits, symbol, command.position)
    if len(legs) != 1:
        if not legs:
            return ControlError(error=f"there is no {position_text(command)} to change")
        return ControlError(
            error=f"{symbol} has {len(legs)} positions (tickets {tickets_text(legs)}): "
            f"name one with --position {symbol}:TICKET"
        )
    if command.price is not None or command.expires_ns:
        return ControlError(error="price and expires_ns are terms of an order, expected only stops for a position")
    if _keeps_stops(command):
        return ControlError(error=_NOTHING_TO_CHANGE.format(terms="stop_loss or take_profit"))
    leg = legs[0]
    key = protection_key(symbol, leg.ticket)
    before = book.protections.get(key) or Protection(symbol=symbol, position=leg.ticket, tag=MANUAL_TAG)
    stop_loss = _changed(command.stop_loss, before.stop_loss)
    take_profit = _changed(command.take_profit, before.take_profit)
    decision = current_decision(state, symbol, Cause.MANUAL, f"[MANUAL] {command.reason}")
    touch = decision.bid if leg.direction > 0 else decision.ask
    proposal = OrderProposal(
        book.instruments[symbol],
        leg.direction,
        leg.volume,
        ZERO,
        touch,
        1.0,
        stop_loss=stop_loss,
        take_profit=take_profit,
        is_manual=True,
    )
    if (denial := check_base_rules(proposal, risk_context(state, symbol), decision.time_ns)) is not None:
        return deny_command(state, command, symbol, decision, denial)
    after = structs.replace(
        before,
        stop_loss=stop_loss,
        take_profit=take_profit,
        trailing_stop_points=before.trailing_stop_points if command.stop_loss is UNSET else 0,
        revision=before.revision + 1,
        error="",
    )
    state.account.emit(
        ProtectionSet(
            protection=after,
            why=f"[MANUAL] {command.reason}",
            ordinal=decision.ordinal,
            time_ns=decision.time_ns,
            bid=decision.bid,
            ask=decision.ask,
            key=command.key,
            asked=command_digest(command),
            person=command.person,
        )
    )
    return done_reply(command.key, [])


def _keeps_stops(command: ModifyCommand) -> bool:
    return command.stop_loss is UNSET and command.take_profit is UNSET


def _changed(new: Decimal | UnsetType | None, before: Decimal | None) -> Decimal | None:
    return before if new is UNSET else new
