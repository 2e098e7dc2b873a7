"""What is asked of the terminal in one go, by the thread that may: a look at ticks and account, and a call with a look after it.

Nothing is judged here but one thing: an order is not sent from an account that it is not meant for, which is asked right before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypedDict

from proto.gateway import ErrorCode
from services.mt5.core.ports.terminal import Unavailable
from services.mt5.terminal.account_policy import AccountPolicy
from services.mt5.terminal.mt5_types import (
    COPY_TICKS_ALL,
    Mt5Account,
    Mt5Api,
    Mt5Deal,
    Mt5Order,
    Mt5Position,
    Mt5Symbol,
    Mt5Terminal,
    Mt5TradeResult,
    Ticks,
    TradeRequest,
)

READS_MAX: Final = 3
"""How often the account is read again because a deal came in between."""


class ConnectionParameters(TypedDict, total=False):
    """What `initialize` is given; a part that is not there is left to the terminal."""

    path: str
    login: int
    password: str
    server: str
    timeout: int


class TickRequest(NamedTuple):
    """Ticks to ask for; `symbol` is the broker's name."""

    symbol: str
    from_s: int
    ticks_max: int


class SnapshotRequest(NamedTuple):
    """What a look is to bring. `history_s` is the span of history, in the server's seconds; None: not the account's rows."""

    ticks: tuple[TickRequest, ...] = ()
    symbols: tuple[str, ...] = ()
    history_s: tuple[int, int] | None = None


class AccountRows(NamedTuple):
    """Everything about the account, read so that no deal came in between."""

    account: Mt5Account
    positions: Sequence[Mt5Position]
    orders: Sequence[Mt5Order]
    history_orders: Sequence[Mt5Order]
    deals: Sequence[Mt5Deal]


class TerminalSnapshot(NamedTuple):
    """What the terminal showed. What it did not tell is None or left out; `error` is then its word for why."""

    terminal: Mt5Terminal | None
    account: Mt5Account | None
    rows: AccountRows | None
    ticks: dict[str, Ticks]
    symbols: dict[str, Mt5Symbol]
    error: tuple[int, str]


class OrderSendOutcome(NamedTuple):
    """What came of a call of `order_send`, and what the terminal showed after it.

    `withheld`: it was not called, because it is logged in where it must not trade.
    """

    result: Mt5TradeResult | None
    error: tuple[int, str]
    withheld: Unavailable | None
    snapshot: TerminalSnapshot


def connect(api: Mt5Api, connection: ConnectionParameters, symbols: Sequence[str]) -> bool:
    """Connect to the terminal and have the symbols in its Market Watch; false when it did not work, `last_error` says why."""
    if not api.initialize(**connection):
        return False
    selected = [api.symbol_select(symbol, True) for symbol in symbols]
    return all(selected)


def take_snapshot(api: Mt5Api, wanted: SnapshotRequest, *, connection: ConnectionParameters) -> TerminalSnapshot:
    """Ask for everything that is wanted; a terminal that has gone is connected to again first."""
    terminal = api.terminal_info()
    if terminal is None and connect(api, connection, [ask.symbol for ask in wanted.ticks]):
        terminal = api.terminal_info()
    account = None if terminal is None else api.account_info()
    if terminal is None or account is None:
        return TerminalSnapshot(terminal, account, None, {}, {}, api.last_error())
    ticks, symbols = {}, {}
    for ask in wanted.ticks:
        rows = api.copy_ticks_from(ask.symbol, ask.from_s, ask.ticks_max, COPY_TICKS_ALL)
        if rows is not None:
            ticks[ask.symbol] = rows
    for symbol in wanted.symbols:
        row = api.symbol_info(symbol)
        if row is not None:
            symbols[symbol] = row
    account_rows = None if wanted.history_s is None else _account_rows(api, *wanted.history_s)
    return TerminalSnapshot(terminal, account, account_rows, ticks, symbols, api.last_error())


def send_trade_request(
    api: Mt5Api,
    request: TradeRequest,
    wanted: SnapshotRequest,
    *,
    account_policy: AccountPolicy,
    connection: ConnectionParameters,
) -> OrderSendOutcome:
    """Call `order_send` once, unless the account is another one, and look what there is then."""
    account = api.account_info()
    withheld = None if account is None else account_policy.violation(account)
    if account is None or withheld is not None:
        # Nothing was sent: this is the one case of no answer that is not in doubt.
        error = api.last_error()
        withheld = withheld or Unavailable(
            ErrorCode.VENUE_DISCONNECTED, f"the terminal tells no account: {error[1]} ({error[0]})"
        )
        return OrderSendOutcome(None, error, withheld, take_snapshot(api, wanted, connection=connection))
    result = api.order_send(request)
    error = api.last_error()
    return OrderSendOutcome(result, error, None, take_snapshot(api, wanted, connection=connection))


def _account_rows(api: Mt5Api, from_s: int, to_s: int) -> AccountRows | None:
    """The account's rows as of one moment, or None when a part of them is not told or does not stand still."""
    before = api.history_deals_get(from_s, to_s)
    for _ in range(READS_MAX):
        account, positions, orders = api.account_info(), api.positions_get(), api.orders_get()
        history_orders, after = api.history_orders_get(from_s, to_s), api.history_deals_get(from_s, to_s)
        if account is None or positions is None or orders is None or history_orders is None or after is None:
            return None
        if before is not None and [row.ticket for row in before] == [row.ticket for row in after]:
            return AccountRows(account, positions, orders, history_orders, after)
        before = after
    return None
