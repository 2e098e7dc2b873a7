"""The execution process, and a client library: `ExecutionGateway` places an order and returns the gateway's reply.

>>> from services.execution import ExecutionGateway
>>> with ExecutionGateway(timeout_ms=50) as gateway:
...     reply = gateway.send_order({"action": "BUY", "order_id": "a-1", "symbol": "EURUSD", "volume": 0.01})
>>> reply["status"]  # no gateway is running
'IN_DOUBT'
"""

from services.execution.json_client import ExecutionGateway

__all__ = ["ExecutionGateway"]
