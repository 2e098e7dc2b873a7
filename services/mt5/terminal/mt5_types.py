"""The functions, row fields and constants of the MetaTrader5 package that the desk uses.

The package is a module of functions, and `Mt5Api` is its type. Names and numbers are those of MetaQuotes. Times in rows
are the broker's server time as if it were UTC: milliseconds in fields ending in `_msc`, seconds in all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

COPY_TICKS_ALL: Final = -1

ORDER_TYPE_BUY: Final = 0
ORDER_TYPE_SELL: Final = 1
ORDER_TYPE_BUY_LIMIT: Final = 2
ORDER_TYPE_SELL_LIMIT: Final = 3
ORDER_TYPE_BUY_STOP: Final = 4
ORDER_TYPE_SELL_STOP: Final = 5
ORDER_TYPE_BUY_STOP_LIMIT: Final = 6
ORDER_TYPE_CLOSE_BY: Final = 8

ORDER_STATE_PLACED: Final = 1
ORDER_STATE_CANCELED: Final = 2
ORDER_STATE_PARTIAL: Final = 3
ORDER_STATE_FILLED: Final = 4
ORDER_STATE_REJECTED: Final = 5
ORDER_STATE_EXPIRED: Final = 6

ORDER_FILLING_FOK: Final = 0
ORDER_FILLING_IOC: Final = 1
ORDER_FILLING_RETURN: Final = 2

ORDER_TIME_GTC: Final = 0
ORDER_TIME_DAY: Final = 1
ORDER_TIME_SPECIFIED: Final = 2

REASON_SL: Final = 4
REASON_TP: Final = 5
REASON_SO: Final = 6
REASON_ROLLOVER: Final = 7
"""Reasons of orders and of deals, which have the same numbers."""

POSITION_TYPE_BUY: Final = 0

DEAL_TYPE_BUY: Final = 0
DEAL_TYPE_SELL: Final = 1
DEAL_TYPE_BALANCE: Final = 2
DEAL_TYPE_CREDIT: Final = 3
DEAL_TYPE_COMMISSION: Final = 7
DEAL_TYPE_COMMISSION_AGENT_MONTHLY: Final = 11

DEAL_ENTRY_IN: Final = 0
DEAL_ENTRY_OUT: Final = 1
DEAL_ENTRY_INOUT: Final = 2
DEAL_ENTRY_OUT_BY: Final = 3

TRADE_ACTION_DEAL: Final = 1
TRADE_ACTION_PENDING: Final = 5
TRADE_ACTION_SLTP: Final = 6
TRADE_ACTION_MODIFY: Final = 7
TRADE_ACTION_REMOVE: Final = 8

SYMBOL_FILLING_FLAG_FOK: Final = 1
SYMBOL_FILLING_FLAG_IOC: Final = 2
"""Flags in a symbol's `filling_mode`; they differ from the numbers of an order (`ORDER_FILLING_...`)."""

SYMBOL_TRADE_MODE_DISABLED: Final = 0
SYMBOL_TRADE_MODE_CLOSEONLY: Final = 3
SYMBOL_TRADE_EXECUTION_REQUEST: Final = 0
SYMBOL_TRADE_EXECUTION_INSTANT: Final = 1
SYMBOL_TRADE_EXECUTION_MARKET: Final = 2
SYMBOL_SWAP_MODE_DISABLED: Final = 0
SYMBOL_SWAP_MODE_POINTS: Final = 1
SYMBOL_SWAP_MODE_CURRENCY_SYMBOL: Final = 2
SYMBOL_SWAP_MODE_CURRENCY_MARGIN: Final = 3
SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT: Final = 4
SYMBOL_SWAP_MODE_INTEREST_CURRENT: Final = 5
SYMBOL_SWAP_MODE_INTEREST_OPEN: Final = 6

SYMBOL_CALC_MODE_FOREX: Final = 0
SYMBOL_CALC_MODE_FUTURES: Final = 1
SYMBOL_CALC_MODE_CFD: Final = 2
SYMBOL_CALC_MODE_CFDINDEX: Final = 3
SYMBOL_CALC_MODE_CFDLEVERAGE: Final = 4
SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE: Final = 5
SYMBOL_CALC_MODE_EXCH_STOCKS: Final = 32
SYMBOL_CALC_MODE_EXCH_FUTURES: Final = 33
SYMBOL_CALC_MODE_EXCH_STOCKS_MOEX: Final = 38

