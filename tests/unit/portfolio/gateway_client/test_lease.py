"""The lease as portfolio handles it: each refusal is shown to people and has a defined consequence."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.control import CancelCommand, ModifyCommand, ResumeCommand, TradingState
from proto.gateway import (
    Buy,
    Cancel,
    ErrorCode,
    Hello,
    HelloReply,
    Lease,
    LeaseReply,
    Modify,
    Reply,
    Request,
)
from proto.gateway.epochs import EPOCH_MAX, highest_next_epoch, next_epoch
from proto.trading.enums import OrderType
from services.mt5.core.gateway.journal import LeaseRecord, MemoryJournal
from services.mt5.core.gateway.lease import LEASE_TTL_MS
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import EpochTaken
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.plan.plan import Entry, Plan
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.state.lease import GRANT_WAIT_NS, LAPSED_REFUSALS_MAX
from services.portfolio.core.state.signal_health import SIGNAL_CONDITIONS
from tests.support.builders import a_gateway, a_signal, a_stream
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk
from tests.unit.portfolio.gateway_client.one_order_desk import calls_of, pass_time, the_order

MS = 1_000_000
PASSING = ("STORAGE", "INTERNAL_ERROR", "VENUE_BUSY")
"""Error codes of transient refusals of LEASE. If the refusals last, LEASE_MISSING is set."""


def other_client_leases(driven: DeskHarness, epoch: int) -> Reply:
    """Send HELLO and LEASE with this epoch as another client; return the reply to LEASE."""
    [hello] = driven.gateway.handle(Hello(client="other"), driven.now)
    assert isinstance(hello, HelloReply)
    [reply] = driven.gateway.handle(Lease(holder="other", epoch=epoch, seen_ns=hello.lease_now_ns), driven.now)
    return reply


def codes(driven: DeskHarness) -> set[str]:
    """Codes of the conditions, without those of feed and signal processes, which are missing in these tests."""
    shown = {one.code for one in conditions_of(driven.state, driven.mono_ns)}
    return shown.difference(("FEED_STALE",), SIGNAL_CONDITIONS)


def signal_now(driven: DeskHarness, number: int, direction: int) -> None:
    """Deliver a signal at the current venue time and answer all requests that follow."""
    time_ns = driven.state.stream.domain_ns(driven.mono_ns)
    driven.answer_all(driven.deliver(a_signal(number, direction, time_ns=time_ns)))


def test_a_lease_of_another_client_with_the_highest_epoch_has_no_effect() -> None:
    driven = a_live_desk()
    reply = other_client_leases(driven, 2**53)
    assert isinstance(reply, LeaseReply)
    assert (reply.status, reply.error_code, reply.epoch) == ("ERROR", "EPOCH_TOO_HIGH", 1)
    pass_time(driven, seconds=3)
    signal_now(driven, 1, 1)
    assert the_order(driven).status is OrderStatus.FILLED
    assert driven.state.account.book.trading_state is TradingState.ACTIVE


def test_a_lease_taken_by_another_client_halts_the_desk_until_a_person_resumes() -> None:
    """Each time the other client takes the highest epoch that the gateway grants, and a person resumes the desk."""
    driven = a_live_desk()
    for turn in range(5):
        epoch = highest_next_epoch(driven.state.lease.epoch)
        assert other_client_leases(driven, epoch).error_code is None
        pass_time(driven, seconds=2)
        assert "LEASE_LOST" in codes(driven)
        assert driven.state.account.book.trading_state is TradingState.HALTED
        driven.command(ResumeCommand("that one is gone"))
        driven.answer_all(driven.pause())
        pass_time(driven, seconds=1)
        assert driven.state.lease.epoch == epoch + 1
        signal_now(driven, turn + 1, 1 if turn % 2 == 0 else -1)
        assert [order.status for order in driven.state.account.book.orders.values()] == [OrderStatus.FILLED] * (
            turn + 1
        )
        assert not codes(driven) & {"LEASE_LOST", "LEASE_MISSING", "LEASE_REFUSED"}


def test_ledger_and_journal_with_the_highest_epoch_still_get_a_lease() -> None:
    """An earlier version granted any epoch, so that ledger and journal may have epochs above today's limit."""
    journal = MemoryJournal("journal-1")
    journal.set_lease(LeaseRecord(epoch=2**53, holder="other"))
    book = Book()
    book.apply(EpochTaken(epoch=2**53 + 4, time_ns=1))
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0), journal=journal), book=book)
    driven.answer_all(driven.start())
    driven.gateway.on_timer(driven.now)
    pass_time(driven, seconds=1)
    signal_now(driven, 1, 1)
    assert the_order(driven).status is OrderStatus.FILLED
    assert (driven.state.lease.epoch, journal.lease.epoch) == (2**40, 2**40)
    assert codes(driven) == set()


