"""The portfolio as a library: one symbol, no processes, no gateway.

It uses the same code as the portfolio process for positions, the position rule and order statuses. A gateway would
report the terms of the symbol. Without one, the library assumes an FX symbol with a contract of 100,000 units and
profit in account currency.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from proto.time import MS_NS
from proto.trading.enums import Side, side_of
from proto.trading.number_text import parse_decimal
from proto.trading.units import FINEST, ZERO, decimal_text, is_exact
from services.portfolio.core.account.order_status import OrderStatus, can_transition, status_after_fill
from services.portfolio.core.account.position import Position
from services.portfolio.core.decision.position_rule import SignalVerdict, check_position_rule, explicit_volume
from services.portfolio.core.plan.on_opposite import OnOpposite

CONTRACT_SIZE: Final = Decimal(100_000)
_FILLS: Final = ("FILLED", "PARTIALLY_FILLED")
_ENDS: Final = {"REJECTED": OrderStatus.REJECTED, "CANCELED": OrderStatus.CANCELED}


@dataclass
class Order:
    """One order of the library: volumes in lots, prices in the symbol's profit currency, times in UTC nanoseconds."""

    order_id: str
    symbol: str
    action: str
    volume: Decimal
    price: Decimal
    created_ns: int
    status: OrderStatus = OrderStatus.PENDING
    ticket: int | str | None = None
    filled_volume: Decimal = ZERO
    filled_price: Decimal | None = None
    filled_ns: int | None = None
    error: str | None = None
    cost: Decimal = field(default=ZERO, repr=False)

    @property
    def side(self) -> Side:
        """BUY or SELL as a `Side`."""
        return Side(self.action)

    def history(self) -> dict[str, Any]:
        """Return the order as a row whose volumes and prices are floats."""
        return {
            "order_id": self.order_id,
            "symbol": self.symbol,
            "action": self.action,
            "volume": float(self.volume),
            "entry_price": float(self.price),
            "entry_time": self.created_ns,
            "status": self.status.value,
            "ticket": self.ticket,
            "fill_price": None if self.filled_price is None else float(self.filled_price),
            "fill_time": self.filled_ns,
            "filled_volume": float(self.filled_volume),
            "error": self.error,
        }


