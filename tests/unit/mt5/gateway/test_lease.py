"""The lease that allows a portfolio to open exposure, and a person's HALT, RESUME and FLATTEN."""

from __future__ import annotations

import pytest
from msgspec import structs

from proto.gateway import Flatten, Halt, HaltReply, Hello, HelloReply, Lease, LeaseReply, PlaceOrder, Resume
from proto.gateway.epochs import highest_next_epoch, next_epoch
from proto.time import Now
from services.mt5.core.gateway.journal import LeaseRecord, MemoryJournal
from services.mt5.core.gateway.lease import AccountLease
from tests.unit.mt5.builders import AT_REST, a_buy, a_gateway, a_sell
from tests.unit.mt5.live import LEASE_MS, LiveGateway


@pytest.fixture
def live() -> LiveGateway:
    return LiveGateway(faults=False)


def hello(live: LiveGateway) -> HelloReply:
    reply = live.ask(Hello(client="portfolio"))
    assert isinstance(reply, HelloReply)
    return reply


def lease(live: LiveGateway, epoch: int, seen_ns: int | None = None) -> LeaseReply:
    seen = hello(live).lease_now_ns if seen_ns is None else seen_ns
    reply = live.ask(Lease(holder="portfolio", epoch=epoch, seen_ns=seen))
    assert isinstance(reply, LeaseReply)
    return reply


def with_epoch(epoch: int, request: PlaceOrder) -> PlaceOrder:
    return structs.replace(request, epoch=epoch)


def by_hand(live: LiveGateway, request: Halt | Resume | Flatten) -> HaltReply:
    reply = live.ask(request)
    assert isinstance(reply, HaltReply), reply
    return reply


def test_an_order_with_an_epoch_is_refused_without_a_lease(live: LiveGateway) -> None:
    assert live.refused(with_epoch(1, a_buy())) == "LEASE_LAPSED"
    assert lease(live, 1).status == "OK"
    assert live.order(with_epoch(1, a_buy())).status == "FILLED"


def test_a_lapsed_lease_refuses_opening_orders_and_allows_closing_orders(live: LiveGateway) -> None:
    lease(live, 1)
    live.order(with_epoch(1, a_buy("A-1", volume="0.02")))
    live.wait(LEASE_MS)
    assert live.refused(with_epoch(1, a_buy("A-2"))) == "LEASE_LAPSED"
    assert live.refused(with_epoch(1, a_sell("A-3", volume="0.03"))) == "LEASE_LAPSED"
    assert live.order(with_epoch(1, a_sell("A-4", volume="0.02"))).status == "FILLED"


def test_an_order_refused_for_its_lease_may_be_sent_again_after_the_renewal(live: LiveGateway) -> None:
    lease(live, 1)
    live.wait(LEASE_MS)
    assert live.refused(with_epoch(1, a_buy())) == "LEASE_LAPSED"
    lease(live, 1)
    assert live.order(with_epoch(1, a_buy())).status == "FILLED"


def test_a_renewal_delayed_beyond_the_lease_time_is_refused(live: LiveGateway) -> None:
    seen = hello(live).lease_now_ns
    live.wait(LEASE_MS + 1)
    late = lease(live, 1, seen)
    assert (late.status, late.error_code, late.expires_in_ms) == ("ERROR", "LEASE_STALE", 0)
    assert late.error == f"seen_ns is {seen}, expected lease_now_ns of a reply in the last {LEASE_MS} ms"
    assert live.refused(with_epoch(1, a_buy())) == "LEASE_LAPSED"
    assert lease(live, 1, late.lease_now_ns).status == "OK"


def test_an_order_of_a_lower_epoch_is_refused_even_after_a_restart_and_not_stored(live: LiveGateway) -> None:
    lease(live, 2)
    assert live.refused(with_epoch(1, a_buy())) == "STALE_EPOCH"
    assert lease(live, 1).error_code == "STALE_EPOCH"
    live.boot()
    live.wait(1_000)
    assert hello(live).epoch == 2
    assert live.refused(with_epoch(1, a_buy())) == "STALE_EPOCH"
    assert live.status() == "UNKNOWN"


def test_of_two_clients_with_one_epoch_the_first_gets_the_lease(live: LiveGateway) -> None:
    seen = hello(live).lease_now_ns
    for holder, code in (("a", None), ("b", "STALE_EPOCH"), ("a", None)):
        reply = live.ask(Lease(holder=holder, epoch=1, seen_ns=seen))
        assert isinstance(reply, LeaseReply)
        assert reply.error_code == code
    reply = live.ask(Lease(holder="b", epoch=2, seen_ns=seen))
    assert reply.error_code is None


