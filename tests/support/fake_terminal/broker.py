"""The broker of the fake terminal: one account, which fills orders at the best quote, in whole unless `fill` is given.

Times are milliseconds of the server's clock. The broker implements the behavior that MetaQuotes documents. A market
order makes an order, a deal and a position. Pending orders wait for their price. A stop closes the position by an order
of the server. A netting account has one position for each symbol, a hedging account one for each opening order. The
latest order that opened, increased or reversed a position sets its stops; a stop of 0 removes the stop. An order that
closes a part changes no stop. After a reversal on a netting account, the position has the ticket of the reversing order
and keeps its identifier. Profit is computed only for symbols whose profit currency is the account's currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.mt5.terminal import mt5_types
from tests.support.fake_terminal.rows import SymbolInfo, TradeDeal, TradeOrder, TradePosition

CONTRACT = 100_000.0
MARGIN_PER_LOT = 1_000.0
BUYS = (mt5_types.ORDER_TYPE_BUY, mt5_types.ORDER_TYPE_BUY_LIMIT, mt5_types.ORDER_TYPE_BUY_STOP)
PENDING = (
    mt5_types.ORDER_TYPE_BUY_LIMIT,
    mt5_types.ORDER_TYPE_SELL_LIMIT,
    mt5_types.ORDER_TYPE_BUY_STOP,
    mt5_types.ORDER_TYPE_SELL_STOP,
)
REASON_EXPERT = 3
DONE, PLACED, PARTIAL = 10009, 10008, 10010

NO_STOPS = 0.0


class RejectedByBroker(Exception):  # noqa: N818 - an expected outcome, identified by its retcode
    """The error with which the server rejects a request."""

    def __init__(self, retcode: int, comment: str) -> None:
        super().__init__(comment)
        self.retcode = retcode
        self.comment = comment


def a_symbol(name: str = "EURUSD", **fields: Any) -> SymbolInfo:
    """Terms of a currency pair with market execution and the filling modes FOK and IOC."""
    plain = SymbolInfo(
        select=True,
        visible=True,
        digits=5,
        spread=10,
        spread_float=True,
        trade_calc_mode=0,
        trade_mode=4,
        trade_stops_level=0,
        trade_freeze_level=0,
        trade_exemode=mt5_types.SYMBOL_TRADE_EXECUTION_MARKET,
        swap_mode=mt5_types.SYMBOL_SWAP_MODE_POINTS,
        swap_rollover3days=3,
        expiration_mode=15,
        filling_mode=3,
        order_mode=127,
        order_gtc_mode=0,
        expiration_time=0,
        margin_initial=0.0,
        margin_maintenance=0.0,
        margin_hedged=CONTRACT,
        margin_hedged_use_leg=False,
        bid=0.0,
        ask=0.0,
        point=0.00001,
        trade_tick_value=1.0,
        trade_tick_size=0.00001,
        trade_contract_size=CONTRACT,
        volume_min=0.01,
        volume_max=100.0,
        volume_step=0.01,
        volume_limit=0.0,
        swap_long=-6.3,
        swap_short=2.1,
        currency_base=name[:3],
        currency_profit=name[3:6],
        currency_margin=name[:3],
        description="",
        name=name,
        path=f"Forex\\{name}",
    )
    return plain._replace(**fields)


@dataclass
class FakeBroker:
    """The account; `now_ms` is the server's time, which the caller sets. An idle broker triggers no orders or stops."""

    is_hedging: bool = False
    is_idle: bool = False
    balance: float = 10_000.0
    now_ms: int = 0
    symbols: dict[str, SymbolInfo] = field(default_factory=dict)
    quotes: dict[str, tuple[float, float]] = field(default_factory=dict)
    orders: dict[int, TradeOrder] = field(default_factory=dict)
    history: dict[int, TradeOrder] = field(default_factory=dict)
    deals: dict[int, TradeDeal] = field(default_factory=dict)
    positions: dict[int, TradePosition] = field(default_factory=dict)
    next_ticket: int = 50_001
    next_deal: int = 70_001

    def deposit(self, amount: float) -> None:
        """Book the first deposit."""
        self._deal(order=0, type=mt5_types.DEAL_TYPE_BALANCE, profit=amount, reason=0, comment="deposit")
        self.balance = amount

    def send(self, request: dict[str, Any], *, fill: float | None = None) -> tuple[int, int, int]:
        """Process a request, and return retcode, order and deal. `fill` limits the lots of a market order.

        Raises:
            RejectedByBroker: the server rejects the request.
        """
        action = request["action"]
        if action == mt5_types.TRADE_ACTION_DEAL:
            return self._at_market(request, fill)
        if action == mt5_types.TRADE_ACTION_PENDING:
            return self._pending(request)
        if action == mt5_types.TRADE_ACTION_REMOVE:
            return self._remove(request)
        if action == mt5_types.TRADE_ACTION_MODIFY:
            return self._modify(request)
        if action == mt5_types.TRADE_ACTION_SLTP:
            return self._stops(request)
        raise RejectedByBroker(10013, "Invalid request")

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Publish a tick; execute the pending orders and stops that it triggers, unless the broker is idle."""
        self.quotes[symbol] = (bid, ask)
        if self.is_idle:
            return
        for order in [order for order in self.orders.values() if order.symbol == symbol]:
            if 0 < order.time_expiration * 1_000 <= self.now_ms:
                self._end(order, mt5_types.ORDER_STATE_EXPIRED)
            elif _is_reached(order, bid, ask):
                del self.orders[order.ticket]
                self._execute(order, order.volume_initial)
        for position in [position for position in self.positions.values() if position.symbol == symbol]:
            is_long = position.type == mt5_types.POSITION_TYPE_BUY
            price = bid if is_long else ask
            if position.sl and (price <= position.sl if is_long else price >= position.sl):
                self._close_by_server(position, mt5_types.REASON_SL)
            elif position.tp and (price >= position.tp if is_long else price <= position.tp):
                self._close_by_server(position, mt5_types.REASON_TP)

    @property
    def margin(self) -> float:
        """Margin of all positions."""
        return round(sum(position.volume for position in self.positions.values()) * MARGIN_PER_LOT, 2)

    def profit_of(self, position: TradePosition) -> float:
        """Unrealized profit of a position in the profit currency."""
        bid, ask = self.quotes[position.symbol]
        sign = 1 if position.type == mt5_types.POSITION_TYPE_BUY else -1
        return round(sign * ((bid if sign > 0 else ask) - position.price_open) * position.volume * CONTRACT, 2)

    # ----------------------------------------------------------------------------------------------------------- orders

    def _at_market(self, request: dict[str, Any], fill: float | None) -> tuple[int, int, int]:
        info = self._terms(request)
        filling = request["type_filling"]
        allowed = {0: info.filling_mode & 1, 1: info.filling_mode & 2, 2: info.trade_exemode != 2}
        if not allowed.get(filling):
            raise RejectedByBroker(10030, "Unsupported filling mode")
        ticket = request.get("position", 0)
        if ticket:
            held = self.positions.get(ticket)
            if held is None:
                raise RejectedByBroker(10036, "Position doesn't exist")
            if request["volume"] > held.volume + 1e-9:
                raise RejectedByBroker(10014, "Invalid volume")
        elif request["volume"] * MARGIN_PER_LOT > self.balance - self.margin:
            raise RejectedByBroker(10019, "No money")
        order = self._order(request, price=0.0)
        volume = request["volume"] if fill is None else fill
        if not volume:
            self._end(order, mt5_types.ORDER_STATE_REJECTED)
            raise RejectedByBroker(10006, "Request rejected")
        deal = self._execute(order, volume, position=ticket)
        return (DONE if volume == request["volume"] else PARTIAL), order.ticket, deal

    def _pending(self, request: dict[str, Any]) -> tuple[int, int, int]:
        self._terms(request)
        bid, ask = self.quotes[request["symbol"]]
        price, kind = request["price"], request["type"]
        right = {
            mt5_types.ORDER_TYPE_BUY_LIMIT: price < ask,
            mt5_types.ORDER_TYPE_SELL_LIMIT: price > bid,
            mt5_types.ORDER_TYPE_BUY_STOP: price > ask,
            mt5_types.ORDER_TYPE_SELL_STOP: price < bid,
        }
        if not right.get(kind, False):
            raise RejectedByBroker(10015, "Invalid price")
        if 0 < request.get("expiration", 0) * 1_000 <= self.now_ms:
            raise RejectedByBroker(10022, "Invalid expiration")
        order = self._order(request, price=price)
        self.orders[order.ticket] = order
        return DONE, order.ticket, 0

    def _remove(self, request: dict[str, Any]) -> tuple[int, int, int]:
        order = self.orders.get(request["order"])
        if order is None:
            raise RejectedByBroker(10013, "Invalid request")
        self._end(order, mt5_types.ORDER_STATE_CANCELED)
        return DONE, order.ticket, 0

    def _modify(self, request: dict[str, Any]) -> tuple[int, int, int]:
        order = self.orders.get(request["order"])
        if order is None:
            raise RejectedByBroker(10013, "Invalid request")
        changed = order._replace(
            price_open=request["price"],
            sl=request["sl"],
            tp=request["tp"],
            type_time=request["type_time"],
            time_expiration=request.get("expiration", 0),
        )
        if changed == order:
            raise RejectedByBroker(10025, "No changes")
        self.orders[order.ticket] = changed
        return DONE, order.ticket, 0

    def _stops(self, request: dict[str, Any]) -> tuple[int, int, int]:
        position = self.positions.get(request["position"])
        if position is None:
            raise RejectedByBroker(10036, "Position doesn't exist")
        bid, ask = self.quotes[position.symbol]
        is_long = position.type == mt5_types.POSITION_TYPE_BUY
        self._require_stops(request["sl"], request["tp"], is_long=is_long, price=bid if is_long else ask)
        changed = position._replace(sl=request["sl"], tp=request["tp"])
        if changed == position:
            raise RejectedByBroker(10025, "No changes")
        self.positions[position.ticket] = changed
        return DONE, 0, 0

    def _terms(self, request: dict[str, Any]) -> SymbolInfo:
        info = self.symbols[request["symbol"]]
        steps = request["volume"] / info.volume_step
        if not info.volume_min <= request["volume"] <= info.volume_max or abs(steps - round(steps)) > 1e-6:
            raise RejectedByBroker(10014, "Invalid volume")
        if info.trade_mode == mt5_types.SYMBOL_TRADE_MODE_DISABLED:
            raise RejectedByBroker(10017, "Trade disabled")
        bid, ask = self.quotes[request["symbol"]]
        is_buy = request["type"] in BUYS
        at = request["price"] if request["type"] in PENDING else (bid if is_buy else ask)
        self._require_stops(request.get("sl", 0.0), request.get("tp", 0.0), is_long=is_buy, price=at)
        return info

    def _require_stops(self, sl: float, tp: float, *, is_long: bool, price: float) -> None:
        sign = 1 if is_long else -1
        if (sl and (price - sl) * sign <= 0) or (tp and (tp - price) * sign <= 0):
            raise RejectedByBroker(10016, "Invalid stops")

    def _order(self, request: dict[str, Any], *, price: float, reason: int = REASON_EXPERT) -> TradeOrder:
        ticket, self.next_ticket = self.next_ticket, self.next_ticket + 1
        return TradeOrder(
            ticket=ticket,
            time_setup=self.now_ms // 1_000,
            time_setup_msc=self.now_ms,
            time_done=0,
            time_done_msc=0,
            time_expiration=request.get("expiration", 0),
            type=request["type"],
            type_time=request.get("type_time", 0),
            type_filling=request["type_filling"],
            state=mt5_types.ORDER_STATE_PLACED,
            magic=request.get("magic", 0),
            position_id=request.get("position", 0),
            position_by_id=0,
            reason=reason,
            volume_initial=request["volume"],
            volume_current=request["volume"],
            price_open=price,
            sl=request.get("sl", 0.0),
            tp=request.get("tp", 0.0),
            price_current=0.0,
            price_stoplimit=0.0,
            symbol=request["symbol"],
            comment=request.get("comment", ""),
            external_id="",
        )

    def _end(self, order: TradeOrder, state: int, *, left: float | None = None, position: int = 0) -> None:
        self.orders.pop(order.ticket, None)
        self.history[order.ticket] = order._replace(
            state=state,
            volume_current=order.volume_current if left is None else left,
            time_done=self.now_ms // 1_000,
            time_done_msc=self.now_ms,
            position_id=position or order.position_id,
        )

    # -------------------------------------------------------------------------------------------------------- execution

    def _execute(self, order: TradeOrder, volume: float, *, position: int = 0) -> int:
        """Fill the given number of lots of an order at the best quote."""
        is_buy = order.type in BUYS
        bid, ask = self.quotes[order.symbol]
        price = ask if is_buy else bid
        held = self._held(order.symbol, position)
        if held is None:
            held_ticket = order.ticket
            deal = self._open(order, price, volume)
        elif (held.type == mt5_types.POSITION_TYPE_BUY) == is_buy:
            held_ticket = held.identifier
            total = held.volume + volume
            average = (held.price_open * held.volume + price * volume) / total
            self.positions[held.ticket] = held._replace(
                volume=round(total, 8), price_open=average, sl=order.sl, tp=order.tp
            )
            deal = self._trade(order, price, volume, mt5_types.DEAL_ENTRY_IN, position=held.identifier)
        else:
            held_ticket = held.identifier
            deal = self._reduce(order, held, price, volume)
        left = round(order.volume_initial - volume, 8)
        self._end(
            order,
            mt5_types.ORDER_STATE_FILLED if not left else mt5_types.ORDER_STATE_CANCELED,
            left=left,
            position=held_ticket,
        )
        return deal

    def _held(self, symbol: str, position: int) -> TradePosition | None:
        if position:
            return self.positions[position]
        if self.is_hedging:
            return None
        return next((held for held in self.positions.values() if held.symbol == symbol), None)

    def _open(self, order: TradeOrder, price: float, volume: float) -> int:
        is_buy = order.type in BUYS
        self.positions[order.ticket] = TradePosition(
            ticket=order.ticket,
            time=self.now_ms // 1_000,
            time_msc=self.now_ms,
            time_update=self.now_ms // 1_000,
            time_update_msc=self.now_ms,
            type=mt5_types.POSITION_TYPE_BUY if is_buy else 1,
            magic=order.magic,
            identifier=order.ticket,
            reason=order.reason,
            volume=volume,
            price_open=price,
            sl=order.sl,
            tp=order.tp,
            price_current=price,
            swap=0.0,
            profit=0.0,
            symbol=order.symbol,
            comment=order.comment,
            external_id="",
        )
        return self._trade(order, price, volume, mt5_types.DEAL_ENTRY_IN, position=order.ticket)

    def _reduce(self, order: TradeOrder, held: TradePosition, price: float, volume: float) -> int:
        closed = min(volume, held.volume)
        sign = 1 if held.type == mt5_types.POSITION_TYPE_BUY else -1
        profit = round(sign * (price - held.price_open) * closed * CONTRACT, 2)
        self.balance = round(self.balance + profit, 2)
        rest = round(held.volume - closed, 8)
        entry = mt5_types.DEAL_ENTRY_OUT
        if volume > closed:
            entry = mt5_types.DEAL_ENTRY_INOUT
            turned = 1 if held.type == mt5_types.POSITION_TYPE_BUY else mt5_types.POSITION_TYPE_BUY
            del self.positions[held.ticket]
            self.positions[order.ticket] = held._replace(
                ticket=order.ticket,
                type=turned,
                volume=round(volume - closed, 8),
                price_open=price,
                sl=order.sl,
                tp=order.tp,
            )
        elif rest:
            self.positions[held.ticket] = held._replace(volume=rest)
        else:
            del self.positions[held.ticket]
        return self._trade(order, price, volume, entry, position=held.identifier, profit=profit)

    def _close_by_server(self, position: TradePosition, reason: int) -> None:
        """Close a position by an order and a deal of the server, with the magic number of the position."""
        is_long = position.type == mt5_types.POSITION_TYPE_BUY
        price = position.sl if reason == mt5_types.REASON_SL else position.tp
        request = {
            "symbol": position.symbol,
            "volume": position.volume,
            "type": mt5_types.ORDER_TYPE_SELL if is_long else mt5_types.ORDER_TYPE_BUY,
            "type_filling": mt5_types.ORDER_FILLING_FOK,
            "magic": position.magic,
            "position": position.ticket,
            "comment": f"[{'sl' if reason == mt5_types.REASON_SL else 'tp'} {price}]",
        }
        order = self._order(request, price=0.0, reason=reason)
        self._execute(order, position.volume, position=position.ticket)

    def _trade(
        self, order: TradeOrder, price: float, volume: float, entry: int, *, position: int, profit: float = 0.0
    ) -> int:
        return self._deal(
            order=order.ticket,
            type=mt5_types.DEAL_TYPE_BUY if order.type in BUYS else mt5_types.DEAL_TYPE_SELL,
            entry=entry,
            magic=order.magic,
            position_id=position,
            reason=order.reason,
            volume=volume,
            price=price,
            profit=profit,
            symbol=order.symbol,
            comment=order.comment,
        )

    def _deal(self, **fields: Any) -> int:
        ticket, self.next_deal = self.next_deal, self.next_deal + 1
        plain = TradeDeal(
            ticket=ticket,
            order=0,
            time=self.now_ms // 1_000,
            time_msc=self.now_ms,
            type=0,
            entry=0,
            magic=0,
            position_id=0,
            reason=0,
            volume=0.0,
            price=0.0,
            commission=0.0,
            swap=0.0,
            profit=0.0,
            fee=0.0,
            symbol="",
            comment="",
            external_id="",
        )
        self.deals[ticket] = plain._replace(**fields)
        return ticket


def _is_reached(order: TradeOrder, bid: float, ask: float) -> bool:
    return {
        mt5_types.ORDER_TYPE_BUY_LIMIT: ask <= order.price_open,
        mt5_types.ORDER_TYPE_SELL_LIMIT: bid >= order.price_open,
        mt5_types.ORDER_TYPE_BUY_STOP: ask >= order.price_open,
        mt5_types.ORDER_TYPE_SELL_STOP: bid <= order.price_open,
    }[order.type]
