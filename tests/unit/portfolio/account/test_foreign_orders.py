"""Foreign orders and positions on a live desk, under each of the policies halt, adopt and ignore."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from proto.control import CloseCommand, DeskState, FlattenCommand, ResumeCommand, RiskQuery, TradingState
from proto.control.views import RiskReply
from proto.gateway import Buy, DealReason, Fault, Hello, OrderReply, Simulate, VenueDeal
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.account.book import Book, closed_lots
from services.portfolio.core.account.events import DealBooked, Event, ForeignOrdersFound, OrderCreated
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.account.foreign_orders import describe_foreign_orders, own_position
from services.portfolio.core.account.position import Leg
from services.portfolio.core.gateway_client.live_reconciliation import RECHECK_DELAY_NS
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.queries.explain import explain, find_subject
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.queries.views import view_reply
from services.portfolio.core.risk.exposure import projected_legs, projected_net_volumes
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.support.accounts import is_same_account
from tests.support.builders import (
    ONE_LOT,
    a_deal,
    a_gateway,
    a_signal,
    a_stream,
    an_instrument_learned,
    an_opened_stream,
    an_order,
    some_rules,
)
from tests.support.desk_harness import DeskHarness

D = Decimal
QUOTES = [(1.1 + n / 1_000, 1.1001 + n / 1_000) for n in range(400)]
NETTING, HEDGING = AccountMode.NETTING, AccountMode.HEDGING
HALT, ADOPT, IGNORE = ForeignOrderPolicy.HALT, ForeignOrderPolicy.ADOPT, ForeignOrderPolicy.IGNORE


def rules_of(policy: ForeignOrderPolicy, on_opposite: OnOpposite = OnOpposite.CLOSE) -> DeskConfig:
    """Return a configuration with this policy, for a desk that reconciles every second."""
    limits = structs.replace(ONE_LOT, foreign_orders=policy)
    return structs.replace(some_rules(limits=limits, on_opposite=on_opposite), reconcile_every_ns=1_000_000_000)


class TradedByHand:
    """A live desk and its gateway in one process, with another client that trades on the same account."""

    def __init__(
        self, policy: ForeignOrderPolicy, mode: AccountMode = NETTING, on_opposite: OnOpposite = OnOpposite.CLOSE
    ) -> None:
        gateway = a_gateway(a_stream(*QUOTES), pace=Pace(0, 1.0), faults=True, mode=mode)
        self.driven = DeskHarness(gateway, rules=rules_of(policy, on_opposite))
        self.events: list[Event] = []
        self.driven.answer_all(self.driven.start())
        self.pass_time()

    @property
    def book(self) -> Book:
        return self.driven.state.account.book

    @property
    def state(self) -> TradingState:
        return self.book.trading_state

    @property
    def own_volume(self) -> Decimal:
        """Net lots of the desk's own position."""
        return own_position(self.book, "EURUSD", self.driven.state.config.limits.foreign_orders).net_volume

    @property
    def legs(self) -> tuple[Leg, ...]:
        return self.book.position("EURUSD").legs

    def pass_time(self) -> None:
        """Advance the time by two reconciliations and their effects."""
        for _ in range(4):
            self.driven.answer_all(self.driven.wait(RECHECK_DELAY_NS // 1_000_000))
            while self.driven.gateway.on_timer(self.driven.now):
                pass
        self.events += self.driven.state.account.take_events()

    def trade_by_hand(self) -> int:
        """Buy 0.01 lots as another client; return the ticket."""
        self.driven.gateway.handle(Simulate(fault=Fault.FOREIGN_ORDER, seed=1), self.driven.now)
        ticket = self.venue.orders_after(0, 1_000)[-1].order.ticket
        self.pass_time()
        return ticket

    @property
    def venue(self) -> SimulatedVenue:
        venue = self.driven.gateway.venue
        assert isinstance(venue, SimulatedVenue)
        return venue

    def signal(self, direction: int) -> None:
        """Deliver a signal on the current tick, and process all its effects."""
        ordinal = self.driven.mono_ns // 1_000_000_000
        bid, ask = QUOTES[ordinal - 1]
        self.driven.answer_all(self.driven.deliver(a_signal(ordinal, direction, bid=bid, ask=ask)))
        self.pass_time()

    def found(self) -> list[ForeignOrdersFound]:
        """The `ForeignOrdersFound` events."""
        return [event for event in self.events if isinstance(event, ForeignOrdersFound)]

    def warnings(self) -> str:
        return status_of(self.driven.state).warning


def a_close(key: str, ticket: int = 0) -> CloseCommand:
    """Return a person's command to close the desk's position in EURUSD, or one ticket."""
    return CloseCommand(key=key, symbol="EURUSD", position=ticket, volume=None, reason="by hand")


def test_by_default_a_foreign_order_halts_the_desk_until_a_person_resumes_it() -> None:
    desk = TradedByHand(HALT)
    ticket = desk.trade_by_hand()
    assert desk.state is TradingState.HALTED
    assert desk.book.trading is not None
    assert f"unknown_order ticket {ticket} (not placed here)" in desk.book.trading.reason
    desk.driven.command(ResumeCommand(reason="that was me"))
    desk.pass_time()
    assert (desk.state, desk.book.acknowledged, desk.found()) == (TradingState.ACTIVE, {ticket}, [])


@pytest.mark.parametrize("mode", [NETTING, HEDGING])
def test_an_adopted_position_causes_one_warning_and_is_closed_by_a_signal(mode: AccountMode) -> None:
    desk = TradedByHand(ADOPT, mode)
    ticket = desk.trade_by_hand()
    assert (desk.state, desk.own_volume) == (TradingState.ACTIVE, D("0.01"))
    assert [(found.tickets, found.policy) for found in desk.found()] == [([ticket], ADOPT)]
    assert desk.warnings() == describe_foreign_orders([ticket], ADOPT)
    desk.driven.command(ResumeCommand(reason="seen"))
    desk.pass_time()
    assert (desk.warnings(), len(desk.found())) == ("", 1)
    desk.signal(1)
    assert desk.own_volume == D("0.01"), "the adopted position blocks the buy signal"
    desk.signal(-1)
    assert desk.book.position("EURUSD").is_flat
    assert desk.state is TradingState.ACTIVE


@pytest.mark.parametrize(("policy", "own"), [(ADOPT, "0.01"), (IGNORE, "0")])
def test_foreign_positions_from_before_the_desk_are_found_at_its_start(policy: ForeignOrderPolicy, own: str) -> None:
    first = TradedByHand(policy, HEDGING)
    ticket = first.trade_by_hand()
    new = DeskHarness(first.driven.gateway, rules=rules_of(policy))
    new.mono_ns = first.driven.mono_ns
    new.answer_all(new.start())
    assert (new.state.stream.desk_state, new.state.account.book.acknowledged) == (DeskState.RUNNING, {ticket})
    assert own_position(new.state.account.book, "EURUSD", new.state.config.limits.foreign_orders).net_volume == D(own)
    assert new.state.account.book.trading_state is TradingState.ACTIVE


def test_a_resting_foreign_order_is_acknowledged_and_is_a_position_after_its_fill() -> None:
    desk = TradedByHand(ADOPT)
    ordinal = desk.driven.mono_ns // 1_000_000_000
    stop = D(str(round(QUOTES[ordinal + 5][1], 5)))
    rests = desk.venue.place(
        VenueOrderRequest(
            magic=0,
            comment="by hand",
            symbol="EURUSD",
            side=Side.BUY,
            volume=D("0.02"),
            type=OrderType.STOP,
            time_in_force=TimeInForce.GTC,
            price=stop,
        )
    )
    desk.pass_time()
    assert (desk.book.acknowledged, desk.own_volume) == ({rests.order.ticket}, D(0))
    desk.pass_time()
    desk.pass_time()
    assert (desk.own_volume, desk.state, len(desk.found())) == (D("0.02"), TradingState.ACTIVE, 1)


@pytest.mark.parametrize(("policy", "mode"), [(ADOPT, NETTING), (IGNORE, HEDGING)])
def test_an_order_of_the_desk_missing_in_the_ledger_halts_the_desk_under_any_policy(
    policy: ForeignOrderPolicy, mode: AccountMode
) -> None:
    """A restored ledger lacks its last orders. An order of the desk itself must not be treated as a foreign order."""
    desk = TradedByHand(policy, mode)
    desk.trade_by_hand()
    lost = Buy(order_id="01234567-000009", symbol="EURUSD", volume=D("0.01"), epoch=desk.driven.state.lease.epoch)
    [reply] = desk.driven.gateway.handle(lost, desk.driven.now)
    assert isinstance(reply, OrderReply), reply
    assert reply.ticket is not None
    desk.pass_time()
    assert desk.state is TradingState.HALTED
    assert desk.book.trading is not None
    assert f"1 differences from the venue, the first: unknown_order ticket {reply.ticket}" in desk.book.trading.reason
    assert desk.driven.state.account.foreign_tickets == [reply.ticket]
    desk.driven.command(ResumeCommand(reason="it is ours"))
    desk.pass_time()
    assert (desk.state, len(desk.found())) == (TradingState.ACTIVE, 1)
    assert reply.ticket not in desk.book.foreign_positions


def test_foreign_orders_cannot_be_ignored_on_a_netting_account() -> None:
    desk = TradedByHand(IGNORE)
    assert desk.driven.state.stream.desk_state is DeskState.FAILED
    assert desk.driven.state.stream.waiting_for.startswith(
        "foreign_orders is ignore, which needs a HEDGING account, but the account is NETTING"
    )
    assert [type(request) for request in desk.driven.requests] == [Hello]


def test_an_ignored_ticket_is_not_closed_by_a_signal_and_does_not_block_signals() -> None:
    desk = TradedByHand(IGNORE, HEDGING)
    ticket = desk.trade_by_hand()
    assert (desk.state, desk.own_volume) == (TradingState.ACTIVE, D(0))
    assert desk.warnings() == describe_foreign_orders([ticket], IGNORE)
    desk.signal(1)
    assert desk.own_volume == D("0.01"), "the foreign position does not block the signal"
    desk.signal(-1)
    assert [(leg.ticket, leg.volume * leg.direction) for leg in desk.legs] == [(ticket, D("0.01"))]
    desk.signal(-1)
    assert desk.own_volume == D("-0.01"), "the sell opens a position and closes no foreign ticket"
    assert [order.decision.position_before for order in desk.book.orders.values()] == [0, D("0.01"), 0]
    assert desk.state is TradingState.ACTIVE


def test_a_reversal_changes_only_the_desks_own_position() -> None:
    desk = TradedByHand(IGNORE, HEDGING, OnOpposite.REVERSE)
    ticket = desk.trade_by_hand()
    desk.signal(1)
    desk.signal(-1)
    assert [leg.ticket == ticket for leg in desk.legs] == [True]
    desk.signal(-1)
    assert [(leg.ticket == ticket, leg.volume * leg.direction) for leg in desk.legs] == [
        (True, D("0.01")),
        (False, D("-0.01")),
    ]


def test_flatten_and_close_keep_an_ignored_ticket_which_a_person_can_close_by_its_number() -> None:
    desk = TradedByHand(IGNORE, HEDGING)
    ticket = desk.trade_by_hand()
    refused = desk.driven.command(a_close("a"))
    assert "there is no position in EURUSD to close" in str(refused)
    desk.signal(-1)
    reply = desk.driven.command(FlattenCommand(reason="enough"))
    assert getattr(reply, "closing", None) == ["EURUSD"]
    desk.pass_time()
    assert [leg.ticket for leg in desk.legs] == [ticket]
    desk.pass_time()
    assert len(desk.book.orders) == 2, "no further order is made"
    desk.driven.command(ResumeCommand(reason="go on"))
    desk.driven.command(a_close("b", ticket))
    desk.pass_time()
    assert desk.legs == ()


def test_an_ignored_position_counts_as_exposure_of_the_account() -> None:
    desk = TradedByHand(IGNORE, HEDGING)
    desk.trade_by_hand()
    account = RiskContext(
        desk.book,
        desk.driven.state.stream.cursor,
        desk.driven.state.config.limits,
        desk.driven.state.stream.risk,
    )
    assert projected_net_volumes(None, account) == {"EURUSD": D("0.01")}
    assert projected_legs(None, account) == [("EURUSD", D("0.01"))]


def test_status_and_risk_view_show_the_policy_and_the_foreign_positions() -> None:
    desk = TradedByHand(IGNORE, HEDGING)
    ticket = desk.trade_by_hand()
    page = view_reply(desk.driven.state, RiskQuery(after=0, limit=100), desk.driven.mono_ns)
    assert isinstance(page, RiskReply)
    assert [(row.limit, row.now) for row in page.rows if row.code == "FOREIGN_ORDERS"] == [
        ("ignore", f"1 orders accepted; LONG 0.01 EURUSD, ticket {ticket}")
    ]
    kept = desk.driven.state.stream.persisted
    reply = explain(find_subject(f"ticket {ticket}", desk.book, kept.cursor), desk.events, desk.book, kept)
    assert reply.steps[0].facts["order"].startswith(f"{ticket}, foreign")


@pytest.mark.parametrize("policy", [ADOPT, IGNORE])
def test_an_acknowledged_foreign_order_is_known_after_a_restart(policy: ForeignOrderPolicy, tmp_path: Path) -> None:
    """A desk that is started on the ledger finds no new foreign order, and its own position is unchanged."""
    desk = TradedByHand(policy, HEDGING)
    desk.trade_by_hand()
    desk.signal(1)
    ledger = Ledger(tmp_path / LEDGER_FILE_NAME)
    ledger.commit(desk.events, desk.book, desk.driven.state.stream.persisted)
    ledger.close()
    assert verify_ledger(tmp_path / LEDGER_FILE_NAME) == []
    book, kept = read_ledger(tmp_path / LEDGER_FILE_NAME)
    assert is_same_account(book, desk.book)
    again = DeskHarness(desk.driven.gateway, rules=rules_of(policy), book=book, persisted=kept)
    again.mono_ns = desk.driven.mono_ns
    again.answer_all(again.start())
    assert again.state.account.book.trading_state is TradingState.ACTIVE
    assert not [event for event in again.state.account.take_events() if isinstance(event, ForeignOrdersFound)]
    assert (
        own_position(book, "EURUSD", again.state.config.limits.foreign_orders).net_volume
        == desk.own_volume
        == D("0.01")
    )


@pytest.mark.parametrize(
    ("deal", "is_foreign"),
    [
        (a_deal(1, position=7), True),
        (a_deal(1, position=7, reason=DealReason.STOP_LOSS), False),
        (a_deal(1, position=7, order_id="of a lost part of the ledger"), False),
        (a_deal(1, position=7, order_id=an_order(1).order_id), False),
    ],
)
def test_a_ticket_is_foreign_only_if_another_client_opened_it(deal: VenueDeal, is_foreign: bool) -> None:
    book = Book()
    for event in (an_opened_stream(account_mode=HEDGING), an_instrument_learned(), OrderCreated(order=an_order(1))):
        book.apply(event)
    order_id = deal.order_id if deal.order_id in book.orders else ""
    book.apply(DealBooked(deal=deal, order_id=order_id, closings=closed_lots(book, deal)))
    assert book.foreign_positions == ({7} if is_foreign else set())


def test_on_a_netting_account_no_ticket_is_foreign() -> None:
    desk = TradedByHand(ADOPT)
    desk.trade_by_hand()
    assert desk.book.foreign_positions == set()


def test_many_foreign_orders_are_described_in_one_line() -> None:
    text = describe_foreign_orders(range(1, 15), ADOPT)
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4 more; foreign_orders = adopt" in text


def test_without_foreign_orders_there_is_no_event_of_foreign_orders() -> None:
    desk = TradedByHand(ADOPT)
    desk.signal(1)
    desk.signal(-1)
    assert desk.found() == []
