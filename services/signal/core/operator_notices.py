"""Notices of the signal core that its shell logs for an operator."""

from __future__ import annotations

from msgspec import Struct

from services.signal.core.strategy_fault import StrategyFault


class StreamChanged(Struct, frozen=True):
    """The engines' state is of another stream than the gateway's; the state was dropped and the strategies warm up."""

    stream_id: str
    before: str


class GatewayConnected(Struct, frozen=True):
    """The gateway answered HELLO; its `boot_id` changes at each start of the gateway."""

    stream_id: str
    boot_id: str
    published: int
    confirmed: int
    symbols_missing: tuple[str, ...]


class GatewayUnresponsive(Struct, frozen=True):
    """The gateway has not answered HELLO in time; the HELLO is repeated until it is answered."""


class GapFound(Struct, frozen=True):
    """Ticks of a symbol from `expected` on are missing and being fetched; the sequence `received` revealed the gap."""

    symbol: str
    expected: int
    received: int


class GapRefilled(Struct, frozen=True):
    """All missing ticks were fetched and processed; the state is the same as without the gap."""

    symbol: str
    last: int


class GapLost(Struct, frozen=True):
    """Missing ticks are not available; the symbol's strategy warms up again after them."""

    symbol: str
    first: int
    last: int
    why: str


class SignalNotRetained(Struct, frozen=True):
    """A tick was published again, but its signal is no longer stored and cannot be sent again."""

    symbol: str
    ordinal: int


class StrategyStopped(Struct, frozen=True):
    """A symbol's strategy has a fault and is not called any more; its ticks get HOLD signals."""

    fault: StrategyFault


Event = (
    StreamChanged
    | GatewayConnected
    | GatewayUnresponsive
    | GapFound
    | GapRefilled
    | GapLost
    | SignalNotRetained
    | StrategyStopped
)
