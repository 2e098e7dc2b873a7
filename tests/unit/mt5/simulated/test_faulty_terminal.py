"""The gateway with a faulty terminal: each order has its effect at most once, and replies report only real effects."""

from __future__ import annotations

import pytest
from msgspec import structs

from proto.gateway import DealKind, Fault, GetDeals, GetPositions, Ping, PingReply, Simulate
from tests.unit.mt5.builders import a_buy, a_gateway, a_sell
from tests.unit.mt5.live import SETTLING_MS, LiveGateway, seconds


@pytest.fixture
def live() -> LiveGateway:
    return LiveGateway()


def settle(live: LiveGateway, order_id: str = "A-1") -> str:
    """The order's status after the settling time and five queries a second apart."""
    live.wait(SETTLING_MS + 1_000)
    statuses = [live.status(order_id)]
    for _ in range(4):
        live.wait(1_000)
        statuses.append(live.status(order_id))
    return statuses[-1]


def test_an_executed_order_without_an_answer_is_found_under_its_magic(live: LiveGateway) -> None:
    live.play(Fault.NO_REPLY)
    assert live.order(a_buy()).status == "FILLED"
    assert live.order(a_buy()).status == "FILLED"
    assert live.executed == 1


@pytest.mark.parametrize("fault", [Fault.NONE_RESULT, Fault.IPC_ERROR])
def test_an_order_without_effect_is_sent_again_if_the_history_is_complete(live: LiveGateway, fault: Fault) -> None:
    live.play(fault)
    assert live.order(a_buy()).status == "IN_DOUBT"
    assert live.executed == 0
    assert live.order(a_buy()).status == "FILLED"
    assert live.executed == 1


def test_an_order_without_effect_can_be_fenced(live: LiveGateway) -> None:
    live.play(Fault.NONE_RESULT)
    live.order(a_buy())
    assert live.fence() == "EXPIRED"
    assert live.order(a_buy()).error_code == "FENCED"
    assert live.executed == 0


def test_an_order_reported_as_executed_without_a_trace_is_presumed_expired_and_never_sent_again(
    live: LiveGateway,
) -> None:
    live.play(Fault.NOT_EXECUTED)
    assert live.order(a_buy()).status == "IN_DOUBT"
    assert live.order(a_buy()).status == "IN_DOUBT"
    assert live.fence() == "IN_DOUBT"
    live.wait(SETTLING_MS - 1_000)
    assert live.status() == "IN_DOUBT"
    assert settle(live) == "PRESUMED_EXPIRED"
    assert live.order(a_buy()).status == "PRESUMED_EXPIRED"
    assert live.executed == 0


def test_an_order_reported_as_executed_without_a_trace_stays_in_doubt_after_a_restart(live: LiveGateway) -> None:
    live.play(Fault.NOT_EXECUTED)
    live.order(a_buy())
    live.boot()
    assert live.order(a_buy()).status == "IN_DOUBT"
    assert settle(live) == "PRESUMED_EXPIRED"


def test_searches_without_a_pause_count_as_one(live: LiveGateway) -> None:
    live.play(Fault.NOT_EXECUTED)
    live.order(a_buy())
    live.wait(SETTLING_MS + 1_000)
    assert {live.status() for _ in range(20)} == {"IN_DOUBT"}


@pytest.mark.parametrize("fault", [Fault.DEAL_LATER, Fault.HISTORY_LATE])
def test_a_late_deal_is_reported_when_it_appears(live: LiveGateway, fault: Fault) -> None:
    live.play(fault, delay_ms=30_000)
    assert live.order(a_buy()).status == "IN_DOUBT"
    assert live.executed == 1
    assert live.deals() == []
    assert live.order(a_buy()).status == "IN_DOUBT"
    live.wait(31_000)
    assert live.order(a_buy()).status == "FILLED"
    assert [deal.order_id for deal in live.deals()] == ["A-1"]
    assert live.executed == 1


def test_an_order_presumed_expired_that_appears_later_is_filled(live: LiveGateway) -> None:
    """The broker shows the order later than the settling time allows."""
    live.play(Fault.HISTORY_LATE, delay_ms=60_000)
    live.order(a_buy())
    live.play(Fault.HISTORY_INCOMPLETE, duration_ms=200_000)
    assert settle(live) == "PRESUMED_EXPIRED"
    live.wait(200_000)
    assert live.status() == "FILLED"
    assert live.executed == 1


def test_a_deal_that_appears_late_does_not_hide_a_newer_deal(live: LiveGateway) -> None:
    live.play(Fault.HISTORY_LATE, delay_ms=10_000)
    live.order(a_buy("A-1"))
    assert live.order(a_sell("A-2")).status == "FILLED"
    assert [deal.order_id for deal in live.deals()] == ["A-2"]
    live.wait(11_000)
    assert [deal.order_id for deal in live.deals()] == ["A-1", "A-2"]


def test_an_order_filled_later_is_accepted_first(live: LiveGateway) -> None:
    live.play(Fault.FILL_LATER, delay_ms=3_000)
    assert live.order(a_buy()).status == "ACCEPTED"
    assert live.executed == 0
    live.wait(3_000)
    reply = live.order(a_buy())
    assert (reply.status, reply.deal, reply.ticket) == ("FILLED", 2, 1)
    assert [order.status for order in live.orders()] == ["FILLED"]


def test_an_accepted_order_is_filled_after_a_restart(live: LiveGateway) -> None:
    live.play(Fault.FILL_LATER, delay_ms=60_000)
    live.order(a_buy())
    live.boot()
    live.wait(1_000)
    assert live.status() == "FILLED"
    assert live.executed == 1


