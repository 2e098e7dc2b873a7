"""Any REQ client can trade in JSON or MessagePack, and the gateway continues after any malformed message."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import msgpack
import pytest
import zmq

from proto.codec import decode_tick_message
from proto.messages import MarketHeartbeat, Tick
from proto.trading.units import MAX_FRAME_BYTES
from services.mt5.core.gateway.tick_publisher import Pace
from tests.contract.gateway.server import Client, Server, read
from tests.unit.mt5.builders import START_NS, a_gateway, a_stream, confirm

ORDER = {"order_id": "X1", "symbol": "EURUSD", "action": "BUY", "volume": 0.01, "price": 1.0850}
GARBAGE_SEED = 20_140_501


@pytest.fixture
def server() -> Iterator[Server]:
    """A lock-step gateway at the first of three ticks, with ask 1.0850."""
    gateway = a_gateway(a_stream(1.0848, 1.0858, 1.0868))
    confirm(gateway, 0)
    with Server(gateway).running() as running:
        yield running


@pytest.fixture(params=["json", "msgpack"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A REQ client in either encoding."""
    plain = Client(server.shell.request_url, is_json=request.param == "json")
    yield plain
    plain.close()


@pytest.fixture
def text_client(server: Server) -> Iterator[Client]:
    """A REQ client for JSON."""
    plain = Client(server.shell.request_url)
    yield plain
    plain.close()


@pytest.fixture
def packed_client(server: Server) -> Iterator[Client]:
    """A REQ client for MessagePack."""
    plain = Client(server.shell.request_url, is_json=False)
    yield plain
    plain.close()


@pytest.fixture
def dealer(server: Server) -> Iterator[Client]:
    """A DEALER client, which chooses its own envelopes."""
    plain = Client(server.shell.request_url, kind=zmq.DEALER)
    yield plain
    plain.close()


def test_a_req_client_buys_and_gets_its_fill(client: Client) -> None:
    reply = client.ask(**ORDER)
    assert reply["status"] == "FILLED"
    assert reply["order_id"] == "X1"
    number = float if client.is_json else str
    assert (reply["filled_price"], reply["filled_volume"]) == (number("1.085"), number("0.01"))
    assert isinstance(reply["ticket"], int)
    assert (reply["deal"], reply["retcode"], reply["error"], reply["error_code"]) == (2, 10009, None, None)
    assert (reply["mode"], reply["venue"], reply["account"]) == ("simulated", "simulated-mt5", "paper-USD")


def test_the_same_order_sent_twice_makes_one_position(client: Client) -> None:
    first = client.ask(**ORDER)
    assert client.ask(**ORDER) == first
    positions = client.ask(action="GET_POSITIONS")["positions"]
    assert [float(position["volume"]) for position in positions] == [0.01]


def test_both_encodings_refer_to_the_same_order(text_client: Client, packed_client: Client) -> None:
    one, other = text_client.ask(**ORDER), packed_client.ask(**ORDER)
    assert float(other["filled_price"]) == one["filled_price"]
    assert other["ticket"] == one["ticket"]


