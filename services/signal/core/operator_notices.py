"""Notices of the signal core that its shell logs for an operator."""

from __future__ import annotations

from msgspec import Struct

from services.signal.core.strategy_fault import StrategyFault


class StreamChanged(Struct, frozen=True):
    """The gateway's stream is known and is not the one of the state so far, which was dropped: strategies warm up."""

    stream_id: str
    before: str


class GatewayConnected(Struct, frozen=True):
    """HELLO was answered; `boot_id` is another one at each start of the gateway."""

    stream_id: str
    boot_id: str
    published: int
    confirmed: int
    symbols_missing: tuple[str, ...]


class GatewayUnresponsive(Struct, frozen=True):
    """HELLO has not been answered in time; it is repeated until it is."""


class GapFound(Struct, frozen=True):
    """Ticks between the last one folded and one that came are missing; they are being fetched."""

    symbol: str
    expected: int
    received: int


class GapRefilled(Struct, frozen=True):
    """All missing ticks were fetched and folded; nothing is different from a stream without the gap."""

    symbol: str
    last: int


class GapLost(Struct, frozen=True):
    """Missing ticks are not available; the symbol warms up again after the last of them."""

    symbol: str
    first: int
    last: int
    why: str


class SignalNotRetained(Struct, frozen=True):
    """A repeated tick cannot be answered, because its signal is no longer kept."""

    symbol: str
    ordinal: int


class StrategyStopped(Struct, frozen=True):
    """A symbol's strategy is at fault and is not called any more; its ticks are answered with HOLD."""

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
