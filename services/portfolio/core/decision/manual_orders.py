"""A person's commands that place or cancel an order, or close a position; `manual_modifications` has the changes.

Risk rules check each command except a cancel. A command is recorded as events, and its reply is sent when they are
durable. A repeated command gets the stored reply and has no further effect. A lock-step stream accepts no manual
orders, because it trades only on its ticks.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from proto.control import (
    CancelCommand,
    CloseCommand,
    ControlError,
    ModifyCommand,
    OrderCommand,
    OrderCommandReply,
    PlaceCommand,
)
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import ZERO, decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import CancelRequested, OrderCreated
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.account.position import Leg
from services.portfolio.core.decision.escalation import escalate
from services.portfolio.core.decision.idempotency import command_digest, done_reply, previous_reply
from services.portfolio.core.decision.manual_context import (
    current_decision,
    deny_command,
    position_text,
    risk_context,
    selected_legs,
    tickets_text,
)
from services.portfolio.core.decision.manual_modifications import modify_order, modify_stops
from services.portfolio.core.decision.order_factory import ORDER_VALIDITY_NS, order_created
from services.portfolio.core.decision.rule_exceptions import passed_rules, refuse_exceptions
from services.portfolio.core.plan.plan import MANUAL_TAG
from services.portfolio.core.risk.checks import check_base_rules, check_order, excepted_denials
from services.portfolio.core.risk.exposure import opening_volume
from services.portfolio.core.risk.types import OrderProposal
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.stream import StreamState


def apply_order_command(state: PortfolioState, command: OrderCommand) -> OrderCommandReply | ControlError:
    """Execute a manual order command, unless a rule denies it."""
    if not state.stream.is_live:
        return ControlError(error="manual orders need a live market: a lock-step stream trades only at its ticks")
    if (before := previous_reply(state.account.book, command)) is not None:
        return before
    if state.warnings.venue_fault:
        return ControlError(error=state.warnings.venue_fault[:500])
    if isinstance(command, PlaceCommand | CloseCommand) and not state.account.can_number_orders:
        return ControlError(
            error="portfolio has not connected to the gateway yet: repeat the command when portfolio is connected"
        )
    match command:
        case PlaceCommand():
            return _place(state, command)
        case CloseCommand():
            return _close(state, command)
        case CancelCommand():
            return _cancel(state.account, state.stream, command)
        case ModifyCommand(order_id=""):
            return modify_stops(state, command)
        case ModifyCommand():
            return modify_order(state, command)


def closing_orders(
    state: PortfolioState,
    symbol: str,
    *,
    cause: Cause,
    reason: str,
    ticket: int = 0,
    volume: Decimal | None = None,
    key: str = "",
    asked: str = "",
    person: str = "",
) -> list[OrderCreated]:
    """Return the events that create market orders which close positions in a symbol.

    `ticket` is that of the leg to close; 0 closes all legs that the desk trades. `volume` is the lots to close of each
    leg, above 0; None stands for the whole leg. An order closes no more than the venue's largest volume. `asked` is
    the digest of the person's command with this `key`, `person` the login name sent with it.
    """
    most = state.account.book.instruments[symbol].volume_max
    decision = current_decision(state, symbol, cause, f"[{cause.upper()}] {reason}")
    made: list[OrderCreated] = []
    for leg in selected_legs(state.account.book, state.config.limits, symbol, ticket):
        made.append(
            order_created(
                state.account.book,
                structs.replace(decision, direction=-leg.direction),
                symbol=symbol,
                direction=-leg.direction,
                volume=min(leg.volume if volume is None else volume, most),
                valid_until_ns=decision.time_ns + ORDER_VALIDITY_NS,
                ahead=len(made),
                tag=MANUAL_TAG if cause is Cause.MANUAL else "desk",
                position=leg.ticket,
                time_in_force=TimeInForce.IOC,
                key=key,
                asked=asked,
                person=person,
                is_close=True,
            )
        )
    return made


def _place(state: PortfolioState, command: PlaceCommand) -> OrderCommandReply | ControlError:
    book, symbol = state.account.book, command.symbol
    instrument = book.instruments.get(symbol)
    if instrument is None or symbol in state.config.watched:
        known = ", ".join(sorted(set(book.instruments) - set(state.config.watched)))
        return ControlError(error=f"symbol is {symbol}, expected one that the desk trades: {known}"[:512])
    if state.stream.market.quotes.get(symbol) is None and state.stream.cursor.marks.get(symbol) is None:
        return ControlError(error=f"{symbol} has not been quoted yet")
    if (refusal := refuse_exceptions(command)) is not None:
        return refusal
    direction = command.side.sign
    decision = structs.replace(
        current_decision(state, symbol, Cause.MANUAL, f"[MANUAL] {command.reason}"), direction=direction
    )
    rests = command.type is not OrderType.MARKET
    if rests and command.price is None:
        return ControlError(error=f"price is missing, expected one for a {command.type} order")
    touch = decision.ask if direction > 0 else decision.bid
    order = OrderProposal(
        instrument,
        direction,
        command.volume,
        opening_volume(book, symbol, command.side, command.volume),
        command.price if rests and command.price is not None else touch,
        1.0,
        stop_loss=command.stop_loss,
        take_profit=command.take_profit,
        type=command.type,
        limit_price=command.price if rests else None,
        time_in_force=command.time_in_force or TimeInForce.GTC,
        expires_ns=command.expires_ns,
        trailing_stop_points=command.trailing_stop_points,
    )
    context = risk_context(state, symbol)
    denial = check_order(order, context, decision.time_ns, command.past_rules)
    if denial is not None:
        escalate(state.account, denial)
        return deny_command(state, command, symbol, decision, denial)
    passed = passed_rules(command, excepted_denials(order, context, decision.time_ns, command.past_rules))
    made = order_created(
        book,
        structs.replace(decision, past_rules=passed),
        symbol=symbol,
        direction=direction,
        volume=command.volume,
        valid_until_ns=decision.time_ns + ORDER_VALIDITY_NS,
        tag=MANUAL_TAG,
        key=command.key,
        asked=command_digest(command),
        person=command.person,
        type=command.type,
        limit_price=command.price if rests else None,
        time_in_force=command.time_in_force or (None if rests else TimeInForce.IOC),
        stop_loss=command.stop_loss,
        take_profit=command.take_profit,
        trailing_stop_points=command.trailing_stop_points,
        expires_ns=command.expires_ns,
    )
    state.account.emit(made)
    return _order_reply(command.key, [made])


def _close(state: PortfolioState, command: CloseCommand) -> OrderCommandReply | ControlError:
    symbol = command.symbol
    legs = selected_legs(state.account.book, state.config.limits, symbol, command.position)
    if not legs:
        return ControlError(error=f"there is no {position_text(command)} to close")
    if command.volume is not None and len(legs) > 1:
        many = f"{symbol} has {len(legs)} positions (tickets {tickets_text(legs)})"
        return ControlError(error=f"{many}: name one with --position to close a part")
    if command.volume is not None and not ZERO < command.volume <= legs[0].volume:
        return ControlError(
            error=f"volume is {decimal_text(command.volume)} lots, "
            f"expected above 0 and at most the position's {decimal_text(legs[0].volume)}"
        )
    if (closing_id := _closing_order(state.account.book, command, legs)) is not None:
        return ControlError(
            error=f"{position_text(command)} is being closed by order {closing_id}: "
            "repeat the command when that order has ended, a second close could open the other side"
        )
    made = closing_orders(
        state,
        symbol,
        cause=Cause.MANUAL,
        reason=command.reason,
        ticket=command.position,
        volume=command.volume,
        key=command.key,
        asked=command_digest(command),
        person=command.person,
    )
    for one in made:
        order, decision = one.order, one.order.decision
        instrument = state.account.book.instruments[symbol]
        proposal = OrderProposal(instrument, order.side.sign, order.volume, ZERO, order.price, 1.0, is_manual=True)
        if (denial := check_base_rules(proposal, risk_context(state, symbol), decision.time_ns)) is not None:
            return deny_command(state, command, symbol, decision, denial)
    for one in made:
        state.account.emit(one)
    return _order_reply(command.key, made)


def _closing_order(book: Book, command: CloseCommand, legs: list[Leg]) -> str | None:
    """The id of an open order that closes lots which the command would also close; None if enough lots remain."""
    for leg in legs:
        closing = [
            order
            for order in book.open_orders_of(command.symbol)
            if order.side.sign == -leg.direction and order.position == leg.ticket and not order.can_rest
        ]
        left = leg.volume - sum((order.volume - order.filled_volume for order in closing), ZERO)
        if closing and left < (leg.volume if command.volume is None else command.volume):
            return closing[0].order_id
    return None


def _cancel(account: AccountState, stream: StreamState, command: CancelCommand) -> OrderCommandReply | ControlError:
    order = account.book.orders.get(command.order_id)
    if order is None or not order.status.is_open:
        current = "unknown" if order is None else str(order.status)
        return ControlError(error=f"order {command.order_id} is {current}, expected an open one")
    if not order.cancel_asked:
        account.emit(
            CancelRequested(
                order_id=order.order_id,
                why=command.reason,
                ordinal=stream.cursor.ordinal,
                time_ns=stream.domain_ns(stream.now.mono_ns),
                key=command.key,
                asked=command_digest(command),
                person=command.person,
            )
        )
    return done_reply(command.key, [order.order_id])


def _order_reply(key: str, made: list[OrderCreated]) -> OrderCommandReply:
    past_rules = made[0].order.decision.past_rules if made else ()
    return done_reply(key, [one.order.order_id for one in made], past_rules)