@pytest.mark.parametrize("fault", [Fault.COMMENT_TRUNCATED, Fault.COMMENT_REWRITTEN])
@pytest.mark.parametrize("order_id", ["X1-by-a-script", "0a1b2c3d-000007"])
def test_an_order_with_a_changed_comment_is_identified_by_its_magic(
    live: LiveGateway, fault: Fault, order_id: str
) -> None:
    live.play(fault)
    live.order(a_buy(order_id))
    assert live.store.load().orders[0].order.order_id != order_id
    assert [order.order_id for order in live.orders()] == [order_id]
    assert [deal.order_id for deal in live.deals()] == [order_id]


def test_the_gateway_answers_other_requests_during_a_blocking_call(live: LiveGateway) -> None:
    live.play(Fault.BLOCKING_CALL, duration_ms=4_000)
    assert live.order(a_buy()).status == "CALL_IN_PROGRESS"
    assert isinstance(live.ask(Ping()), PingReply)
    assert live.status() == live.fence() == live.order(a_buy()).status == "CALL_IN_PROGRESS"
    assert live.refused(a_sell("A-2")) == "VENUE_BUSY"
    assert live.deals() == []
    live.wait(4_000)
    assert live.status() == "FILLED"
    assert live.order(a_sell("A-2")).status == "FILLED"


def test_a_terminal_polled_on_a_timer_answers_a_second_later(live: LiveGateway) -> None:
    live.play(Fault.POLL_DELAY)
    assert live.order(a_buy()).status == "CALL_IN_PROGRESS"
    live.wait(1_000)
    assert live.order(a_buy()).status == "FILLED"
    assert live.executed == 1


def test_an_order_interrupted_by_a_crash_is_sent_again_only_without_a_trace(live: LiveGateway) -> None:
    live.play(Fault.BLOCKING_CALL, duration_ms=4_000)
    live.order(a_buy("A-1"))
    live.boot()
    live.wait(1_000)
    assert live.order(a_buy("A-1")).status == "FILLED"
    live.play(Fault.POLL_DELAY)
    live.order(a_sell("A-2"))
    live.boot()
    assert live.order(a_sell("A-2")).status == "FILLED"
    assert live.executed == 2


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.DISCONNECTED, "VENUE_DISCONNECTED"), (Fault.WRONG_LOGIN, "WRONG_ACCOUNT")]
)
def test_requests_are_refused_while_the_terminal_is_unavailable(live: LiveGateway, fault: Fault, code: str) -> None:
    live.play(fault, duration_ms=2_000)
    assert live.refused(a_buy()) == live.refused(GetDeals()) == live.refused(GetPositions()) == code
    assert live.status() == "UNKNOWN"
    live.wait(2_000)
    assert live.order(a_buy()).status == "FILLED"


def test_searches_while_the_terminal_is_unavailable_do_not_count(live: LiveGateway) -> None:
    live.play(Fault.NOT_EXECUTED)
    live.order(a_buy())
    live.play(Fault.DISCONNECTED, duration_ms=SETTLING_MS + 60_000)
    assert settle(live) == "IN_DOUBT"


def test_a_foreign_trade_and_a_deposit_have_no_order_id(live: LiveGateway) -> None:
    live.play(Fault.FOREIGN_ORDER)
    live.play(Fault.BALANCE_DEAL)
    trade, deposit = live.deals()
    assert (trade.order_id, deposit.order_id) == ("", "")
    assert deposit.kind is DealKind.BALANCE
    assert [order.order_id for order in live.orders()] == [""]


def test_a_fault_with_a_rate_affects_the_same_calls_for_the_same_seed(live: LiveGateway) -> None:
    def doubtful() -> list[int]:
        one = LiveGateway()
        one.play(Fault.NONE_RESULT, rate=0.3)
        return [n for n in range(40) if one.order(a_buy(f"A-{n}")).status == "IN_DOUBT"]

    first = doubtful()
    assert 3 < len(first) < 25
    assert doubtful() == first


def test_all_off_ends_all_faults(live: LiveGateway) -> None:
    live.play(Fault.NO_REPLY, count=5)
    live.play(Fault.DISCONNECTED, duration_ms=60_000)
    live.play(Fault.ALL_OFF)
    assert live.order(a_buy()).status == "FILLED"


def test_an_order_repeated_after_its_journal_was_lost_has_no_second_effect(live: LiveGateway) -> None:
    """The book has the order's magic, so that the repeat gets the same reply."""
    first = live.order(a_buy("0a1b2c3d-000001"))
    live.journal.__init__("journal-2")  # type: ignore[misc]
    live.boot()
    again = live.order(a_buy("0a1b2c3d-000001"))
    assert structs.replace(again, boot_id=first.boot_id) == first
    assert live.executed == 1


def test_simulate_is_refused_without_the_setting_and_in_lock_step() -> None:
    assert LiveGateway(faults=False).refused(Simulate(fault=Fault.NO_REPLY, count=1)) == "NOT_AVAILABLE"
    stepped = a_gateway()
    [reply] = stepped.handle(Simulate(fault=Fault.NO_REPLY, count=1), LiveGateway().now)
    assert reply.error_code == "NOT_AVAILABLE"


def test_an_order_past_its_deadline_expires_without_a_call(live: LiveGateway) -> None:
    late = structs.replace(a_buy(), valid_until_ns=live.time_ns - seconds(1))
    assert live.order(late).status == "EXPIRED"
    assert live.executed == 0
