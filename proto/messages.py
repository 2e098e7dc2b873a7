"""Messages between the processes of the desk: ticks, signals, calls to the gateway and their answers.

A message always has all fields of its type and no other field. `proto.codec` refuses a message with missing, unknown or
repeated fields. Fields named `*_ns` are UTC nanoseconds. Fields named `*_mono_ns` are nanoseconds of the host's
monotonic clock, comparable only between processes of one host.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from proto.trading.units import Confidence, Cursor, Name, OptionalName, Price, Sequence, Text, TickVolume, TimeNs

WARMING_UP: Final = "WARMING_UP"
"""Reason of a HOLD signal before the strategy has received enough ticks."""

STRATEGY_FAULT: Final = "STRATEGY_FAULT"
"""Reason of a HOLD signal after the symbol's strategy failed; the signal process reports the fault in its hello."""

WATCHED: Final = "WATCHED"
"""Reason of the HOLD signal of a watched symbol, which serves only for conversion rates and has no strategy."""

MAX_SYMBOLS: Final = 1_000

STRATEGY_VALUES_MAX: Final = 256

StrategyValues = Annotated[dict[Name, float], Meta(max_length=STRATEGY_VALUES_MAX)]
"""Numbers of a strategy by name."""


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
    """Heartbeat of the gateway's tick socket; `sequences` is the last published sequence of each symbol."""

    publisher: Name
    boot_id: Name
    stream_id: Name
    ordinal: Cursor
    sequences: Annotated[dict[Name, Cursor], Meta(max_length=MAX_SYMBOLS)]
    time_ns: TimeNs


class Signal(Struct, frozen=True, gc=False, tag="signal", forbid_unknown_fields=True):
    """A strategy's signal for one tick.

    `direction` is +1 for buy, 0 for hold, -1 for sell. `confidence` is from 0 to 1, 0 for a hold. The fields from
    `stream_id` to `ask` are those of the tick.
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
    """The strategy has not received enough ticks to give a signal."""

    CATCHING_UP = "CATCHING_UP"
    """The signal process is fetching ticks that were published earlier and passing them to the strategy."""

    FAULT = "FAULT"
    """The strategy raised an exception, returned an invalid signal or cannot be loaded.

    Until a restart every signal is HOLD.
    """


class SymbolReport(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Abnormal state of one symbol.

    `behind` is the number of published ticks that the strategy has not processed yet. `text` is the fault in one line,
    empty in the other states.
    """

    symbol: Name
    state: SymbolState
    behind: Cursor
    text: Text


class SignalHello(Struct, frozen=True, tag="hello", forbid_unknown_fields=True):
    """Heartbeat of a signal process, sent at its start, twice a second, and at once after a fault.

    `symbols` are the symbols for which the process gives signals. `reports` lists the symbols in an abnormal state.
    `gaps_refilled` counts the gaps in the ticks that the process filled by fetching the missing ticks, `gaps_lost` the
    gaps after which it warmed up the strategy again. Both count from the start of the process.
    """

    publisher: Name
    boot_id: Name
    stream_id: Name
    strategy: Name
    symbols: Annotated[list[Name], Meta(min_length=1, max_length=MAX_SYMBOLS)]
    gaps_refilled: Cursor
    gaps_lost: Cursor
    reports: Annotated[list[SymbolReport], Meta(max_length=MAX_SYMBOLS)]


class StrategyReport(Struct, frozen=True, kw_only=True, tag="strategy", forbid_unknown_fields=True):
    """The values of a symbol's strategy at its newest tick, once a second; for people only, and it may be lost.

    `time_ns` and `ordinal` are those of the newest tick that the strategy has processed since the start of the process,
    0 before the first; `direction`, `confidence` and `reason` are as in its `Signal`. After a fault the reason is
    STRATEGY_FAULT with direction 0.

    `model` is the name of the model's folder, and `model_sha256` the hash of its file. `probabilities` are those of
    `sell`, `hold` and `buy`, and `features` the model's inputs. `thresholds` are the lowest probabilities for a signal
    `sell` or `buy`. `threshold` is that of the more probable of the two at the newest tick; None without probabilities.
    All are empty for a strategy without a model.

    `counts` are numbers of processed ticks since the start of the process: `ticks` = `buy` + `sell` + `hold` +
    `warming_up`. `peaks` is the highest confidence since the last report for each of `buy`, `sell` and `hold` that was
    signaled.
    """

    publisher: Name
    boot_id: Name
    stream_id: OptionalName
    symbol: Name
    strategy: Text
    model: Text
    model_sha256: Text
    thresholds: StrategyValues
    threshold: Confidence | None
    time_ns: TimeNs
    ordinal: Cursor
    direction: Literal[-1, 0, 1]
    confidence: Confidence
    reason: Text
    probabilities: StrategyValues
    features: StrategyValues
    counts: Annotated[dict[Name, Cursor], Meta(max_length=STRATEGY_VALUES_MAX)]
    peaks: StrategyValues


class Call(Struct, frozen=True, tag="call", forbid_unknown_fields=True):
    """A gateway request that portfolio sends to execution; `request` is the encoded request, which execution forwards.

    `timeout_ms` is the longest wait for the gateway's reply. `ordered_mono_ns` is the time at which the order was
    decided, 0 for a request without an order; it serves to measure latency.
    """

    call_id: Sequence
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000)]
    ordered_mono_ns: TimeNs
    request: Raw


class CallOutcome(StrEnum):
    """Outcome of a call. After NO_ANSWER it is unknown whether the gateway carried out the request."""

    REPLY = "REPLY"
    NO_ANSWER = "NO_ANSWER"


class Answer(Struct, frozen=True, tag="answer", forbid_unknown_fields=True):
    """Execution's answer to a call; `reply` is the gateway's encoded reply, MessagePack nil with NO_ANSWER."""

    call_id: Sequence
    outcome: CallOutcome
    reply: Raw


class CourierHello(Struct, frozen=True, tag="courier", forbid_unknown_fields=True):
    """Execution has started, or has detected a new boot of the gateway. Portfolio then sends its open calls again."""

    boot_id: Name


class LedgerCommit(Struct, frozen=True, tag="ledger_commit", forbid_unknown_fields=True):
    """Portfolio has committed to its ledger; `event` is the number of the ledger's last event.

    It shortens the delay of readers of the ledger, and may be lost.
    """

    event: Cursor


TickMessage = Tick | MarketHeartbeat
SignalMessage = Signal | SignalHello
ReportMessage = Answer | CourierHello