def test_a_reply_has_the_request_id_of_its_request(client: Client) -> None:
    assert client.ask(action="PING", request_id="42")["request_id"] == "42"
    assert client.ask(**{**ORDER, "request_id": "43"})["request_id"] == "43"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "MISSING_ACTION"),
        ({"action": "DANCE"}, "UNKNOWN_ACTION"),
        ({"action": "BUY", "symbol": "EURUSD", "volume": 0.01}, "MISSING_FIELD"),
        ({"action": "ORDER_STATUS"}, "MISSING_FIELD"),
        ({"action": "PING", "colour": 1}, "UNKNOWN_FIELD"),
        ({"action": "GET_DEALS", "limit": 0}, "INVALID_FIELD"),
        ({"action": "CONFIRM", "stream_id": "other", "ordinal": 0}, "UNKNOWN_STREAM"),
    ],
)
def test_an_invalid_request_gets_an_error_code(client: Client, fields: dict[str, object], code: str) -> None:
    reply = client.ask(**fields)
    assert (reply["status"], reply["error_code"]) == ("ERROR", code)
    assert reply["error"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"volume": "much"}, "INVALID_VOLUME"),
        ({"volume": "NaN"}, "INVALID_VOLUME"),
        ({"volume": -1}, "INVALID_VOLUME"),
        ({"volume": 1e300}, "INVALID_VOLUME"),
        ({"symbol": "NOPE"}, "UNKNOWN_SYMBOL"),
        ({"stop": 1}, "UNKNOWN_FIELD"),
        ({"ordinal": -1}, "INVALID_FIELD"),
    ],
)
def test_an_invalid_order_is_rejected_under_its_id(client: Client, changed: dict[str, object], code: str) -> None:
    reply = client.ask(**{**ORDER, **changed})
    assert (reply["status"], reply["order_id"], reply["error_code"]) == ("REJECTED", "X1", code)
    assert client.ask(action="GET_POSITIONS")["positions"] == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "INVALID_MSGPACK"),
        (b"hello", "INVALID_MSGPACK"),
        (b"\x00", "INVALID_MSGPACK"),
        (b"\xc1", "INVALID_MSGPACK"),
        (b"{", "INVALID_JSON"),
        (b"[1]", "INVALID_JSON"),
        (b'{"action": "PING", "action": "PING"}', "DUPLICATE_FIELD"),
        (b'{"action": "BUY", "order_id": "X1", "symbol": "EURUSD", "volume": NaN}', "INVALID_FIELD"),
        (b'{"a":' * 30_000, "TOO_LARGE"),
        (b'{"a":' * 10_000, "INVALID_JSON"),
        (b"\x91" * 60_000, "INVALID_MSGPACK"),
        (b" " * (MAX_FRAME_BYTES + 1), "TOO_LARGE"),
        (b'{"action": "PING", "request_id": "\\ud800"}', "INVALID_FIELD"),
        (b'{"action": "\\ud800"}', "UNKNOWN_ACTION"),
    ],
)
def test_a_malformed_payload_is_refused_and_the_next_request_is_answered(
    text_client: Client, payload: bytes, code: str
) -> None:
    reply = text_client.ask_bytes(payload)
    assert (reply["status"], reply["error_code"]) in (("ERROR", code), ("REJECTED", code))
    assert text_client.ask(action="PING")["status"] == "OK"


def test_a_reply_has_the_whole_envelope_of_its_request(dealer: Client) -> None:
    envelope = [b"call-7", b"via", b""]
    dealer.socket.send_multipart([*envelope, json.dumps(ORDER).encode()])
    *echoed, payload = dealer.socket.recv_multipart()
    assert echoed == envelope
    assert read(payload)["status"] == "FILLED"


def test_a_message_with_two_payloads_or_none_is_refused(dealer: Client) -> None:
    order = json.dumps(ORDER).encode()
    dealer.socket.send_multipart([b"1", b"", order, order])
    assert read(dealer.socket.recv_multipart()[-1])["error_code"] == "INVALID_FIELD"
    dealer.socket.send_multipart([b"2", b""])
    assert read(dealer.socket.recv_multipart()[-1])["error_code"] == "INVALID_FIELD"


def test_a_message_without_an_empty_frame_is_dropped(dealer: Client) -> None:
    dealer.socket.send_multipart([json.dumps(ORDER).encode()])
    dealer.socket.send_multipart([b"next", b"", b'{"action": "GET_POSITIONS"}'])
    *envelope, payload = dealer.socket.recv_multipart()
    assert envelope == [b"next", b""]
    assert read(payload)["positions"] == []


