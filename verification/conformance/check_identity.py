"""Checks of the gateway's identity, the symbol's terms, and the stream of ticks."""

from __future__ import annotations

import json

from proto.gateway import ErrorReply, GetSymbolInfo, GetTicks, OrderReplyStatus, Ping, PingReply, TicksReply
from proto.trading.units import is_on_step
from verification.conformance.client import ConformanceClient
from verification.conformance.registry import CheckRegistry, expect

check = CheckRegistry()
NOWHERE = "NOSUCHPAIR"


@check
def every_reply_has_the_same_identity(client: ConformanceClient) -> None:
    """HELLO, PING and GET_ACCOUNT report the same mode, venue, account and boot id."""
    hello, ping, account = client.hello(), client.expect_reply(Ping(), PingReply), client.account()
    found = {(reply.mode, reply.venue, reply.account, reply.boot_id) for reply in (hello, ping, account)}
    expect(len(found) == 1, f"replies of {sorted(found)}, expected one")
    expect(hello.account_mode is account.account_mode, f"{hello.account_mode} and {account.account_mode}")


@check
def venue_time_advances(client: ConformanceClient) -> None:
    """The venue's time advances."""
    first = client.expect_reply(Ping(), PingReply).now_ns
    later = client.poll_until(lambda: client.expect_reply(Ping(), PingReply).now_ns, lambda now_ns: now_ns > first)
    expect(later > first, f"the time was {first} ns and did not advance")


@check
def json_is_answered_in_json(client: ConformanceClient) -> None:
    """A JSON request gets a JSON reply with its request_id."""
    answer = json.loads(client.request_bytes(json.dumps({"action": "PING", "request_id": "r-1"}).encode()))
    expect(answer.get("status") == "OK" and answer.get("request_id") == "r-1", f"answered {answer}")


@check
def an_unknown_action_is_refused_by_name(client: ConformanceClient) -> None:
    """An action that does not exist is answered with UNKNOWN_ACTION."""
    answer = json.loads(client.request_bytes(b'{"action": "GUESS"}'))
    expect(answer.get("error_code") == "UNKNOWN_ACTION", f"answered {answer}")


@check
def contract_terms_are_consistent(client: ConformanceClient) -> None:
    """The least volume is on the volume step, the tick size is a multiple of the point, and a filling mode exists."""
    terms = client.instrument()
    expect(terms.symbol == client.symbol, f"terms of {terms.symbol}, requested {client.symbol}")
    expect(terms.volume_min <= terms.volume_max, f"{terms.volume_min} to {terms.volume_max} lots")
    expect(is_on_step(terms.volume_min, terms.volume_step), f"{terms.volume_min} lots in steps of {terms.volume_step}")
    expect(is_on_step(terms.tick_size, terms.point), f"a tick of {terms.tick_size} with {terms.digits} digits")
    expect(bool(terms.filling), "no filling mode is accepted")


@check
def an_unknown_symbol_is_refused(client: ConformanceClient) -> None:
    """A symbol that is not traded is refused as UNKNOWN_SYMBOL, in a query and in an order."""
    queried = client.expect_reply(GetSymbolInfo(symbol=NOWHERE), ErrorReply)
    expect(queried.error_code == "UNKNOWN_SYMBOL", f"replied {queried.error_code}")
    order = client.new_order(symbol=NOWHERE)
    reply = client.place(order)
    actual = (reply.status, reply.error_code)
    expect(actual == (OrderReplyStatus.REJECTED, "UNKNOWN_SYMBOL"), f"replied {actual}")
    known = client.status(order.order_id)
    expect(known.status == OrderReplyStatus.UNKNOWN, f"{known.status} later")


@check
def ticks_have_no_gap(client: ConformanceClient) -> None:
    """GET_TICKS returns the published ticks with ascending ordinals and times, and no crossed quote."""
    newest = client.poll_until(lambda: client.hello().sequences.get(client.symbol, 0), lambda sequence: sequence >= 5)
    ticks = client.expect_reply(
        GetTicks(symbol=client.symbol, from_sequence=max(1, newest - 99), limit=100), TicksReply
    )
    last = ticks.from_sequence + len(ticks.ordinal) - 1
    expect(last >= newest, f"ticks up to {last}, requested up to {newest}")
    expect(ticks.ordinal == sorted(set(ticks.ordinal)), "their ordinals do not rise")
    expect(ticks.time_ns == sorted(ticks.time_ns), "their times go back")
    expect(all(bid <= ask for bid, ask in zip(ticks.bid, ticks.ask, strict=True)), "one of them is crossed")
