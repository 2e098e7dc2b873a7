"""Explanations of an order, a deal, a denial, and a symbol whose latest signal made no order."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.codec import encode
from proto.control.views import WhyReply
from proto.gateway import DealEntry, DealKind
from proto.trading.enums import Side
from proto.trading.units import MAX_FRAME_BYTES
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    CancelRequested,
    DealBooked,
    Event,
    OrderCreated,
    OrderDenied,
    OrderModifyRequested,
    OrderUpdated,
)
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause, Order, OrderTerms
from services.portfolio.core.account.position import ClosedLot
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.decision.position_rule import SignalVerdict
from services.portfolio.core.decision.signal_decision import NO_SIZE, decide_signal
from services.portfolio.core.queries.denial_hints import DENIAL_HINTS
from services.portfolio.core.queries.explain import UnknownSubjectError, explain, find_subject, is_history_complete
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.stream import StreamState
from tests.support.builders import (
    START_NS,
    a_deal,
    a_deposit,
    a_signal,
    an_instrument_learned,
    an_opened_stream,
    an_order,
    some_rules,
)

D = Decimal


def an_update(order_id: str, status: OrderStatus, **changed: object) -> OrderUpdated:
    fields: dict[str, object] = {"ticket": None, "retcode": None, "code": "", "error": "", "time_ns": START_NS + 5}
    return OrderUpdated(order_id=order_id, status=status, **{**fields, **changed})  # type: ignore[arg-type]


def a_reversed_position() -> tuple[Book, list[Event]]:
    """An account and the events of its order 2, which has reversed a position.

    The position was long 0.02 lots at 1.1. The order sold 0.03 lots in one deal (ticket 55), 2 points below its quote.
    """
    book = Book()
    order = an_order(2, Side.SELL, "0.03", price=D("1.2"))
    order = structs.replace(
        order,
        decision=structs.replace(
            order.decision,
            direction=-1,
            confidence=0.625,
            publisher="signal-7",
            position_before=D("0.02"),
            sizing="fixed: 0.01 lots",
            reason="[RISK] PASS: Signal=SELL(-1), Position=LONG(0.02)",
        ),
    )
    deal = a_deal(
        3,
        Side.SELL,
        "0.03",
        "1.19998",
        order_id=order.order_id,
        ticket=55,
        entry=DealEntry.INOUT,
        profit=D("199.96"),
        commission=D("-0.21"),
    )
    closing = ClosedLot("2", D("0.02"), D("1.1"), D("1.19998"), D("199.96"))
    events: list[Event] = [
        an_opened_stream(),
        an_instrument_learned(),
        DealBooked(deal=a_deposit(), order_id="", closings=[]),
        DealBooked(deal=a_deal(2, volume="0.02"), order_id="", closings=[]),
        OrderCreated(order=order),
        an_update(order.order_id, OrderStatus.IN_DOUBT),
        an_update(order.order_id, OrderStatus.ACCEPTED, ticket=55, retcode=10008),
        DealBooked(deal=deal, order_id=order.order_id, closings=[closing]),
    ]
    for event in events:
        book.apply(event)
    return book, events[4:]


def why(name: str, book: Book, events: list[Event], cursor: TickCursor | None = None) -> WhyReply:
    cursor = cursor or TickCursor()
    return explain(find_subject(name, book, cursor), events, book, PersistedState(cursor))


def facts(reply: WhyReply, step: str) -> dict[str, str]:
    return next(found.facts for found in reply.steps if found.name == step)


def test_an_order_is_explained_from_its_tick_to_the_resulting_position() -> None:
    book, events = a_reversed_position()
    reply = why("01234567-000002", book, events)
    assert [step.name for step in reply.steps] == [
        "tick", "signal", "decision", "order", "gateway", "deals", "position",
    ]  # fmt: skip
    assert facts(reply, "tick") | {"bid": "1.10000", "ask": "1.10010", "spread": "10 points"} == facts(reply, "tick")
    assert facts(reply, "signal") == {"publisher": "signal-7", "direction": "SELL (-1)", "confidence": "0.625"}
    assert facts(reply, "decision")["position before"] == "LONG 0.02 lots"
    assert facts(reply, "decision")["sizing"] == "fixed: 0.01 lots; 0.02 lots more close the position"
    assert facts(reply, "gateway") == {"ticket": "55", "retcode": "10009"}
    assert facts(reply, "deals")["net"] == "199.75 USD"
    assert facts(reply, "position") | {"before": "LONG 0.02 lots", "after": "SHORT 0.01 lots"} == facts(
        reply, "position"
    )
    assert "signal-7 signaled SELL with confidence 0.625" in reply.summary


def test_the_order_step_has_one_line_for_the_creation_and_each_update() -> None:
    book, events = a_reversed_position()
    order = next(step for step in why("01234567-000002", book, events).steps if step.name == "order")
    assert [line.words for line in order.lines] == [
        "created, its volume reserved: PENDING",
        "update: IN_DOUBT",
        "update: ACCEPTED, retcode 10008",
    ]


def test_a_deal_is_explained_with_its_slippage_and_the_closed_lots() -> None:
    book, events = a_reversed_position()
    deals = next(step for step in why("deal 3", book, events).steps if step.name == "deals")
    assert [line.words for line in deals.lines] == [
        "deal 3: SELL 0.03 at 1.19998 (INOUT, ticket 55), slippage 2 points, profit 199.96, commission -0.21; "
        "closes 0.02 of deal 2 at 1.10000"
    ]


def test_an_event_other_than_creation_and_update_is_shown_with_its_fields() -> None:
    book, events = a_reversed_position()
    asked = CancelRequested(order_id="01234567-000002", why="too late", ordinal=4, time_ns=START_NS + 9)
    order = next(step for step in why("01234567-000002", book, [*events, asked]).steps if step.name == "order")
    assert (order.lines[-1].time_ns, order.lines[-1].words) == (START_NS + 9, "cancel asked: why too late, ordinal 4")


@pytest.mark.parametrize(
    ("name", "kind", "subject"),
    [
        ("01234567-000002", "order", "01234567-000002"),
        ("deal 3", "deal", "3"),
        (" DEAL   3 ", "deal", "3"),
        ("3", "deal", "3"),
        ("ticket 55", "order", "01234567-000002"),
        ("55", "order", "01234567-000002"),
        ("ticket 2", "deal", "2"),
        ("EURUSD", "symbol", "EURUSD"),
        ("eurusd", "symbol", "EURUSD"),
        ("0123-d9", "denial", "0123-d9"),
    ],
)
def test_a_subject_is_found_by_any_of_its_names(name: str, kind: str, subject: str) -> None:
    book, _ = a_reversed_position()
    found = find_subject(name, book, TickCursor())
    assert (found.kind, found.name) == (kind, subject)


@pytest.mark.parametrize("name", ["deal 99", "ticket 99", "99"])
def test_an_unknown_number_is_refused(name: str) -> None:
    book, _ = a_reversed_position()
    with pytest.raises(UnknownSubjectError, match="99, deals are numbered up to 3"):
        find_subject(name, book, TickCursor())


def test_an_unknown_name_is_refused_with_the_expected_kinds_of_name() -> None:
    book, _ = a_reversed_position()
    with pytest.raises(UnknownSubjectError, match="'abc' is unknown, expected the id"):
        why("abc", book, [])


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (an_order(3, Side.BUY, position=9), "the position's volume"),
        (an_order(3), "the desk's volume"),
    ],
)
def test_the_sizing_of_an_order_for_a_ticket_is_the_positions_volume(order: Order, text: str) -> None:
    book, _ = a_reversed_position()
    book.apply(OrderCreated(order=order))
    assert facts(why(order.order_id, book, []), "decision")["sizing"] == text


@pytest.mark.parametrize(("before", "text"), [("-0.01", "the position's volume"), ("0.01", "the desk's volume")])
def test_the_sizing_of_an_order_against_an_equal_position_is_the_positions_volume(before: str, text: str) -> None:
    book, _ = a_reversed_position()
    order = an_order(3)
    order = structs.replace(order, decision=structs.replace(order.decision, position_before=D(before)))
    book.apply(OrderCreated(order=order))
    assert facts(why(order.order_id, book, []), "decision")["sizing"] == text


def test_a_deposit_is_explained_as_cash() -> None:
    book, _ = a_reversed_position()
    assert why("1", book, []).summary == f"deal 1 moved 10000 USD of cash: {DealKind.BALANCE}"


def test_a_manual_order_is_explained_by_its_command_instead_of_a_signal() -> None:
    book, _ = a_reversed_position()
    order = an_order(3, key="mine-1")
    order = structs.replace(order, decision=structs.replace(order.decision, cause=Cause.MANUAL))
    book.apply(OrderCreated(order=order))
    reply = why(order.order_id, book, [OrderCreated(order=order)])
    assert facts(reply, "cause") == {"made by": "manual", "command": "mine-1"}
    assert "cause of the order: a person's command" in reply.summary


def test_a_denied_signal_is_explained_with_limit_observed_value_and_hint() -> None:
    flat, cursor, rules = Book(), TickCursor(), some_rules(volume="5")
    for event in (an_opened_stream(), an_instrument_learned()):
        flat.apply(event)
    signal = a_signal(9, -1, publisher="signal-7", confidence=0.5)
    stream = StreamState(PersistedState(cursor))
    stream.count(signal)
    denied = decide_signal(signal, flat, stream, rules).events[0]
    assert isinstance(denied, OrderDenied)
    reply = why("EURUSD", flat, [denied], cursor)
    assert facts(reply, "decision") == {
        "denied by": "ORDER_VOLUME",
        "limit": "1 lots",
        "observed": "5 lots",
        "position before": "FLAT",
        "what would have to change": DENIAL_HINTS["ORDER_VOLUME"],
    }
    assert facts(reply, "signal")["publisher"] == "signal-7"
    assert "denied by ORDER_VOLUME in this stream: 1" in reply.summary
    assert why(denied.denial_id, flat, [denied], cursor).kind == "denial"


def test_a_denied_manual_order_is_explained_with_its_command_and_reason() -> None:
    book, _ = a_reversed_position()
    denied = OrderDenied(
        symbol="EURUSD", direction=1, ordinal=4, time_ns=START_NS,
        code="ORDER_VOLUME", limit="1 lots", observed="2 lots", denial_id="live-mk1",
        sequence=4, bid=D("1.1"), ask=D("1.1001"), tag="manual", cause="manual", key="k1",
        reason="all in",
    )  # fmt: skip
    book.apply(denied)
    assert find_subject("k1", book, TickCursor()).denial_id == "live-mk1"
    for name in ("EURUSD", "live-mk1", "k1"):
        reply = why(name, book, [denied])
        assert "a person's BUY of EURUSD was DENIED by ORDER_VOLUME: 2 lots, limit 1 lots" in reply.summary
        assert "reason of the command: all in" in reply.summary
        assert facts(reply, "cause") == {"made by": "manual", "command": "k1"}
        assert facts(reply, "tick")["sequence"] == "4"
        assert facts(reply, "decision")["reason"] == "all in"
        assert "signal" not in [step.name for step in reply.steps]
    change = structs.replace(denied, direction=0)
    assert why("live-mk1", book, [change]).summary.startswith("a person's change of EURUSD was DENIED")
    by_name = why("live-mk1", book, [structs.replace(denied, person="alice")])
    assert by_name.summary.startswith("alice's BUY of EURUSD was DENIED")
    assert facts(by_name, "cause") == {"made by": "manual", "command": "k1", "person": "alice"}


def test_the_lines_of_an_order_are_in_the_sequence_of_its_events_and_not_of_their_times() -> None:
    """The creation has the desk's estimate of the venue time. The update has the earlier time of the last tick."""
    book, _ = a_reversed_position()
    made = an_order(3, created_ns=START_NS + 500)
    rejected = an_update(made.order_id, OrderStatus.REJECTED, time_ns=START_NS)
    for event in (OrderCreated(order=made), rejected):
        book.apply(event)
    reply = why(made.order_id, book, [OrderCreated(order=made), rejected])
    order = next(step for step in reply.steps if step.name == "order")
    assert [line.time_ns for line in order.lines] == [START_NS + 500, START_NS]
    assert order.lines[0].words.startswith("created")