class PortfolioManager:
    """Trades one symbol with at most one position.

    Without a position, BUY and SELL signals may open one. While a position is open, signals in its direction are
    blocked. An order in the opposite direction reduces or closes the position; with `on_opposite="reverse"` it may also
    open a position in the other direction. `last_reason` describes the result of the last call.
    """

    def __init__(
        self,
        symbol: str = "EURUSD",
        *,
        on_opposite: str = "close",
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Start without a position; `clock_ns` returns the time in UTC nanoseconds.

        Raises:
            ValueError: `on_opposite` is neither close nor reverse, or the symbol is empty.
        """
        if not _is_name(symbol):
            raise ValueError(f"symbol is {symbol!r}, expected a name such as EURUSD")
        try:
            self._on_opposite = OnOpposite(on_opposite)
        except ValueError:
            raise ValueError(f"on_opposite is {on_opposite!r}, expected close or reverse") from None
        self.symbol = symbol
        self.last_reason = ""
        self._clock_ns = clock_ns
        self._position = Position(symbol, CONTRACT_SIZE)
        self._orders: dict[str, Order] = {}
        self._current_price: Decimal | None = None
        self._realized_pnl = ZERO
        self._fills = 0

    @property
    def position(self) -> Position:
        """The net position with its lots."""
        return self._position

    def check_risk(self, signal: int) -> bool:
        """Return whether an order for `signal` (-1 sell, 0 hold, +1 buy) may be made now."""
        judgement = check_position_rule(signal, self._position, self._open_order())
        self.last_reason = judgement.reason
        return judgement.verdict is SignalVerdict.PASS

    def create_order(
        self, signal: int, price: float | Decimal | str, volume: float | Decimal | str = 0.01
    ) -> Order | None:
        """Make an order for `signal` (-1 sell, +1 buy) of `volume` lots (> 0) at `price`.

        An order against the position with a smaller volume reduces the position. With `on_opposite="close"` a larger
        volume is cut to the position's volume. With `"reverse"` the excess opens a position in the other direction.

        Returns:
            The order; None, with the cause in `last_reason`, if no order is possible.
        """
        if not self.check_risk(signal):
            return None
        exact_price, exact_volume = self._positive("price", price), self._positive("volume", volume)
        if exact_price is None or exact_volume is None:
            return None
        now_ns = self._clock_ns()
        order = Order(
            order_id=f"ORD_{len(self._orders) + 1}_{now_ns // MS_NS}",
            symbol=self.symbol,
            action=side_of(signal).value,
            volume=explicit_volume(signal, self._position, exact_volume, self._on_opposite),
            price=exact_price,
            created_ns=now_ns,
        )
        self._orders[order.order_id] = order
        self._current_price = exact_price
        return order

    def on_fill(self, response: Mapping[str, Any]) -> bool:
        """Book a venue's response to an order; return whether it was a fill that changed the position.

        `filled_volume` is the cumulative volume of the order in lots; FILLED without it means the whole order.
        `filled_price` is the price of the volume that this response adds. REJECTED and CANCELED end the order. IN_DOUBT
        leaves it open until a later response. A response that is repeated, malformed or for an unknown order changes
        nothing.
        """
        if not _is_response(response):
            return self._no_fill(f"[FILL] response is {type(response).__name__}, expected a dict")
        order = self._order(response.get("order_id"))
        if order is None:
            return self._no_fill(f"[FILL] unknown order {_shown(response.get('order_id'))}")
        value = response.get("status")
        status = str(value) if isinstance(value, str) else _shown(value)
        if status in _ENDS:
            return self._end(order, _ENDS[status], response.get("error"))
        if status == OrderStatus.IN_DOUBT and can_transition(order.status, OrderStatus.IN_DOUBT):
            order.status = OrderStatus.IN_DOUBT
            return self._no_fill(f"[FILL] {order.order_id}: {status}, may have been executed")
        if status not in _FILLS:
            return self._no_fill(f"[FILL] {order.order_id}: status {status} is no fill")
        filled = response.get("filled_volume")
        if filled is None and status == "PARTIALLY_FILLED":
            return self._no_fill(f"[FILL] {order.order_id}: PARTIALLY_FILLED without filled_volume")
        total = order.volume if filled is None else self._positive("filled_volume", filled)
        price = self._positive("filled_price", response.get("filled_price"))
        if total is None or price is None:
            return False
        if total <= order.filled_volume:
            return self._no_fill(f"[FILL] {order.order_id}: {decimal_text(total)} lots are booked already")
        if total > order.volume:
            return self._no_fill(
                f"[FILL] {order.order_id}: {decimal_text(total)} lots, expected at most {decimal_text(order.volume)}"
            )
        following = status_after_fill(order.status, is_whole=total == order.volume)
        if following is None:
            return self._no_fill(f"[FILL] {order.order_id}: is {order.status}, cannot become {status}")
        self._book(order, following, total - order.filled_volume, price, response.get("ticket"))
        return True

    def cancel_order(self, order_id: str) -> bool:
        """Cancel an open order; return False if no such order is open. Its filled volume stays filled."""
        order = self._order(order_id)
        if order is None:
            return self._no_fill(f"[ORDER] unknown order {_shown(order_id)}")
        if not order.status.is_open:
            return self._no_fill(f"[ORDER] {order_id}: is {order.status}, expected an open order")
        order.status = OrderStatus.CANCELED
        self.last_reason = f"[ORDER] {order_id}: canceled"
        return True

    def get_position_summary(self) -> dict[str, Any]:
        """Return volume, prices and profit of the position as floats; profit is in account currency."""
        realized = float(self._realized_pnl)
        average = self._position.avg_entry_price
        if average is None:
            return {"status": "FLAT", "symbol": self.symbol, "realized_pnl": realized}
        assert self._current_price is not None
        return {
            "status": "OPEN",
            "symbol": self.symbol,
            "direction": "LONG" if self._position.direction > 0 else "SHORT",
            "net_volume": float(self._position.net_volume),
            "avg_entry_price": float(average),
            "current_price": float(self._current_price),
            "unrealized_pnl": float(self._position.gross_unrealized(bid=self._current_price, ask=self._current_price)),
            "realized_pnl": realized,
            "orders_count": len(self._orders),
        }

    def get_order_history(self) -> list[dict[str, Any]]:
        """Every order, the oldest first."""
        return [order.history() for order in self._orders.values()]

    def update_price(self, price: float | Decimal | str) -> bool:
        """Mark the position at `price`; return False, with the cause in `last_reason`, if it is not a valid price."""
        exact_price = self._positive("price", price)
        if exact_price is None:
            return False
        self._current_price = exact_price
        return True

    def _order(self, order_id: object) -> Order | None:
        return self._orders.get(order_id) if isinstance(order_id, str) else None

    def _open_order(self) -> str | None:
        return next((order.order_id for order in self._orders.values() if order.status.is_open), None)

    def _end(self, order: Order, status: OrderStatus, error: Any) -> bool:
        if order.status.is_open and order.filled_volume:
            status = OrderStatus.CANCELED  # the venue refused the rest: the filled volume stays filled
        if not can_transition(order.status, status):
            return self._no_fill(f"[FILL] {order.order_id}: is {order.status}, cannot become {status}")
        order.status = status
        order.error = None if error is None else error if isinstance(error, str) else _shown(error)
        return self._no_fill(f"[FILL] {order.order_id}: {status}" + (f": {order.error}" if order.error else ""))

    def _book(
        self, order: Order, next_status: OrderStatus, volume: Decimal, price: Decimal, ticket: int | str | None
    ) -> None:
        self._fills += 1
        now_ns = self._clock_ns()
        closings = self._position.apply(
            side=order.side, volume=volume, price=price, deal=str(self._fills), time_ns=now_ns
        )
        self._realized_pnl += sum((closing.gross for closing in closings), ZERO)
        self._current_price = price
        order.status = next_status
        order.filled_volume += volume
        order.cost += volume * price
        order.filled_price = price if order.filled_volume == volume else order.cost / order.filled_volume
        order.filled_ns = now_ns
        order.ticket = ticket if ticket is not None else order.ticket
        self.last_reason = f"[FILL] {order.order_id}: {next_status}, position {self._position.label}"

    def _positive(self, name: str, value: Any) -> Decimal | None:
        """Return `value` as a decimal above 0, rounded to the finest step; None, with `last_reason`, if it is none."""
        number = _decimal(value)
        if number is not None and number > 0:
            return number
        self.last_reason = f"[ORDER] {name} is {_shown(value)}, expected a finite number above 0"
        return None

    def _no_fill(self, reason: str) -> bool:
        self.last_reason = reason
        return False


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_response(value: object) -> bool:
    return isinstance(value, Mapping)


def _decimal(value: object) -> Decimal | None:
    """Return a number or its text as a decimal; None if it is neither, or outside the range of prices and volumes."""
    if value is None or isinstance(value, bool | bytes):
        return None
    try:
        if isinstance(value, str):
            return parse_decimal(value)
        number = Decimal(str(value))
        # A computed float has a rounding error: 1.1 + 0.0001 must become 1.1001.
        number = number if is_exact(number) else number.quantize(FINEST)
    except (ArithmeticError, ValueError):
        return None
    return number if is_exact(number) else None


def _shown(value: object) -> str:
    """Return a value of unknown type as short text."""
    if isinstance(value, int) and value.bit_length() > 64:
        return "an int out of range"
    return repr(value)[:60] if isinstance(value, int | float | str | Decimal | None) else type(value).__name__