def test_the_holder_of_an_epoch_keeps_it_after_a_restart(live: LiveGateway) -> None:
    lease(live, 1)
    live.boot()
    live.wait(1_000)
    seen = hello(live).lease_now_ns
    assert live.ask(Lease(holder="b", epoch=1, seen_ns=seen)).error_code == "STALE_EPOCH"
    assert lease(live, 1).status == "OK"


@pytest.mark.parametrize(
    ("known", "requested", "refused"),
    [
        (0, 2**40, None),
        (0, 2**40 + 1, "EPOCH_TOO_HIGH"),
        (0, 2**53, "EPOCH_TOO_HIGH"),
        (7, 1_007, None),
        (7, 1_008, "EPOCH_TOO_HIGH"),
        (7, 2**53, "EPOCH_TOO_HIGH"),
    ],
)
def test_an_epoch_is_granted_up_to_a_bound(live: LiveGateway, known: int, requested: int, refused: str | None) -> None:
    if known:
        lease(live, known)
    reply = lease(live, requested)
    assert reply.error_code == refused
    assert hello(live).epoch == (known if refused else requested)
    if refused:
        allowed = 1_007 if known else 2**40
        assert f"the highest leased epoch is {known}, expected at most {allowed}" in str(reply.error)


def test_other_clients_cannot_use_up_the_epochs(live: LiveGateway) -> None:
    """Each client takes the highest epoch that is allowed; the next client still gets a higher one."""
    lease(live, 2**40)
    for _ in range(50):
        assert lease(live, highest_next_epoch(hello(live).epoch)).status == "OK"
    assert hello(live).epoch == 2**40 + 50 * 1_000
    assert lease(live, hello(live).epoch + 1).status == "OK"


def test_an_epoch_above_the_bound_in_an_older_journal_counts_as_0(live: LiveGateway) -> None:
    live.journal.set_lease(LeaseRecord(epoch=2**53, holder="other"))
    live.boot()
    live.wait(1_000)
    assert hello(live).epoch == 0
    assert lease(live, next_epoch(2**53 + 1, 0)).status == "OK"
    assert live.order(with_epoch(hello(live).epoch, a_buy())).status == "FILLED"


def test_an_order_without_an_epoch_is_executed_without_a_lease(live: LiveGateway) -> None:
    lease(live, 7)
    assert live.order(a_buy()).status == "FILLED"


def test_a_halt_rejects_opening_orders_finally_and_survives_a_restart(live: LiveGateway) -> None:
    live.order(a_buy("A-1"))
    assert by_hand(live, Halt(reason="news")).is_halted
    live.boot()
    live.wait(1_000)
    assert hello(live).is_halted
    rejected = live.order(a_buy("A-2"))
    assert (rejected.status, rejected.error_code) == ("REJECTED", "HALTED")
    assert live.order(a_sell("A-3")).status == "FILLED"
    assert not by_hand(live, Resume(reason="over")).is_halted
    assert live.order(a_buy("A-2")).error_code == "HALTED"
    assert live.order(a_buy("A-4")).status == "FILLED"


def test_flatten_halts_the_gateway_and_closes_all_positions(live: LiveGateway) -> None:
    live.order(a_buy("A-1", volume="0.03"))
    reply = by_hand(live, Flatten(reason="portfolio is gone"))
    assert reply.is_halted
    assert len(reply.closed) == 1
    assert live.gateway.venue.positions() == []
    assert by_hand(live, Flatten(reason="again")).closed == []


@pytest.mark.parametrize(
    "request_",
    [Halt(reason="x"), Flatten(reason="x"), Lease(holder="p", epoch=1, seen_ns=0)],
    ids=lambda r: type(r).__name__,
)
def test_a_lock_step_stream_supports_neither_lease_nor_halt(request_: Halt | Flatten | Lease) -> None:
    """A command at an arbitrary time would make a replay irreproducible."""
    [reply] = a_gateway().handle(request_, AT_REST)
    assert reply.error_code == "NOT_AVAILABLE"


@pytest.mark.parametrize("has_restarted", [False, True])
def test_the_lease_time_restarts_at_the_first_restart_and_the_lease_lapses_at_the_second(has_restarted: bool) -> None:
    """Otherwise a gateway whose runs are all shorter than the lease time would never cancel the resting orders."""
    journal = MemoryJournal("journal-1")
    journal.set_lease(LeaseRecord(1, "portfolio", has_restarted))
    started = AccountLease(journal, ttl_ms=LEASE_MS)
    start, almost, after = (Now(0, (1_000 + ms) * 1_000_000) for ms in (0, LEASE_MS - 1, LEASE_MS))
    assert [started.has_lapsed(now) for now in (start, almost, after)] == [has_restarted, has_restarted, True]
    started.record_restart()
    assert journal.lease.has_restarted