def test_the_expiry_in_a_line_is_a_utc_text() -> None:
    book, events = a_reversed_position()
    terms = OrderTerms(limit_price=None, stop_loss=None, take_profit=None, expires_ns=1_577_836_800_000_000_000)
    changed = OrderModifyRequested(order_id="01234567-000002", terms=terms, revision=1, time_ns=START_NS + 9)
    order = next(step for step in why("01234567-000002", book, [*events, changed]).steps if step.name == "order")
    assert "expires 2020-01-01 00:00:00.000Z" in order.lines[-1].words


def test_a_symbol_is_explained_by_its_blocked_signal_if_this_is_later_than_the_last_denial() -> None:
    book, _ = a_reversed_position()
    cursor = TickCursor()
    signal = a_signal(11, -1, bid=1.3, ask=1.30012, confidence=0.75)
    stream = StreamState(PersistedState(cursor))
    stream.count(signal)
    assert not decide_signal(signal, book, stream, some_rules()).events
    denied = OrderDenied(
        symbol="EURUSD", direction=1, ordinal=4, time_ns=START_NS, code="SPREAD", limit="3", observed="4"
    )
    reply = why("EURUSD", book, [denied], cursor)
    assert reply.summary == "the latest SELL of EURUSD was BLOCKED: POSITION_OPEN"
    assert facts(reply, "tick")["spread"] == "12 points"
    assert facts(reply, "decision")["what would have to change"] == DENIAL_HINTS["POSITION_OPEN"]
    assert facts(reply, "by now") == {"position": "SHORT 0.01 lots", "trading": "ACTIVE"}


