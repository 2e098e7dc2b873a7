"""Jobs of the terminal's thread: reading a snapshot, and sending a trade request followed by a snapshot.

A request is withheld if the account must not be traded, which is checked just before the request is sent.
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
"""Largest number of attempts to read the account's rows; a new deal during the reads makes an attempt fail."""

HISTORY_END_S: Final = 2**31 - 1
"""Last second of every requested history: later than any deal, however long the account was idle."""


class ConnectionParameters(TypedDict, total=False):
    """The arguments of `initialize`; the terminal chooses the value of a missing one."""

    path: str
    login: int
    password: str
    server: str
    timeout: int


class TickRequest(NamedTuple):
    """Ticks to read: at most `ticks_max` from the second `from_s` of server time; `symbol` is the broker's name."""

    symbol: str
    from_s: int
    ticks_max: int


class SnapshotRequest(NamedTuple):
    """The parts to read: ticks, terms of `symbols`, and account rows.

    `history_s` has the first and last second of history in server time; None: no account rows.
    """

    ticks: tuple[TickRequest, ...] = ()
    symbols: tuple[str, ...] = ()
    history_s: tuple[int, int] | None = None


class AccountRows(NamedTuple):
    """The rows of the account, read without a new deal between the reads."""

    account: Mt5Account
    positions: Sequence[Mt5Position]
    orders: Sequence[Mt5Order]
    history_orders: Sequence[Mt5Order]
    deals: Sequence[Mt5Deal]


class TerminalSnapshot(NamedTuple):
    """The parts that were read. A part that could not be read is None or left out.

    `error` has code and text of the last call's result; the code is 1 for success.
    """

    terminal: Mt5Terminal | None
    account: Mt5Account | None
    rows: AccountRows | None
    ticks: dict[str, Ticks]
    symbols: dict[str, Mt5Symbol]
    error: tuple[int, str]


class OrderSendOutcome(NamedTuple):
    """The result of `order_send`, and a snapshot after it.

    `withheld` is the reason why `order_send` was not called: the account is unknown or must not be traded.
    """

    result: Mt5TradeResult | None
    error: tuple[int, str]
    withheld: Unavailable | None
    snapshot: TerminalSnapshot


def connect(api: Mt5Api, connection: ConnectionParameters, symbols: Sequence[str]) -> bool:
    """Connect to the terminal and show the symbols in its Market Watch; False for a failure, see `last_error`."""
    if not api.initialize(**connection):
        return False
    selected = [api.symbol_select(symbol, True) for symbol in symbols]
    return all(selected)


def take_snapshot(api: Mt5Api, wanted: SnapshotRequest, *, connection: ConnectionParameters) -> TerminalSnapshot:
    """Read the requested parts; first reconnect to the terminal if the connection is lost.

    Args:
        api: the MetaTrader5 package.
        wanted: the parts to read.
        connection: the arguments of a reconnection to the terminal.
    """
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
    """Call `order_send` once, unless the account must not be traded, and then read a snapshot.

    Args:
        api: the MetaTrader5 package.
        request: the argument of `order_send`.
        wanted: the parts of the snapshot to read.
        account_policy: the account that may be traded.
        connection: the arguments of a reconnection to the terminal.
    """
    account = api.account_info()
    withheld = None if account is None else account_policy.violation(account)
    if account is None or withheld is not None:
        # Nothing was sent, so the order is certainly not executed.
        error = api.last_error()
        withheld = withheld or Unavailable(
            ErrorCode.VENUE_DISCONNECTED, f"the terminal has no account: {error[1]} ({error[0]})"
        )
        return OrderSendOutcome(None, error, withheld, take_snapshot(api, wanted, connection=connection))
    result = api.order_send(request)
    error = api.last_error()
    return OrderSendOutcome(result, error, None, take_snapshot(api, wanted, connection=connection))


def _account_rows(api: Mt5Api, from_s: int, to_s: int) -> AccountRows | None:
    """Consistent rows of the account; None if a part cannot be read, or each attempt was interrupted by a new deal."""
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
