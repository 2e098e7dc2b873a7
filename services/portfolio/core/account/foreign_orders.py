"""Foreign orders, which a person or another program makes at the venue without the gateway, and their positions.

The reconciliation with the venue finds foreign orders (`live_reconciliation.py`). The limit `foreign_orders` sets how a
live desk handles them:

- `halt`: the desk halts until a person resumes trading.
- `adopt`: the desk treats their positions as its own, and a signal may close them.
- `ignore`: the desk trades as if the tickets that they opened did not exist (hedging accounts only).

Cash, exposure and margin include foreign orders and positions under every policy.

Two kinds of orders are not foreign. An order that the gateway placed under an id unknown to the ledger may be the
desk's own, from a lost part of the ledger, and the desk halts under every policy. Orders of the server itself come from
a stop loss or a stop-out, for example. In a lock-step stream the desk is the only client, so that every foreign order
is a reconciliation difference.
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
POLICY_TEXT: Final = {
    ForeignOrderPolicy.HALT: "trading stops until a person resumes it",
    ForeignOrderPolicy.ADOPT: "the desk treats their positions as its own",
    ForeignOrderPolicy.IGNORE: "the desk does not trade the tickets that they open",
}
"""What a live desk does on a foreign order, by policy."""


def own_position(book: Book, symbol: str, policy: ForeignOrderPolicy) -> Position:
    """Return the part of a symbol's position that the desk trades: without foreign tickets under `ignore`, else all.

    The symbol's terms must be known. The result is the book's own object, but a copy under `ignore` if the account has
    foreign tickets.
    """
    position = book.position(symbol)
    if policy is not ForeignOrderPolicy.IGNORE or not book.foreign_positions:
        return position
    return position.without(book.foreign_positions)


def foreign_policy_problem(policy: ForeignOrderPolicy, account_mode: AccountMode) -> str:
    """Return why `policy` cannot be used on an account of this mode; empty if it can."""
    if policy is not ForeignOrderPolicy.IGNORE or account_mode is AccountMode.HEDGING:
        return ""
    return (
        f"foreign_orders is {policy}, which needs a HEDGING account, but the account is {account_mode}, "
        "where a foreign deal changes the desk's own position; expected halt or adopt"
    )


def describe_foreign_orders(tickets: Sequence[int], policy: ForeignOrderPolicy) -> str:
    """Describe foreign orders by their first tickets and the policy for them, as text for people."""
    shown = ", ".join(str(ticket) for ticket in tickets[:_TICKETS_SHOWN])
    more = f" and {len(tickets) - _TICKETS_SHOWN} more" if len(tickets) > _TICKETS_SHOWN else ""
    return f"orders that are not the desk's: {shown}{more}; foreign_orders = {policy}, {POLICY_TEXT[policy]}"


def describe_foreign_positions(book: Book) -> list[str]:
    """Describe the open foreign positions of a hedging account, one text for each, sorted by symbol and ticket."""
    return [
        f"{'LONG' if leg.direction > 0 else 'SHORT'} {decimal_text(leg.volume)} {symbol}, ticket {leg.ticket}"
        for symbol in sorted(book.positions)
        for leg in book.positions[symbol].legs
        if leg.ticket in book.foreign_positions
    ]