def test_a_symbol_without_a_denied_or_blocked_signal_has_a_summary_that_says_this() -> None:
    book, _ = a_reversed_position()
    assert why("EURUSD", book, []).summary == "no signal of EURUSD has been blocked or denied"


def test_the_longest_explanation_fits_into_a_frame() -> None:
    book, events = a_reversed_position()
    order_id = "01234567-000002"
    text = "ü" * 512
    many: list[Event] = [an_update(order_id, OrderStatus.ACCEPTED, code="X", error=text) for _ in range(5_000)]
    reply = why(order_id, book, [*events, *many])
    assert len(encode(reply)) <= MAX_FRAME_BYTES
    assert any("more not shown" in line.words for step in reply.steps for line in step.lines)


def test_the_history_of_an_order_is_complete_if_the_order_has_ended_and_all_its_deals_are_found() -> None:
    book, events = a_reversed_position()
    order = book.orders["01234567-000002"]
    assert is_history_complete(order, events)
    assert not is_history_complete(order, events[:-1])
    assert not is_history_complete(structs.replace(order, status=OrderStatus.ACCEPTED), events)


def test_every_verdict_that_blocks_a_signal_has_a_hint() -> None:
    blocking = {verdict.value for verdict in SignalVerdict} - {SignalVerdict.PASS.value, SignalVerdict.HOLD.value}
    assert blocking | {NO_SIZE} <= set(DENIAL_HINTS)
