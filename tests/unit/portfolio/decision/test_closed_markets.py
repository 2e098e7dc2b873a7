"""While a market is closed no request is sent that the venue would refuse; a due close waits for the next session."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from proto.control import HaltCommand, TradingState
from proto.gateway import ErrorCode, Fence, OrderStatusQuery, Sell
from proto.messages import Signal
from proto.trading.enums import OrderType
from proto.trading.server_time import minute_of_week
from services.portfolio.core.account.events import OrderCreated, OrderDenied, OrderUpdated, ProtectionSet
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.decision.exits import ExitEvents, exit_events
from services.portfolio.core.decision.signal_decision import (
    LOCK_STEP_CONDITIONS,
    DecisionConditions,
    DecisionResult,
    decide_signal,
)
from services.portfolio.core.gateway_client.instruments import update_instrument
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import Entry, Plan
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.state.closed_markets import CLOSED_RETRY_NS
from tests.contract.conditions.venue_refusals import waiting_close
from tests.support.builders import START_NS, a_signal, an_order
from tests.support.desk_harness import a_live_desk, request_of
from tests.unit.portfolio.risk.scenes import MINUTE_NS, D, Scene

MINUTE = minute_of_week(START_NS)
CLOSED: Any = {"sessions": ((MINUTE - 60, MINUTE), (MINUTE + 10, MINUTE + 60))}
"""Terms of a market that is closed for ten minutes from the minute of START_NS."""

NO_OTHER_TERMS: Any = {}

OPENS_NS = START_NS - START_NS % MINUTE_NS + 10 * MINUTE_NS
BY_THE_VENUE = DecisionConditions(closed_symbols={"EURUSD"})


def a_long_position(protection: Protection | None = None, **terms: Any) -> Scene:
    """A long position of 0.10 lots of EURUSD, with this protection and these terms of the symbol."""
    scene = Scene().term(**terms).hold("EURUSD", "0.1")
    if protection is not None:
        scene.state.account.emit(
            ProtectionSet(
                protection=protection, why="a test", ordinal=1, time_ns=START_NS, bid=D("1.1"), ask=D("1.1001")
            )
        )
    return scene


def a_protection(**changed: Any) -> Protection:
    return structs.replace(Protection(symbol="EURUSD", position=0, tag="desk"), **changed)


def tick(scene: Scene, time_ns: int, direction: int = 0) -> Signal:
    return a_signal(9, direction, time_ns=time_ns)


def exits_of(scene: Scene, time_ns: int, conditions: DecisionConditions = LOCK_STEP_CONDITIONS) -> ExitEvents:
    state = scene.state
    return exit_events(tick(scene, time_ns), state.account.book, state.stream, state.config, conditions)


def decided(
    scene: Scene, direction: int, time_ns: int, conditions: DecisionConditions = LOCK_STEP_CONDITIONS
) -> DecisionResult:
    state = scene.state
    rules = structs.replace(state.config, on_opposite=OnOpposite.REVERSE)
    result = decide_signal(tick(scene, time_ns, direction), state.account.book, state.stream, rules, conditions)
    for event in result.events:
        state.account.emit(event)
    return result


def test_a_market_closes_with_the_end_minute_and_opens_with_the_first_minute_of_a_session() -> None:
    terms = a_long_position(**CLOSED).state.account.book.instruments["EURUSD"]
    begin_ns = START_NS - START_NS % MINUTE_NS
    assert [terms.is_traded(at_ns) for at_ns in (begin_ns - 1, begin_ns, OPENS_NS - 1, OPENS_NS)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("conditions", [LOCK_STEP_CONDITIONS, BY_THE_VENUE], ids=["sessions", "venue"])
def test_a_trailing_stop_stays_while_the_market_is_closed_and_moves_at_the_next_session(
    conditions: DecisionConditions,
) -> None:
    protection = a_protection(stop_loss=D("1.09"), trailing_stop_points=10)
    scene = a_long_position(protection, **(CLOSED if conditions is LOCK_STEP_CONDITIONS else NO_OTHER_TERMS))
    assert exits_of(scene, START_NS, conditions) == []
    [moved] = exits_of(scene, OPENS_NS)
    assert isinstance(moved, ProtectionSet)
    assert moved.protection.stop_loss == D("1.0999")


@pytest.mark.parametrize("conditions", [LOCK_STEP_CONDITIONS, BY_THE_VENUE], ids=["sessions", "venue"])
def test_a_time_exit_due_while_the_market_is_closed_closes_at_the_next_session(
    conditions: DecisionConditions,
) -> None:
    scene = a_long_position(
        a_protection(exit_ns=START_NS), **(CLOSED if conditions is LOCK_STEP_CONDITIONS else NO_OTHER_TERMS)
    )
    for seconds in range(0, 60, 7):
        assert exits_of(scene, START_NS + seconds * 1_000_000_000, conditions) == []
    assert scene.state.stream.cursor.denied == {}
    _, made = exits_of(scene, OPENS_NS)
    assert isinstance(made, OrderCreated)
    assert (made.order.decision.cause, made.order.volume) == (Cause.TIME_EXIT, D("0.1"))


@pytest.mark.parametrize("conditions", [LOCK_STEP_CONDITIONS, BY_THE_VENUE], ids=["sessions", "venue"])
def test_a_signal_to_close_in_a_closed_market_is_scheduled_once_and_closes_at_the_next_session(
    conditions: DecisionConditions,
) -> None:
    scene = a_long_position(**(CLOSED if conditions is LOCK_STEP_CONDITIONS else NO_OTHER_TERMS))
    noted, denied = decided(scene, -1, START_NS, conditions).events
    assert isinstance(noted, ProtectionSet)
    assert noted.why == "the signal is SELL: closed at the first tick of the next session"
    assert not noted.protection.is_in_flight, "a scheduled close sends no request to the venue"
    assert isinstance(denied, OrderDenied)
    assert denied.code == "MARKET_CLOSED"
    assert decided(scene, -1, START_NS + 1, conditions).events == []
    assert scene.state.stream.cursor.denied == {"MARKET_CLOSED": 2}
    assert not decided(scene, 1, START_NS + 2, conditions).events, (
        "a BUY signal makes no order and does not withdraw the close"
    )
    _, made = exits_of(scene, OPENS_NS)
    assert isinstance(made, OrderCreated)
    assert (made.order.side.sign, made.order.volume) == (-1, D("0.1"))


def test_a_halted_desk_schedules_no_close_for_the_next_session() -> None:
    scene = a_long_position(**CLOSED)
    scene.state.account.set_trading_state(TradingState.HALTED, "PERSON", "a test", by="person")
    [denied] = decided(scene, -1, START_NS).events
    assert isinstance(denied, OrderDenied)
    assert denied.code == "HALTED"


def test_an_entry_is_denied_after_the_venue_has_reported_the_market_as_closed() -> None:
    scene = Scene()
    [denied] = decided(scene, 1, START_NS, BY_THE_VENUE).events
    assert isinstance(denied, OrderDenied)
    assert denied.code == "MARKET_CLOSED"
    assert decided(scene, 1, START_NS + 1).events[0].__class__ is OrderCreated


def test_a_symbol_counts_as_closed_for_a_minute_after_a_refusal_with_market_closed() -> None:
    """The venue has rejected an order with this code."""
    scene = Scene()
    scene.state.account.emit(OrderCreated(order=an_order(1)))
    scene.state.account.emit(
        OrderUpdated(
            order_id=an_order(1).order_id, status=OrderStatus.REJECTED, ticket=1, retcode=10_018,
            code=ErrorCode.MARKET_CLOSED, error="", time_ns=START_NS,
        )
    )  # fmt: skip
    now_ns, closed = scene.state.stream.domain_ns(0), scene.state.warnings.closed_markets
    assert closed.symbols_at(now_ns + CLOSED_RETRY_NS - 1) == {"EURUSD"}
    assert closed.symbols_at(now_ns + CLOSED_RETRY_NS) == set()


def test_a_close_that_waits_for_a_session_is_shown_as_close_waits() -> None:
    scene = a_long_position(a_protection(exit_ns=START_NS), **CLOSED)
    state = scene.state
    state.stream.cursor.time_ns = START_NS
    found = {one.code: one for one in conditions_of(state, 0)}
    assert found["CLOSE_WAITS"].subject == "EURUSD"
    assert found["CLOSE_WAITS"].text.endswith("due at the first tick of the next session")
    state.stream.cursor.time_ns = OPENS_NS
    assert "CLOSE_WAITS" not in {one.code for one in conditions_of(state, 0)}


def test_flatten_sends_no_order_while_the_market_is_closed_and_closes_at_the_next_session() -> None:
    driven = waiting_close()
    before = len(driven.requests_of(Sell))
    for _ in range(2):
        driven.answer_all(driven.wait(5_000))
        driven.answer_all(driven.pause())
    assert len(driven.requests_of(Sell)) == before
    assert not driven.state.account.book.position("EURUSD").is_flat
    opened = structs.replace(driven.state.account.book.instruments["EURUSD"], sessions=())
    update_instrument(driven.state.account, driven.state.warnings, opened)
    driven.answer_all(driven.wait(1_000))
    driven.answer_all(driven.wait(1_000))
    assert len(driven.requests_of(Sell)) == before + 1
    assert driven.state.account.book.position("EURUSD").is_flat


def test_a_fence_refused_with_market_closed_is_repeated_only_after_a_pause() -> None:
    """A halted desk fences resting orders; a terminal refuses every cancel while the market is closed."""
    driven = a_live_desk(plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    [order] = driven.state.account.book.orders.values()
    driven.command(HaltCommand("a test"))

    def refusals(seconds: int) -> int:
        """Let these seconds pass and refuse each fence; return the number of fences."""
        count = 0
        for _ in range(seconds):
            calls = driven.wait(1_000)
            while calls:
                fences = [call for call in calls if isinstance(request_of(call), Fence)]
                others = [call for call in calls if call not in fences]
                count += len(fences)
                calls = [following for call in others for following in driven.answer(call)]
                for fence in fences:
                    [status] = driven.gateway.handle(OrderStatusQuery(order_id=order.order_id), driven.now)
                    refused = structs.replace(status, error_code=ErrorCode.MARKET_CLOSED, error="closed")
                    calls += driven.answer(fence, refused)
        return count

    assert refusals(50) == 1
    assert driven.state.warnings.closed_markets.symbols_at(driven.state.stream.domain_ns(driven.mono_ns)) == {"EURUSD"}
    assert refusals(50) == 1