@pytest.mark.parametrize(
    ("own", "known", "taken"),
    [
        (0, 0, 1),
        (6, 6, 7),
        (3, 6, 7),
        (9, 6, 10),
        (5_000, 6, 1_006),
        (57, 0, 58),
        (2**53 + 4, 0, 2**40),
        (1, EPOCH_MAX - 1, EPOCH_MAX),
    ],
)
def test_the_next_epoch_is_above_the_gateways_epoch_and_at_most_the_highest_that_it_grants(
    own: int, known: int, taken: int
) -> None:
    assert next_epoch(own, known) == taken
    assert known < taken <= highest_next_epoch(known)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_refusal_of_the_lease_is_shown_and_a_resume_restores_trading(code: ErrorCode) -> None:
    """Every error code is tested, because the desk would lose its lease unnoticed if it did not handle a code."""
    driven = a_live_desk()
    driven.pass_time_refusing(Lease, code, seconds=LEASE_TTL_MS / 1_000 + 2)
    shown = codes(driven)
    if code == "STALE_EPOCH":
        assert "LEASE_LOST" in shown
    elif code in ("NOT_AVAILABLE", "UNKNOWN_ACTION"):
        assert shown == {"LEASE_UNSUPPORTED"}
        signal_now(driven, 1, 1)
        assert the_order(driven).status is OrderStatus.FILLED
        return
    elif code == "LEASE_STALE" or code in PASSING:
        assert shown & {"LEASE_MISSING", "CONNECTING", "RECONCILING"}
        assert f"the gateway grants no lease: {code} for a test" == driven.state.lease.problem
    else:
        assert "LEASE_REFUSED" in shown
        assert driven.state.account.book.trading_state is TradingState.HALTED
    signal_now(driven, 1, 1)
    assert driven.state.account.book.orders == {}, "without the lease no opening order is created"
    driven.command(ResumeCommand("looked at"))
    driven.answer_all(driven.pause())
    pass_time(driven, seconds=3)
    signal_now(driven, 2, 1)
    assert the_order(driven).status is OrderStatus.FILLED
    assert codes(driven) == set()


def test_without_lease_renewals_the_desk_closes_positions_and_opens_none() -> None:
    driven = a_live_desk()
    pass_time(driven, seconds=1)
    signal_now(driven, 1, 1)
    driven.pass_time_refusing(Lease, None, seconds=LEASE_TTL_MS / 1_000 + 1)
    assert "LEASE_MISSING" in codes(driven)
    assert driven.state.lease.problem == "the gateway grants no lease: it does not answer"
    signal_now(driven, 2, -1)
    driven.pass_time_refusing(Lease, None, seconds=1)
    assert [order.status for order in driven.state.account.book.orders.values()] == [OrderStatus.FILLED] * 2
    assert driven.state.account.book.position("EURUSD").is_flat
    signal_now(driven, 3, 1)
    assert driven.state.stream.cursor.denied.get("LEASE_MISSING") == 1
    pass_time(driven, seconds=3)
    assert codes(driven) == set()
    signal_now(driven, 4, 1)
    assert [order.status for order in driven.state.account.book.orders.values()] == [OrderStatus.FILLED] * 3


