"""`ExecutionGateway`: a client of the gateway's request socket that uses JSON.

The envelope of every request contains a number, which any REP or ROUTER socket returns with the reply. By this number
the client drops a late reply to an earlier request. After a timeout the socket is closed, with all messages queued in
it, and the next request opens a new socket.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Final

import msgspec
import zmq

from common.clock import mono_ns
from common.sockets import Socket, Sockets, send
from proto.routes import DEFAULT_GATEWAY_PORT
from proto.trading.units import MAX_FRAME_BYTES

IN_DOUBT: Final = "IN_DOUBT"
TIMEOUT_MS_MAX: Final = 600_000
_TEXT_FIELDS: Final = {"order_id": "an id of your own, of 1 to 64 characters", "symbol": "a symbol such as EURUSD"}
_NUMBER_BYTES: Final = 8


class ExecutionGateway:
    """A connection to the gateway at `host`:`port`. Threads may share it; it sends one request at a time."""

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_GATEWAY_PORT, timeout_ms: int = 2_000) -> None:
        """Store the address; the socket is opened by `connect` or the first order.

        Args:
            host: host name or address of the gateway.
            port: port of the gateway's request socket.
            timeout_ms: longest wait for a reply.

        Raises:
            ValueError: the host is empty, or the port or the timeout is out of range.
        """
        if not host:
            raise ValueError("host is empty, expected a host name or address")
        if not 1 <= port <= 65_535:
            raise ValueError(f"port is {port!r}, expected 1 to 65535")
        if not 1 <= timeout_ms <= TIMEOUT_MS_MAX:
            raise ValueError(f"timeout_ms is {timeout_ms!r}, expected 1 to {TIMEOUT_MS_MAX}")
        self.url = f"tcp://{host}:{port}"
        self.timeout_ms = timeout_ms
        self._sockets: Sockets | None = None
        self._socket: Socket | None = None
        self._number = 0
        self._lock = threading.Lock()

    def connect(self) -> bool:
        """Send a PING, and return whether the gateway replies within the timeout."""
        with self._lock:
            answer, _ = self._exchange(b'{"action":"PING"}')
        return answer is not None

    def send_order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Place an order and return the gateway's reply.

        If no reply arrives in time, the result reports the order as in doubt, never as rejected: `{"status":
        "IN_DOUBT", "order_id": ..., "error": ..., "error_code": "NO_ANSWER"}`. The same order may safely be sent again
        with the same `order_id`, because the gateway executes an id only once.

        Args:
            order: `action` BUY or SELL, `order_id`, `symbol`, `volume` in lots (> 0), and other fields of the request
                (`price`, ...). Numbers may be int, float or Decimal.

        Raises:
            ValueError: a field is missing or invalid, and nothing was sent. The text has the value and the expectation.
        """
        request = _encoded(order)
        order_id: str = order["order_id"]
        with self._lock:
            answer, was_sent = self._exchange(request)
        if answer is None:
            return _in_doubt(
                order_id,
                f"no answer within {self.timeout_ms} ms; "
                + ("the order may have been executed" if was_sent else f"no gateway is connected at {self.url}"),
            )
        reply = _json_object(answer)
        if reply is None:
            return _in_doubt(order_id, "the answer is no JSON object; the order may have been executed")
        return reply

    def disconnect(self) -> None:
        """Close the socket; a later order opens a new one."""
        with self._lock:
            self._close()

    def __enter__(self) -> ExecutionGateway:
        """Do nothing: the socket is opened by `connect` or the first order."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self.disconnect()

    def _exchange(self, request: bytes) -> tuple[bytes | None, bool]:
        """Send a request; return the reply, None after the timeout, and whether the request was sent."""
        deadline_ns = mono_ns() + self.timeout_ms * 1_000_000
        socket = self._open()
        if not socket.poll(0, zmq.POLLOUT):
            # The connection is lost. This socket may reconnect only after seconds. A new socket connects at once.
            self._close()
            socket = self._open()
            if not socket.poll(_ms_until(deadline_ns), zmq.POLLOUT):
                self._close()
                return None, False
        self._number += 1
        number = self._number.to_bytes(_NUMBER_BYTES, "big")
        if not send(socket, [number, b"", request]):
            self._close()
            return None, False
        while socket.poll(_ms_until(deadline_ns), zmq.POLLIN):
            frames = socket.recv_multipart(zmq.NOBLOCK)
            if len(frames) == 3 and frames[0] == number:
                return frames[2], True
        self._close()
        return None, True

    def _open(self) -> Socket:
        if self._socket is None:
            self._sockets = Sockets()
            self._socket = self._sockets.dealer(self.url)
        return self._socket

    def _close(self) -> None:
        if self._sockets is not None:
            self._sockets.close()
        self._sockets = self._socket = None


def _ms_until(deadline_ns: int) -> int:
    return max(0, -((mono_ns() - deadline_ns) // 1_000_000))


def _in_doubt(order_id: str, error: str) -> dict[str, Any]:
    return {"status": IN_DOUBT, "order_id": order_id, "error": error, "error_code": "NO_ANSWER"}


def _json_object(payload: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _encoded(order: Mapping[str, Any]) -> bytes:
    """Check an order as far as possible without the gateway, and return it as JSON."""
    if not isinstance(order, Mapping):
        raise ValueError(f"order is {order!r}, expected a mapping with action, order_id, symbol and volume")
    action = _required(order, "action", "BUY or SELL")
    if action not in ("BUY", "SELL"):
        raise ValueError(f"action is {action!r}, expected BUY or SELL")
    for field, expected in _TEXT_FIELDS.items():
        text = _required(order, field, expected)
        if not isinstance(text, str) or not 1 <= len(text) <= 64:
            raise ValueError(f"{field} is {text!r}, expected {expected}")
    _require_positive("volume", _required(order, "volume", "lots above 0"), "lots above 0")
    if order.get("price") is not None:
        _require_positive("price", order["price"], "a price above 0, or none")
    try:
        request = msgspec.json.Encoder(decimal_format="number").encode(dict(order))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"order cannot be written as JSON: {error}") from None
    if len(request) > MAX_FRAME_BYTES:
        raise ValueError(f"order is {len(request)} bytes as JSON, expected at most {MAX_FRAME_BYTES}")
    return request


def _required(order: Mapping[str, Any], field: str, expected: str) -> Any:
    if field not in order:
        raise ValueError(f"{field} is missing, expected {expected}")
    return order[field]


def _require_positive(field: str, value: object, expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        is_positive = False
    elif isinstance(value, Decimal):
        is_positive = value.is_finite() and value > 0
    else:
        is_positive = math.isfinite(value) and value > 0
    if not is_positive:
        raise ValueError(f"{field} is {value!r}, expected {expected}")
