"""What travels between the processes of the desk: ticks, signals, calls to the gateway and their answers.

Every field is always present on the wire and nothing else is, so that `proto.codec` can refuse a message with missing,
unknown or repeated fields. `*_ns` is UTC nanoseconds; `*_mono_ns` is the host's monotonic clock and means something
only to a process of the same host.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from proto.trading.units import Confidence, Cursor, Name, Price, Sequence, Text, TickVolume, TimeNs

WARMING_UP: Final = "WARMING_UP"
"""Reason of a HOLD that the strategy did not decide: it has not seen enough ticks yet."""

STRATEGY_FAULT: Final = "STRATEGY_FAULT"
"""Reason of a HOLD of a symbol whose strategy is at fault; the publisher's hello says how."""

WATCHED: Final = "WATCHED"
"""Reason of a watched symbol's HOLD: it is quoted for conversion rates only, and no strategy sees it."""

MAX_SYMBOLS: Final = 1_000


class Tick(Struct, frozen=True, gc=False, tag="tick", forbid_unknown_fields=True):
    """Best bid and ask of one symbol at an instant, as published by the gateway."""

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
    """One strategy's word on one tick: +1 buy, 0 hold, -1 sell, with the quote it was decided on."""

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
    """How a signal process stands with a symbol that it does not simply follow."""

    WARMING_UP = "WARMING_UP"
    """The strategy has not seen enough ticks to speak."""

    CATCHING_UP = "CATCHING_UP"
    """Published ticks are being fetched and folded."""

    FAULT = "FAULT"
    """The strategy raised, returned nonsense or cannot be used: every signal is a HOLD until a restart."""


class SymbolReport(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A symbol's state; `behind` counts published ticks not folded yet, `text` is the fault in one line, else empty."""

    symbol: Name
    state: SymbolState
    behind: Cursor
    text: Text


class SignalHello(Struct, frozen=True, tag="hello", forbid_unknown_fields=True):
    """A signal process is alive and speaks for `symbols`; sent at its start, twice a second, and at once after a fault.

    `reports` has the symbols that are not simply followed.
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
    """A gateway request that portfolio hands to execution; `request` is the encoded request, embedded as it is.

    `ordered_mono_ns` is when the order in it was decided, 0 when it carries none: for the latency of that hop.
    """

    call_id: Sequence
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000)]
    ordered_mono_ns: TimeNs
    request: Raw


class CallOutcome(StrEnum):
    """What became of a call. Silence is not a refusal: NO_ANSWER says nothing about the effect."""

    REPLY = "REPLY"
    NO_ANSWER = "NO_ANSWER"


class Answer(Struct, frozen=True, tag="answer", forbid_unknown_fields=True):
    """What execution heard on a call; `reply` is the encoded gateway reply, or nil when there was none."""

    call_id: Sequence
    outcome: CallOutcome
    reply: Raw


class CourierHello(Struct, frozen=True, tag="courier", forbid_unknown_fields=True):
    """Execution has started (with nothing in its hands) or has met another gateway boot: what is open is sent again."""

    boot_id: Name


TickMessage = Tick | MarketHeartbeat
SignalMessage = Signal | SignalHello
ReportMessage = Answer | CourierHello