def garbage(source: random.Random) -> bytes:
    """Bytes that a broken or hostile peer might send, some of them close to an order."""
    order = json.dumps(ORDER).encode() if source.random() < 0.5 else msgpack.packb(ORDER)
    kind = source.randrange(4)
    if kind == 0:
        return source.randbytes(source.randrange(0, 200))
    if kind == 1:
        return order[: source.randrange(len(order))]
    if kind == 2:
        broken = bytearray(order)
        broken[source.randrange(len(broken))] = source.randrange(256)
        return bytes(broken)
    odd: object = source.choice([None, True, -1, 1e308, "x" * 70, [], {}, [[[]]], "\u0000", {"action": "BUY"}])
    fields = {**ORDER, "order_id": "X1", source.choice([*ORDER, "what"]): odd}
    return json.dumps(fields).encode() if source.random() < 0.5 else msgpack.packb(fields)


def test_an_order_is_filled_once_despite_a_thousand_malformed_frames(text_client: Client) -> None:
    """A mutated frame may still be a valid order with another id; X1 is filled once, as requested."""
    client = text_client
    source = random.Random(GARBAGE_SEED)
    first = client.ask(**ORDER)
    for number in range(1_000):
        payload = garbage(source)
        reply = client.ask_bytes(payload)
        assert {"status", "mode", "venue", "account", "boot_id"} <= set(reply), (GARBAGE_SEED, number, payload)
    assert client.ask(**ORDER) == first
    orders = client.ask(action="GET_ORDERS")["orders"]
    assert [order["side"] for order in orders if order["order_id"] == "X1"] == ["BUY"]
    assert client.ask(action="ORDER_STATUS", order_id="X1") == first


def test_a_page_of_ticks_in_json_is_cut_to_fit_into_a_frame() -> None:
    """The page has a thousand ticks, whose prices have the most digits of a float."""
    gateway = a_gateway(a_stream(*(1.1 + n / 3e7 for n in range(1_000))), pace=Pace(window=1_000))
    confirm(gateway, 0)
    with Server(gateway).running() as server:
        client = Client(server.shell.request_url)
        client.socket.send(json.dumps({"action": "GET_TICKS", "symbol": "EURUSD", "from_sequence": 1}).encode())
        payload = client.socket.recv()
        client.close()
    assert len(payload) <= MAX_FRAME_BYTES
    page = read(payload)
    assert page["ordinal"] == list(range(1, len(page["bid"]) + 1))
    assert len(page["bid"]) >= 250


def test_each_confirm_publishes_the_next_tick_and_an_unconfirmed_tick_is_repeated() -> None:
    gateway = a_gateway(a_stream(1.0848, 1.0858))
    with Server(gateway).running() as server:
        listener = Client(server.shell.publish_url, kind=zmq.SUB)
        listener.socket.setsockopt(zmq.SUBSCRIBE, b"")
        client = Client(server.shell.request_url)
        heard: list[Tick] = []
        beats: list[MarketHeartbeat] = []

        def listen(until_ordinal: int) -> Tick:
            while True:
                topic, payload = listener.socket.recv_multipart()
                message = decode_tick_message(payload)
                if isinstance(message, MarketHeartbeat):
                    assert topic == b"heartbeat"
                    beats.append(message)
                    continue
                assert topic == b"tick.EURUSD"
                heard.append(message)
                if message.ordinal == until_ordinal:
                    return message

        # The subscription may be too late for the first publication of tick 1, but not for its repetition.
        client.ask(action="CONFIRM", stream_id="stream-1", ordinal=0)
        first = listen(1)
        assert (first.sequence, first.time_ns, first.bid, first.ask) == (1, START_NS, 1.0848, 1.085)
        listen(1)
        client.ask(action="CONFIRM", stream_id="stream-1", ordinal=1)
        listen(2)
        reply = client.ask(action="CONFIRM", stream_id="stream-1", ordinal=2)
        assert reply["end_of_data"] is True
        assert reply["counts"] == {"read": 2, "published": 2, "rejected": {}}
        # On a slow machine the last heartbeat may have come before the second tick.
        while not beats or beats[-1].sequences != {"EURUSD": 2}:
            topic, payload = listener.socket.recv_multipart()
            if topic == b"heartbeat":
                message = decode_tick_message(payload)
                assert isinstance(message, MarketHeartbeat)
                beats.append(message)
        client.close()
        listener.close()
