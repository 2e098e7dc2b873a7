"""The functions of the MetaTrader5 package for the fake broker, with scripted failures."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np

from services.mt5.terminal import mt5_types
from services.mt5.terminal.mt5_types import Ticks, TradeRequest
from tests.support.fake_terminal.broker import FakeBroker, RejectedByBroker, a_symbol
from tests.support.fake_terminal.rows import (
    TICK_TYPE,
    AccountInfo,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

LOGIN = 5_001_234
SUCCESS = (1, "Success")
NO_IPC = (-10004, "No IPC connection")
SERVER_AHEAD_MS = 2 * 3_600_000


class ScriptedReply(NamedTuple):
    """Scripted effect and reply of one call of `order_send`.

    `executes` says whether the server receives the request. `answer` is the retcode of the reply, -1 for the broker's
    retcode, None for no reply. `fill` is the available number of lots for a market order. With `without_deal` the reply
    has deal 0. `hides` is the number of reads for which the history does not show the effect. The call returns only
    when the event `waits_for` is set.
    """

    executes: bool = True
    answer: int | None = -1
    fill: float | None = None
    without_deal: bool = False
    hides: int = 0
    waits_for: threading.Event | None = None


P = ParamSpec("P")
R = TypeVar("R")


def locked(method: Callable[Concatenate[FakeTerminal, P], R]) -> Callable[Concatenate[FakeTerminal, P], R]:
    """Decorator that runs one method at a time, because the gateway's thread and the test's thread call methods."""

    @functools.wraps(method)
    def alone(self: FakeTerminal, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return method(self, *args, **kwargs)

    return alone


class FakeTerminal:
    """Replacement for the module `MetaTrader5`. The server's clock is two hours ahead of UTC by default."""

    def __init__(
        self,
        *,
        utc_ms: Callable[[], int],
        symbols: Sequence[SymbolInfo] = (a_symbol(),),
        is_hedging: bool = False,
        trade_mode: int = mt5_types.ACCOUNT_TRADE_MODE_DEMO,
        ahead_ms: int = SERVER_AHEAD_MS,
    ) -> None:
        self.broker = FakeBroker(is_hedging=is_hedging, symbols={info.name: info for info in symbols})
        self.script: deque[ScriptedReply] = deque()
        self.requests: list[dict[str, Any]] = []
        self.login = LOGIN
        self.trade_mode = trade_mode
        self.is_connected = True
        self.has_ipc = True
        self.initialized: list[dict[str, Any]] = []
        self.before_ticks: Callable[[], None] | None = None
        self.lock = threading.RLock()
        self._utc_ms = utc_ms
        self._ahead_ms = ahead_ms
        self._ticks: dict[str, list[tuple[Any, ...]]] = {info.name: [] for info in symbols}
        self._hidden: dict[int, int] = {}
        self._error = SUCCESS
        self._set_clock()
        self.broker.deposit(10_000.0)

    @locked
    def tick(self, symbol: str, bid: float, ask: float, *, time_msc: int | None = None, volume: float = 0.0) -> None:
        """Publish a tick; `time_msc` is its time by the server's clock, by default the current time."""
        self._set_clock()
        at = self.broker.now_ms if time_msc is None else time_msc
        self._ticks[symbol].append((at // 1_000, bid, ask, 0.0, 0, at, 6, volume))
        if bid > 0 and ask >= bid:
            self.broker.quote(symbol, bid, ask)

    @locked
    def trade_manually(self, /, **request: Any) -> None:
        """Send an order as a person or another program would."""
        self._set_clock()
        self.broker.send(request)

    # -------------------------------------------------------------------------------------- functions of the package

    def initialize(
        self,
        path: str = "",
        *,
        login: int = 0,
        password: str = "",
        server: str = "",
        timeout: int = 60_000,  # noqa: ARG002 - the package has it
        portable: bool = False,  # noqa: ARG002 - the package has it
    ) -> bool:
        self.initialized.append({"path": path, "login": login, "password": password, "server": server})
        self._error = SUCCESS if self.has_ipc else NO_IPC
        return self.has_ipc

    def shutdown(self) -> None:
        self._error = SUCCESS

    def last_error(self) -> tuple[int, str]:
        return self._error

    def terminal_info(self) -> TerminalInfo | None:
        if not self._answers():
            return None
        return TerminalInfo(
            community_account=False,
            community_connection=False,
            connected=self.is_connected,
            dlls_allowed=True,
            trade_allowed=True,
            tradeapi_disabled=False,
            email_enabled=False,
            ftp_enabled=False,
            notifications_enabled=False,
            mqid=False,
            build=4_000,
            maxbars=100_000,
            codepage=0,
            ping_last=20_000,
            community_balance=0.0,
            retransmission=0.0,
            company="Fake",
            name="Fake",
            language="English",
            path="",
            data_path="",
            commondata_path="",
        )

    @locked
    def account_info(self) -> AccountInfo | None:
        if not self._answers():
            return None
        profit = round(sum(self.broker.profit_of(position) for position in self.broker.positions.values()), 2)
        margin = self.broker.margin
        equity = round(self.broker.balance + profit, 2)
        return AccountInfo(
            login=self.login,
            trade_mode=self.trade_mode,
            leverage=100,
            limit_orders=200,
            margin_so_mode=0,
            trade_allowed=True,
            trade_expert=True,
            margin_mode=mt5_types.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING if self.broker.is_hedging else 0,
            currency_digits=2,
            fifo_close=False,
            balance=self.broker.balance,
            credit=0.0,
            profit=profit,
            equity=equity,
            margin=margin,
            margin_free=equity - margin,
            margin_level=equity / margin * 100 if margin else 0.0,
            margin_so_call=100.0,
            margin_so_so=50.0,
            name="A tester",
            server="Fake-Demo",
            currency="USD",
            company="Fake",
        )

    def symbol_info(self, symbol: str) -> SymbolInfo | None:
        return self.broker.symbols.get(symbol) if self._answers() else None

    def symbol_select(self, symbol: str, enable: bool = True) -> bool:  # noqa: ARG002 - the package has it
        return self._answers() and symbol in self.broker.symbols

    def symbol_info_tick(self, symbol: str) -> Tick | None:
        if not self._answers() or not self._ticks.get(symbol):
            return None
        return Tick(*self._ticks[symbol][-1])

    @locked
    def copy_ticks_from(self, symbol: str, date_from: int, count: int, flags: int) -> Ticks | None:
        """Ticks from a time on, each with the server's time in seconds and in milliseconds."""
        assert flags == mt5_types.COPY_TICKS_ALL, flags
        if not self._answers():
            return None
        if self.before_ticks is not None:
            self.before_ticks()
        rows = [row for row in self._ticks.get(symbol, []) if row[0] >= date_from][:count]
        return np.array(rows, dtype=TICK_TYPE)

    @locked
    def order_send(self, request: TradeRequest) -> OrderSendResult | None:
        self._set_clock()
        fields: dict[str, Any] = dict(request)
        self.requests.append(fields)
        scripted = self.script.popleft() if self.script else ScriptedReply()
        before = self.broker.next_ticket
        retcode, order, deal, comment = 0, 0, 0, "Request executed"
        if scripted.executes:
            try:
                retcode, order, deal = self.broker.send(fields, fill=scripted.fill)
            except RejectedByBroker as rejected:
                retcode, comment = rejected.retcode, rejected.comment
        self._hidden |= dict.fromkeys(range(before, self.broker.next_ticket), scripted.hides)
        if scripted.waits_for is not None:
            assert scripted.waits_for.wait(30), "the call was not ended"
        if scripted.answer is None:
            self._error = (-10005, "IPC timeout")
            return None
        if scripted.answer >= 0:
            retcode, order, deal = scripted.answer, 0, 0
        if scripted.without_deal:
            deal = 0
        bid, ask = self.broker.quotes.get(fields.get("symbol", ""), (0.0, 0.0))
        self._error = SUCCESS
        return OrderSendResult(
            retcode=retcode,
            deal=deal,
            order=order,
            volume=fields.get("volume", 0.0),
            price=fields.get("price", 0.0),
            bid=bid,
            ask=ask,
            comment=comment,
            request_id=len(self.requests),
            retcode_external=0,
            request=fields,
        )

    @locked
    def orders_get(self) -> tuple[TradeOrder, ...] | None:
        return tuple(self.broker.orders.values()) if self._answers() else None

    @locked
    def positions_get(self) -> tuple[TradePosition, ...] | None:
        if not self._answers():
            return None
        return tuple(
            position._replace(profit=self.broker.profit_of(position)) for position in self.broker.positions.values()
        )

    @locked
    def history_orders_get(self, date_from: int, date_to: int) -> tuple[TradeOrder, ...] | None:
        if not self._answers():
            return None
        self._hidden = {ticket: reads - 1 for ticket, reads in self._hidden.items() if reads > 0}
        return tuple(
            order
            for order in self.broker.history.values()
            if date_from <= order.time_done <= date_to and order.ticket not in self._hidden
        )

    @locked
    def history_deals_get(self, date_from: int, date_to: int) -> tuple[TradeDeal, ...] | None:
        if not self._answers():
            return None
        return tuple(
            deal
            for deal in self.broker.deals.values()
            if date_from <= deal.time <= date_to and deal.order not in self._hidden
        )

    # ------------------------------------------------------------------------------------------------------------ parts

    def _answers(self) -> bool:
        self._set_clock()
        self._error = SUCCESS if self.has_ipc else NO_IPC
        return self.has_ipc

    def _set_clock(self) -> None:
        self.broker.now_ms = self._utc_ms() + self._ahead_ms
