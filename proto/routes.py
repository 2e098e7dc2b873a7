"""Default ports of the gateway and topics of the market data socket."""

from __future__ import annotations

from typing import Final

TICK_TOPIC_PREFIX: Final = "tick."
HEARTBEAT_TOPIC: Final = b"heartbeat"

DEFAULT_GATEWAY_PORT: Final = 5555
DEFAULT_MARKET_DATA_PORT: Final = 5556


def tick_topic(symbol: str) -> bytes:
    """The topic frame of a symbol's ticks.

    ZeroMQ matches subscriptions by prefix, so a subscriber must compare the whole frame.
    """
    return (TICK_TOPIC_PREFIX + symbol).encode()