SYMBOL_ORDERS_GTC: Final = 0
SYMBOL_ORDERS_DAILY_NO_STOPS: Final = 2

ACCOUNT_TRADE_MODE_DEMO: Final = 0
ACCOUNT_TRADE_MODE_CONTEST: Final = 1
ACCOUNT_TRADE_MODE_REAL: Final = 2
ACCOUNT_MARGIN_MODE_RETAIL_HEDGING: Final = 2


class TradeRequest(TypedDict, total=False):
    """The argument of `order_send`."""

    action: int
    magic: int
    order: int
    symbol: str
    volume: float
    price: float
    stoplimit: float
    sl: float
    tp: float
    deviation: int
    type: int
    type_filling: int
    type_time: int
    expiration: int
    comment: str
    position: int
    position_by: int


class Mt5TradeResult(Protocol):
    """The result of `order_send`."""

    @property
    def retcode(self) -> int: ...
    @property
    def deal(self) -> int: ...
    @property
    def order(self) -> int: ...
    @property
    def comment(self) -> str: ...


class Mt5Terminal(Protocol):
    """The result of `terminal_info`."""

    @property
    def connected(self) -> bool: ...
    @property
    def trade_allowed(self) -> bool: ...


class Mt5Tick(Protocol):
    """The result of `symbol_info_tick`."""

    @property
    def time_msc(self) -> int: ...
    @property
    def bid(self) -> float: ...
    @property
    def ask(self) -> float: ...


