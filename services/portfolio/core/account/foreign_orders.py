"""Foreign orders and positions: those made past the gateway.

A person or another program makes them; a comparison with the venue finds them (`live_reconciliation.py`). A live desk
handles them by the limit `foreign_orders`:

- `halt`: the desk halts until a person resumes;
- `adopt`: their positions are the desk's own, and a signal may close them;
- `ignore`: the desk trades as if the tickets they opened did not exist (hedging accounts only).

Cash, exposure and margin include them under every policy.

Not foreign: an order that the gateway placed under an id unknown to the ledger (it may be the desk's own, from a lost
part of the ledger; the desk halts under every policy), and what the server does by itself, such as a stop loss or a
stop-out. In a lock-step stream, which has one client, every other order is a difference.
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
    """The desk's part of a symbol's position: all, or without foreign tickets under `ignore`.

    The symbol's terms must be known. Without foreign tickets it is the book's own object, with them a copy.
    """
    position = book.position(symbol)
    if policy is not ForeignOrderPolicy.IGNORE or not book.foreign_positions:
        return position
    return position.without(book.foreign_positions)


def foreign_policy_problem(policy: ForeignOrderPolicy, account_mode: AccountMode) -> str:
    """Why `policy` cannot work on an account of this mode; empty if it can."""
    if policy is not ForeignOrderPolicy.IGNORE or account_mode is AccountMode.HEDGING:
        return ""
    return (
        f"foreign_orders is {policy}, which needs a HEDGING account, and the account is {account_mode}: "
        "there a foreign deal changes the desk's own position; expected halt or adopt"
    )


def describe_foreign_orders(tickets: Sequence[int], policy: ForeignOrderPolicy) -> str:
    """Text for people about foreign orders, with their first tickets."""
    shown = ", ".join(str(ticket) for ticket in tickets[:_TICKETS_SHOWN])
    more = f" and {len(tickets) - _TICKETS_SHOWN} more" if len(tickets) > _TICKETS_SHOWN else ""
    return f"orders that are not the desk's: {shown}{more}; foreign_orders = {policy}, {_POLICY_TEXT[policy]}"


def describe_foreign_positions(book: Book) -> list[str]:
    """Open foreign positions of a hedging account as text, by symbol and ticket."""
    return [
        f"{'LONG' if leg.direction > 0 else 'SHORT'} {decimal_text(leg.volume)} {symbol}, ticket {leg.ticket}"
        for symbol in sorted(book.positions)
        for leg in book.positions[symbol].legs
        if leg.ticket in book.foreign_positions
    ]
