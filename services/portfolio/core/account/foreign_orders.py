"""Orders and positions on the account that are not the desk's: what somebody traded by hand, or another program past the gateway.

A comparison with the venue finds them (`live_reconciliation.py`), and the limit `foreign_orders` says what a live desk makes of them. By `halt`
it trades on when a person has looked. By `adopt` what they have done is the desk's own position, which a signal may close. By
`ignore` the tickets that they have opened are left alone: a signal, a plan, a flattening see the position without them. Cash, exposure
and margin count them by any policy, since they are the account's.

An order that went through the gateway under an id that the ledger does not have is not foreign: it may be the desk's own, from a part of
the ledger that is lost, and halts by any policy. A stepped stream has one client, so that an order of anybody else is a difference there,
whatever the limit says. What the server does by itself, such as a stop or a stop-out, is not foreign either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proto.trading.enums import AccountMode
from proto.trading.units import decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.account.position import Position

_TICKETS_SHOWN: Final = 10
_POLICY_TEXT: Final = {
    ForeignOrderPolicy.HALT: "trading stops until a person has looked",
    ForeignOrderPolicy.ADOPT: "what they hold is taken as the desk's own",
    ForeignOrderPolicy.IGNORE: "the tickets they open are left alone",
}


def own_position(book: Book, symbol: str, policy: ForeignOrderPolicy) -> Position:
    """What the desk trades of a symbol whose terms are known: all that is held, or all but the tickets that it is to ignore.

    What is left out is not changed by what the caller does to the rest.
    """
    position = book.position(symbol)
    if policy is not ForeignOrderPolicy.IGNORE or not book.foreign_positions:
        return position
    return position.without(book.foreign_positions)


def foreign_policy_problem(policy: ForeignOrderPolicy, account_mode: AccountMode) -> str:
    """Why a live desk cannot leave foreign orders alone on an account of this kind; empty where it can, or is not to."""
    if policy is not ForeignOrderPolicy.IGNORE or account_mode is AccountMode.HEDGING:
        return ""
    return (
        f"foreign_orders is {policy}, which needs a HEDGING account, and the account is {account_mode}: "
        "there a stranger's deal moves the desk's own position; expected halt or adopt"
    )


def describe_foreign_orders(tickets: Sequence[int], policy: ForeignOrderPolicy) -> str:
    """What people are told of orders that are not the desk's."""
    shown = ", ".join(str(ticket) for ticket in tickets[:_TICKETS_SHOWN])
    more = f" and {len(tickets) - _TICKETS_SHOWN} more" if len(tickets) > _TICKETS_SHOWN else ""
    return f"orders that are not the desk's: {shown}{more}; foreign_orders = {policy}, {_POLICY_TEXT[policy]}"


def describe_foreign_positions(book: Book) -> list[str]:
    """The open tickets of a hedging account that foreign orders have opened, as text, by symbol and ticket."""
    return [
        f"{'LONG' if leg.direction > 0 else 'SHORT'} {decimal_text(leg.volume)} {symbol}, ticket {leg.ticket}"
        for symbol in sorted(book.positions)
        for leg in book.positions[symbol].legs
        if leg.ticket in book.foreign_positions
    ]
