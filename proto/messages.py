"""Messages between the processes of the desk: ticks, signals, calls to the gateway and their answers.

Every field is always present on the wire and no other is, so that `proto.codec` can refuse a message with missing,
unknown or repeated fields. `*_ns` is UTC nanoseconds; `*_mono_ns` is the host's monotonic clock, comparable only
between processes of one host.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from proto.trading.units import Confidence, Cursor, Name, Price, Sequence, Text, TickVolume, TimeNs

WARMING_UP: Final = "WARMING_UP"
"""Reason of a HOLD given because the strategy has not seen enough ticks yet."""

STRATEGY_FAULT: Final = "STRATEGY_FAULT"
"""Reason of a HOLD given because the symbol's strategy failed; the publisher's hello has the fault."""

WATCHED: Final = "WATCHED"
"""Reason of the HOLD of a watched symbol, which is quoted for conversion rates only and has no strategy."""

MAX_SYMBOLS: Final = 1_000


class Tick(Struct, frozen=True, gc=False, tag="tick", forbid_unknown_fields=True):
    """Best bid and ask of one symbol at an instant, as published by the gateway.

    `sequence` numbers the ticks of this symbol and `ordinal` those of all symbols of the stream, both from 1 without a
    gap. `time_ns` is the time of the quote; `volume` is 0 where the source has none.
    """

    publisher: Name
    boot_id: Name
    stream_id: Name
    symbol: Name
    sequence: Sequence
    ordinal: Sequence
    time_ns: TimeNs
    bid: Price
    ask: Price
    volume: TickVolume
    published_mono_ns: TimeNs


class MarketHeartbeat(Struct, frozen=True, tag="heartbeat", forbid_unknown_fields=True):
    """The gateway's tick socket is alive; `sequences` is the last published sequence of each symbol."""

    publisher: Name
    boot_id: Name
    stream_id: Name
    ordinal: Cursor
    sequences: Annotated[dict[Name, Cursor], Meta(max_length=MAX_SYMBOLS)]
    time_ns: TimeNs


class Signal(Struct, frozen=True, gc=False, tag="signal", forbid_unknown_fields=True):
    """A strategy's signal for one tick, with the quote it was decided on.

    `direction`: +1 buy, 0 hold, -1 sell. `confidence`: 0 to 1, 0 with a hold. Stream, symbol, `sequence`, `ordinal`,
    `time_ns`, bid and ask are those of the tick.
    """

    publisher: Name
    stream_id: Name
    symbol: Name
    sequence: Sequence
    ordinal: Sequence
    time_ns: TimeNs
    bid: Price
    ask: Price
    direction: Literal[-1, 0, 1]
    confidence: Confidence
    reason: Text
    tick_published_mono_ns: TimeNs
    sent_mono_ns: TimeNs


class SymbolState(StrEnum):
    """Abnormal state of the signals of a symbol, as a signal process reports it."""

    WARMING_UP = "WARMING_UP"
    """The strategy has not seen enough ticks to give a signal."""

    CATCHING_UP = "CATCHING_UP"
    """Published ticks are being fetched and passed to the strategy."""

    FAULT = "FAULT"
    """The strategy raised, returned an invalid signal or cannot be loaded: it holds until a restart."""


class SymbolReport(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """State of one symbol.

    `behind` is the number of published ticks not processed yet, `text` the fault in one line or empty.
    """

    symbol: Name
    state: SymbolState
    behind: Cursor
    text: Text


class SignalHello(Struct, frozen=True, tag="hello", forbid_unknown_fields=True):
    """Sign of life of a signal process; sent at its start, twice a second, and at once after a fault.

    `symbols` are those it gives signals for. `reports` has the symbols in a state of `SymbolState`. `gaps_refilled`
    counts gaps in the ticks that were closed by fetching, `gaps_lost` those after which it warmed up again, both since
    the start of the process.
    """

    publisher: Name
    boot_id: Name
    stream_id: Name
    strategy: Name
    symbols: Annotated[list[Name], Meta(min_length=1, max_length=MAX_SYMBOLS)]
    gaps_refilled: Cursor
    gaps_lost: Cursor
    reports: Annotated[list[SymbolReport], Meta(max_length=MAX_SYMBOLS)]


class Call(Struct, frozen=True, tag="call", forbid_unknown_fields=True):
    """A gateway request that portfolio hands to execution; `request` is the encoded request, embedded unchanged.

    `timeout_ms` is how long to wait for the reply. `ordered_mono_ns` is when its order was decided, 0 for a request
    without an order; it serves to measure latency.
    """

    call_id: Sequence
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000)]
    ordered_mono_ns: TimeNs
    request: Raw


class CallOutcome(StrEnum):
    """Outcome of a call. NO_ANSWER is not a refusal: the request may have had its effect."""

    REPLY = "REPLY"
    NO_ANSWER = "NO_ANSWER"


class Answer(Struct, frozen=True, tag="answer", forbid_unknown_fields=True):
    """Execution's answer to a call; `reply` is the encoded gateway reply, nil with NO_ANSWER."""

    call_id: Sequence
    outcome: CallOutcome
    reply: Raw


class CourierHello(Struct, frozen=True, tag="courier", forbid_unknown_fields=True):
    """Execution has started, or has met another boot of the gateway; portfolio sends its open calls again."""

    boot_id: Name


TickMessage = Tick | MarketHeartbeat
SignalMessage = Signal | SignalHello
ReportMessage = Answer | CourierHello
