"""The quote feed over a real tick socket: latest quotes, gaps, repeats, another stream, garbage, a dead gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.sockets import Socket, Sockets, send
from proto.codec import encode
from proto.messages import MarketHeartbeat, Tick
from proto.routes import HEARTBEAT_TOPIC, tick_topic
from proto.time import SECOND_NS
from services.web.live.cells import Cells
from services.web.market.quote_feed import QuoteFeed, Received
from tests.support.builders import START_NS, STREAM_ID, a_tick
from tests.support.waits import wait_for

WALL_NS = 1_000 * SECOND_NS


class Reader:
    """A feed and the ticks and times that it has reported."""

    def __init__(self, url: str) -> None:
        self.received = list[Received]()
        self.complete = list[int]()
        self.cells = Cells("boot")
        self.wall_ns = WALL_NS
        self.feed = QuoteFeed(
            url,
            ["EURUSD", "GBPUSD"],
            self.cells,
            on_ticks=self.received.extend,
            on_complete=self.complete.append,
            digits_of=lambda symbol: 5 if symbol == "EURUSD" else None,
            wall_ns=lambda: self.wall_ns,
        )

    def sequences(self) -> list[tuple[str, int, bool]]:
        return [(found.tick.symbol, found.tick.sequence, found.is_after_gap) for found in self.received]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/ticks.ipc"


@pytest.fixture
def publisher(url: str) -> Iterator[Socket]:
    sockets = Sockets()
    yield sockets.pub(url)
    sockets.close()


@pytest.fixture
def reader(url: str, publisher: Socket) -> Iterator[Reader]:
    reader = Reader(url)
    connect(publisher, reader)
    yield reader
    reader.feed.close()


def connect(publisher: Socket, reader: Reader) -> None:
    """Publish heartbeats until one arrives."""

    def is_heard() -> bool:
        publish(publisher, a_heartbeat())
        reader.feed.drain()
        return reader.feed.heard_ns > 0

    wait_for(is_heard, "the first heartbeat")
    while reader.feed.drain():
        pass


def publish(publisher: Socket, message: Tick | MarketHeartbeat) -> None:
    topic = HEARTBEAT_TOPIC if isinstance(message, MarketHeartbeat) else tick_topic(message.symbol)
    assert send(publisher, [topic, encode(message)])


def a_heartbeat(time_ns: int = START_NS, **sequences: int) -> MarketHeartbeat:
    return MarketHeartbeat("simulated-mt5", "boot-1", STREAM_ID, 0, sequences, time_ns)


def read(reader: Reader, count: int) -> None:
    wait_for(lambda: reader.feed.drain() >= 0 and len(reader.received) >= count, f"{count} ticks")


def test_the_latest_quote_is_shown(publisher: Socket, reader: Reader) -> None:
    publish(publisher, a_tick())
    publish(publisher, a_tick(sequence=2, bid=1.2, ask=1.20015, time_ns=START_NS + 5))
    read(reader, 2)
    view = reader.feed.view("EURUSD")
    assert view is not None
    assert (view.bid, view.ask, view.spread_points, view.digits) == (1.2, 1.20015, 15.0, 5)
    assert (view.time_ns, view.received_ns, view.sequence) == (START_NS + 5, WALL_NS, 2)
    assert reader.cells.get("quote:EURUSD") is None, "cells change only at a turn"
    reader.feed.publish()
    assert reader.cells.get("quote:EURUSD") == view
    assert reader.feed.venue_time_ns == START_NS + 5
    assert [raw.sequence for raw in reader.feed.ticks("EURUSD", 1)] == [2]
    assert reader.feed.view("GBPUSD") is None


def test_missed_ticks_are_counted_and_marked(publisher: Socket, reader: Reader) -> None:
    for sequence in (7, 8, 12):
        publish(publisher, a_tick(sequence=sequence))
    publish(publisher, a_tick(symbol="GBPUSD", sequence=3))
    read(reader, 4)
    expected = [("EURUSD", 7, True), ("EURUSD", 8, False), ("EURUSD", 12, True), ("GBPUSD", 3, True)]
    assert reader.sequences() == expected
    assert reader.feed.missed == 3


def test_a_repeated_tick_is_read_once(publisher: Socket, reader: Reader) -> None:
    for sequence in (1, 2, 1, 2, 3):
        publish(publisher, a_tick(sequence=sequence))
    read(reader, 3)
    assert [sequence for _, sequence, _ in reader.sequences()] == [1, 2, 3]


def test_another_stream_begins_without_the_old_quotes(publisher: Socket, reader: Reader) -> None:
    publish(publisher, a_tick(sequence=50, time_ns=START_NS + 9))
    publish(publisher, a_tick(stream_id="another", sequence=1, symbol="GBPUSD", time_ns=START_NS))
    read(reader, 2)
    assert reader.feed.venue_time_ns == START_NS
    assert reader.feed.view("EURUSD") is None
    assert reader.sequences()[-1] == ("GBPUSD", 1, True)


def test_a_heartbeat_with_the_read_sequences_completes_the_time(publisher: Socket, reader: Reader) -> None:
    publish(publisher, a_tick(sequence=5))
    publish(publisher, a_heartbeat(START_NS + 9, EURUSD=5))
    wait_for(lambda: reader.feed.drain() >= 0 and START_NS + 9 in reader.complete, "the heartbeat")
    publish(publisher, a_heartbeat(START_NS + 19, EURUSD=6))
    wait_for(lambda: reader.feed.drain() >= 0 and reader.feed.venue_time_ns == START_NS + 19, "the second heartbeat")
    assert START_NS + 19 not in reader.complete, "tick 6 has not been read"


def test_garbage_and_other_symbols_are_dropped(publisher: Socket, reader: Reader) -> None:
    send(publisher, [tick_topic("EURUSD"), b"garbage"])
    publish(publisher, a_tick(symbol="EURUSD2"))
    publish(publisher, a_tick())
    read(reader, 1)
    assert reader.sequences() == [("EURUSD", 1, True)]
    assert reader.feed.malformed == 1


def test_a_silent_feed_is_a_problem(reader: Reader) -> None:
    assert reader.feed.problem == ""
    reader.wall_ns += 4 * SECOND_NS
    assert reader.feed.problem == "no message of the market feed for 4 s"


def test_a_restarted_gateway_is_read_again(url: str) -> None:
    reader = Reader(url)
    assert reader.feed.problem == "no message of the market feed yet"
    for _ in range(2):
        sockets = Sockets()
        reader.feed.heard_ns = 0
        connect(sockets.pub(url), reader)
        sockets.close()
    reader.feed.close()


def test_a_feed_that_is_not_read_has_no_effect_on_the_gateway(publisher: Socket, reader: Reader) -> None:
    for sequence in range(1, 30_001):
        publish(publisher, a_tick(sequence=sequence))
    read(reader, 1)
    while reader.feed.drain():
        pass
    assert len(reader.received) < 30_000, "the socket has dropped what its queues do not hold"
    publish(publisher, a_tick(sequence=30_001))
    wait_for(lambda: reader.feed.drain() >= 0 and reader.received[-1].tick.sequence == 30_001, "the newest tick")
    assert reader.received[-1].is_after_gap
