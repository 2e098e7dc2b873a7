"""What all order commands by hand share: the decision's record, the positions they name, and the denial by a rule."""

from __future__ import annotations

from typing import Final

from proto.control import CloseCommand, ModifyCommand, OrderCommand, OrderCommandReply
from proto.trading.units import ZERO, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import OrderDenied
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.orders import Cause, Decision
from services.portfolio.core.account.position import Leg
from services.portfolio.core.accounting.valuation import cost_rate
from services.portfolio.core.decision.idempotency import command_digest, denied_reply
from services.portfolio.core.plan.plan import MANUAL_TAG
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.types import Denial, RiskContext
from services.portfolio.core.state.portfolio_state import PortfolioState

TICKETS_NAMED_MAX: Final = 10
"""Highest number of tickets in an error text; `paperdesk positions` lists all tickets."""


def selected_legs(book: Book, limits: Limits, symbol: str, ticket: int) -> list[Leg]:
    """The leg with the ticket, even if it is foreign; for ticket 0 all legs that the desk trades."""
    if symbol not in book.positions:
        return []
    if ticket:
        return [leg for leg in book.positions[symbol].legs if leg.ticket == ticket]
    return list(own_position(book, symbol, limits.foreign_orders).legs)


def current_decision(state: PortfolioState, symbol: str, cause: Cause, reason: str) -> Decision:
    """The record of a decision at the current quote; without a quote, bid and ask are the average entry price."""
    position = state.account.book.position(symbol)
    quote = state.stream.market.quotes.get(symbol) or state.stream.cursor.marks.get(symbol)
    entry = position.avg_entry_price or ZERO
    bid, ask = (to_decimal(quote.bid), to_decimal(quote.ask)) if quote is not None else (entry, entry)
    return Decision(
        ordinal=state.stream.cursor.ordinal,
        sequence=state.stream.cursor.sequences.get(symbol, 0),
        time_ns=state.stream.domain_ns(state.stream.now.mono_ns),
        direction=0,
        confidence=1.0,
        bid=bid,
        ask=ask,
        rate=cost_rate(symbol, state.account.book, state.stream.cursor.marks),
        position_before=own_position(state.account.book, symbol, state.config.limits.foreign_orders).net_volume,
        reason=reason[:512],
        cause=cause,
    )


def risk_context(state: PortfolioState, symbol: str) -> RiskContext:
    """What the risk rules compare with an order in a symbol."""
    quote = state.stream.market.quotes.get(symbol)
    mono_ns = state.stream.now.mono_ns
    return RiskContext(
        state.account.book,
        state.stream.cursor,
        state.config.limits,
        state.stream.risk,
        state.warnings.storage_problem,
        0 if quote is None else max(0, state.stream.domain_ns(mono_ns) - quote.time_ns),
        None if quote is None else (quote.bid, quote.ask),
        state.config.plan,
        lease_problem=state.lease.problem,
    )


def deny_command(
    state: PortfolioState, command: OrderCommand, symbol: str, decision: Decision, denial: Denial
) -> OrderCommandReply:
    """Record that a risk rule denied a command, and return the reply."""
    cursor, key = state.stream.cursor, command.key
    cursor.count_denial(denial.code)
    assert state.account.book.stream is not None
    state.account.emit(
        OrderDenied(
            symbol=symbol,
            direction=decision.direction,
            ordinal=decision.ordinal,
            time_ns=decision.time_ns,
            code=denial.code,
            limit=denial.limit,
            observed=denial.observed,
            denial_id=f"{state.account.book.stream.incarnation}-m{key}"[:64],
            sequence=decision.sequence,
            confidence=decision.confidence,
            bid=decision.bid,
            ask=decision.ask,
            position_before=decision.position_before,
            tag=MANUAL_TAG,
            cause=Cause.MANUAL.value,
            key=key,
            reason=command.reason,
            asked=command_digest(command),
            person=command.person,
        )
    )
    return denied_reply(key, state.account.book.denials_by_key[key])


def tickets_text(legs: list[Leg]) -> str:
    """The tickets of positions, for an error text."""
    named = ", ".join(str(leg.ticket) for leg in legs[:TICKETS_NAMED_MAX])
    return named if len(legs) <= TICKETS_NAMED_MAX else f"{named} and {len(legs) - TICKETS_NAMED_MAX} more"


def position_text(command: CloseCommand | ModifyCommand) -> str:
    """Name the command's position in an error text."""
    return f"position {command.position} of {command.symbol}" if command.position else f"position in {command.symbol}"