def test_the_desk_treats_the_lease_as_lapsed_exactly_its_lifetime_after_the_granted_request() -> None:
    """The desk counts from its request and the gateway from its later grant, so that the desk's count ends first."""
    driven = a_live_desk()
    pass_time(driven, seconds=1)
    granted_ns = driven.state.lease.until_mono_ns - LEASE_TTL_MS * MS
    driven.mono_ns = granted_ns + LEASE_TTL_MS * MS - 1
    driven.wait(0)
    assert "LEASE_MISSING" not in codes(driven)
    driven.mono_ns += 1
    driven.wait(0)
    assert "LEASE_MISSING" in codes(driven)


def test_a_first_grant_that_does_not_arrive_in_time_sets_lease_missing() -> None:
    driven = a_live_desk()
    driven.portfolio.client.scheduler.on_gateway_restart()
    driven.pass_time_refusing(Lease, None, seconds=GRANT_WAIT_NS / 1e9 - 1)
    assert "LEASE_MISSING" not in codes(driven)
    driven.pass_time_refusing(Lease, None, seconds=2)
    assert "LEASE_MISSING" in codes(driven)


def test_many_orders_refused_as_lease_lapsed_despite_a_granted_lease_halt_the_desk() -> None:
    driven = a_live_desk()
    pass_time(driven, seconds=1)
    number = 0
    while driven.state.account.book.trading_state is TradingState.ACTIVE:
        number += 1
        assert number < LAPSED_REFUSALS_MAX, "the desk does not halt"
        time_ns = driven.state.stream.domain_ns(driven.mono_ns)
        [call] = calls_of(driven.deliver(a_signal(number, 1, time_ns=time_ns)), Buy)
        driven.refuse(call, ErrorCode.LEASE_LAPSED)
        driven.pass_time_refusing(Buy, ErrorCode.LEASE_LAPSED, seconds=8)
    assert "LEASE_REFUSED" in codes(driven)
    assert {order.status for order in driven.state.account.book.orders.values()} <= {
        OrderStatus.EXPIRED,
        OrderStatus.PENDING,
    }
    pass_time(driven, seconds=5)
    before = len(driven.state.account.book.orders)
    driven.command(ResumeCommand("looked at"))
    driven.answer_all(driven.pause())
    pass_time(driven, seconds=1)
    signal_now(driven, number + 1, 1)
    assert [order.status for order in driven.state.account.book.orders.values()][before:] == [OrderStatus.FILLED]


def test_an_accepted_order_resets_the_count_of_lease_refusals() -> None:
    driven = a_live_desk()
    pass_time(driven, seconds=1)
    driven.state.lease.lapsed_refusals = LAPSED_REFUSALS_MAX - 1
    signal_now(driven, 1, 1)
    assert the_order(driven).status is OrderStatus.FILLED
    assert driven.state.lease.lapsed_refusals == 0


@pytest.mark.parametrize("kind", [Cancel, Modify], ids=["CANCEL", "MODIFY"])
def test_a_cancel_or_modification_refused_as_stale_epoch_halts_with_lease_lost(kind: type[Request]) -> None:
    """The gateway refuses every request of a lower epoch, so that a repetition would be useless."""
    driven = a_live_desk(plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    pass_time(driven, seconds=1)
    signal_now(driven, 1, 1)
    assert the_order(driven).status is OrderStatus.ACCEPTED
    order_id = the_order(driven).order_id
    cancel = CancelCommand(key="one", reason="a test", order_id=order_id)
    driven.command(cancel if kind is Cancel else a_modification(order_id))
    driven.pass_time_refusing(kind, ErrorCode.STALE_EPOCH, seconds=3)
    assert "LEASE_LOST" in codes(driven)
    assert len(driven.requests_of(kind)) == 1


def a_modification(order_id: str) -> ModifyCommand:
    return ModifyCommand(
        key="one",
        reason="a test",
        symbol="EURUSD",
        order_id=order_id,
        position=0,
        price=Decimal("1.04"),
        stop_loss=None,
        take_profit=None,
        expires_ns=0,
    )