class Mt5Order(Protocol):
    """A row of `orders_get` or `history_orders_get`."""

    @property
    def ticket(self) -> int: ...
    @property
    def time_setup_msc(self) -> int: ...
    @property
    def time_done_msc(self) -> int: ...
    @property
    def time_expiration(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def type_time(self) -> int: ...
    @property
    def type_filling(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def magic(self) -> int: ...
    @property
    def position_id(self) -> int: ...
    @property
    def reason(self) -> int: ...
    @property
    def volume_initial(self) -> float: ...
    @property
    def volume_current(self) -> float: ...
    @property
    def price_open(self) -> float: ...
    @property
    def sl(self) -> float: ...
    @property
    def tp(self) -> float: ...
    @property
    def symbol(self) -> str: ...
    @property
    def comment(self) -> str: ...


class Mt5Position(Protocol):
    """A row of `positions_get`."""

    @property
    def ticket(self) -> int: ...
    @property
    def identifier(self) -> int: ...
    @property
    def time_msc(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def magic(self) -> int: ...
    @property
    def volume(self) -> float: ...
    @property
    def price_open(self) -> float: ...
    @property
    def sl(self) -> float: ...
    @property
    def tp(self) -> float: ...
    @property
    def swap(self) -> float: ...
    @property
    def profit(self) -> float: ...
    @property
    def symbol(self) -> str: ...
    @property
    def comment(self) -> str: ...


class PublishedMt5Api(Protocol):
    """The functions that the published type stubs contain."""

    def initialize(
        self,
        path: str = ...,
        *,
        login: int = ...,
        password: str = ...,
        server: str = ...,
        timeout: int = ...,
        portable: bool = ...,
    ) -> bool:
        """Connect to the terminal, and start it if it is not running; False for a failure.

        Args:
            path: the terminal's program.
            login: number of the account.
            password: the account's password.
            server: the broker's server.
            timeout: longest wait, in milliseconds.
            portable: whether the terminal keeps its data in its program's folder.
        """

    def shutdown(self) -> None:
        """Disconnect from the terminal."""

    def last_error(self) -> tuple[int, str]:
        """Code and text of the last call's result: the code is 1 for success and < 0 for a failure."""

    def terminal_info(self) -> Mt5Terminal | None:
        """The state of the terminal; None for a failure."""

    def symbol_select(self, symbol: str, enable: bool = True) -> bool:
        """Show a symbol in the Market Watch, because a hidden symbol has no ticks; False for a failure."""

    def symbol_info_tick(self, symbol: str) -> Mt5Tick | None:
        """The last tick of a symbol; None for a failure."""

    def order_send(self, request: TradeRequest) -> Mt5TradeResult | None:
        """Send a trade request; blocks until the server has answered or the terminal has given up (None)."""

    def orders_get(self) -> Sequence[Mt5Order] | None:
        """The open orders; None for a failure."""

    def positions_get(self) -> Sequence[Mt5Position] | None:
        """The open positions; None for a failure."""


class Mt5Account(Protocol):
    """The result of `account_info`."""

    @property
    def login(self) -> int: ...
    @property
    def trade_mode(self) -> int: ...
    @property
    def leverage(self) -> int: ...
    @property
    def margin_mode(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def currency_digits(self) -> int: ...
    @property
    def balance(self) -> float: ...
    @property
    def equity(self) -> float: ...
    @property
    def margin(self) -> float: ...
    @property
    def server(self) -> str: ...


class Mt5Symbol(Protocol):
    """The result of `symbol_info`."""

    @property
    def name(self) -> str: ...
    @property
    def digits(self) -> int: ...
    @property
    def trade_contract_size(self) -> float: ...
    @property
    def trade_tick_size(self) -> float: ...
    @property
    def trade_tick_value(self) -> float: ...
    @property
    def volume_min(self) -> float: ...
    @property
    def volume_max(self) -> float: ...
    @property
    def volume_step(self) -> float: ...
    @property
    def trade_stops_level(self) -> int: ...
    @property
    def trade_freeze_level(self) -> int: ...
    @property
    def trade_mode(self) -> int: ...
    @property
    def trade_exemode(self) -> int: ...
    @property
    def filling_mode(self) -> int: ...
    @property
    def trade_calc_mode(self) -> int: ...
    @property
    def volume_limit(self) -> float: ...
    @property
    def margin_initial(self) -> float: ...
    @property
    def margin_maintenance(self) -> float: ...
    @property
    def margin_hedged(self) -> float: ...
    @property
    def margin_hedged_use_leg(self) -> bool: ...
    @property
    def order_gtc_mode(self) -> int: ...
    @property
    def expiration_time(self) -> int: ...
    @property
    def swap_mode(self) -> int: ...
    @property
    def swap_long(self) -> float: ...
    @property
    def swap_short(self) -> float: ...
    @property
    def swap_rollover3days(self) -> int: ...
    @property
    def currency_base(self) -> str: ...
    @property
    def currency_profit(self) -> str: ...
    @property
    def currency_margin(self) -> str: ...


class Mt5Deal(Protocol):
    """A row of `history_deals_get`."""

    @property
    def ticket(self) -> int: ...
    @property
    def order(self) -> int: ...
    @property
    def time_msc(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def entry(self) -> int: ...
    @property
    def magic(self) -> int: ...
    @property
    def position_id(self) -> int: ...
    @property
    def reason(self) -> int: ...
    @property
    def volume(self) -> float: ...
    @property
    def price(self) -> float: ...
    @property
    def commission(self) -> float: ...
    @property
    def swap(self) -> float: ...
    @property
    def profit(self) -> float: ...
    @property
    def fee(self) -> float: ...
    @property
    def symbol(self) -> str: ...
    @property
    def comment(self) -> str: ...


Ticks = NDArray[np.void]
"""Rows of `copy_ticks_from`: a structured array with time, bid, ask, last, volume, time_msc, flags and volume_real."""


class Mt5Api(PublishedMt5Api, Protocol):
    """All functions of the package that the desk uses."""

    def account_info(self) -> Mt5Account | None:
        """The account that the terminal is logged in to; None for a failure."""

    def symbol_info(self, symbol: str) -> Mt5Symbol | None:
        """The terms of a symbol; None for a failure."""

    def copy_ticks_from(self, symbol: str, date_from: int, count: int, flags: int) -> Ticks | None:
        """Ticks of a symbol, the oldest first; None for a failure.

        Args:
            symbol: the broker's name.
            date_from: the first second to read, in server time.
            count: largest number of ticks to return.
            flags: kinds of ticks; `COPY_TICKS_ALL` for all.
        """

    def history_orders_get(self, date_from: int, date_to: int) -> Sequence[Mt5Order] | None:
        """The orders that ended between `date_from` and `date_to`, in seconds of server time; None for a failure."""

    def history_deals_get(self, date_from: int, date_to: int) -> Sequence[Mt5Deal] | None:
        """The deals between `date_from` and `date_to`, in seconds of server time; None for a failure."""
