"""Explanations of positions that the venue closed: the stop, its origin and the opening order, read from a ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from proto.control.views import WhyReply
from proto.gateway import DealEntry, DealReason, VenueDeal
from proto.trading.enums import AccountMode, Side
from services.portfolio.core.account.book import Book, closed_lots
from services.portfolio.core.account.events import DealBooked, Event, OrderCreated, ProtectionAnswered, ProtectionSet
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.queries.explain import explain, find_subject
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger import event_search
from services.portfolio.ledger.event_search import events_about
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.support.builders import START_NS, a_deal, a_deposit, an_instrument_learned, an_opened_stream, an_order

D = Decimal
TICKET = 77


class Desk:
    """An account whose orders are filled at once at 1.10010; `why` explains a deal from its ledger."""

    def __init__(self, folder: Path, mode: AccountMode) -> None:
        self.path = folder / LEDGER_FILE_NAME
        self.book = Book()
        self.events: list[Event] = []
        self.revision = 0
        self.ticket = TICKET if mode is AccountMode.HEDGING else 0
        self.record(an_opened_stream(account_mode=mode), an_instrument_learned())
        self.record(DealBooked(deal=a_deposit(), order_id="", closings=[]))

    def record(self, *events: Event) -> None:
        for event in events:
            self.book.apply(event)
            self.events.append(event)

    def order(self, side: Side = Side.BUY, *, ticket: int = TICKET, **terms: object) -> Order:
        """Create an order of 0.02 lots for a signal and book its fill with this ticket."""
        order = an_order(len(self.book.orders) + 1, side, "0.02", **terms)
        order = structs.replace(
            order,
            decision=structs.replace(order.decision, publisher="signal-7", confidence=0.625, sizing="fixed: 0.02"),
        )
        self.record(OrderCreated(order=order))
        self.deal(side, "1.1001", order_id=order.order_id, position=ticket)
        return order

    def deal(self, side: Side, price: str, lots: str = "0.02", **changed: object) -> VenueDeal:
        deal = a_deal(self.book.deal_cursor + 1, side, lots, price, **{"position": TICKET, **changed})
        closings = closed_lots(self.book, deal)
        self.record(DealBooked(deal=deal, order_id=deal.order_id, closings=closings))
        return deal

    def close(self, reason: DealReason, price: str, side: Side = Side.SELL) -> VenueDeal:
        """Book a deal of the venue that closes the position for this reason."""
        return self.deal(side, price, entry=DealEntry.OUT, reason=reason)

    def set_stops(
        self, why: str, *, stop_loss: str | None = None, take_profit: str | None = None, key: str = ""
    ) -> None:
        """Record new stops of the desk under the next revision."""
        self.revision += 1
        held = self.book.protections[f"EURUSD#{self.ticket}" if self.ticket else "EURUSD"]
        requested = structs.replace(
            held,
            stop_loss=None if stop_loss is None else D(stop_loss),
            take_profit=None if take_profit is None else D(take_profit),
            revision=self.revision,
        )
        self.record(
            ProtectionSet(
                protection=requested, why=why, ordinal=40 + self.revision, time_ns=START_NS + 50 + self.revision,
                bid=D("1.1012"), ask=D("1.1013"), key=key,
            )
        )  # fmt: skip

    def answer(self, error: str = "", stop_loss: str | None = None) -> None:
        """Record the venue's answer to the latest revision."""
        self.record(
            ProtectionAnswered(
                key=f"EURUSD#{self.ticket}" if self.ticket else "EURUSD", revision=self.revision,
                stop_loss=None if stop_loss is None else D(stop_loss), take_profit=None,
                retcode=10016 if error else 10009, error=error, time_ns=START_NS + 60 + self.revision,
            )
        )  # fmt: skip

    def why(self, deal: VenueDeal) -> WhyReply:
        ledger = Ledger(self.path)
        ledger.commit(self.events, self.book, PersistedState())
        ledger.close()
        subject = find_subject(f"deal {deal.deal}", self.book, TickCursor())
        return explain(subject, events_about(self.path, subject), self.book, PersistedState())


@pytest.fixture(params=AccountMode)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    return Desk(tmp_path, request.param)


def facts(reply: WhyReply, step: str) -> dict[str, str]:
    return next(found.facts for found in reply.steps if found.name == step)


def test_the_stop_of_an_order_is_explained_from_the_signal_to_the_deal(desk: Desk) -> None:
    order = desk.order(stop_loss=D("1.09"), take_profit=D("1.12"))
    reply = desk.why(desk.close(DealReason.STOP_LOSS, "1.08997"))
    assert [step.name for step in reply.steps] == [
        "tick", "signal", "decision", "order", "gateway", "stop", "deals", "position",
    ]  # fmt: skip
    assert facts(reply, "stop") == {
        "reason": "STOP_LOSS",
        "price": "1.09000",
        "set by": f"order {order.order_id}, from its deal 2 on",
        "slippage": "3 points",
    }
    assert facts(reply, "signal")["publisher"] == "signal-7"
    assert facts(reply, "order")["order"] == order.order_id
    assert facts(reply, "deals")["position opened by"] == f"order {order.order_id} (deal 2)"
    assert facts(reply, "position")["before"] == "LONG 0.02 lots"
    deals = next(step for step in reply.steps if step.name == "deals")
    assert deals.lines[1].words == "closes 0.02 of deal 2 at 1.10010"
    assert f"its stop at 1.09000 was set by order {order.order_id}" in reply.summary
    assert "signal-7 signaled BUY with confidence 0.625" in reply.summary


def test_the_order_that_set_a_stop_has_one_line_for_its_creation(desk: Desk) -> None:
    desk.order(stop_loss=D("1.09"))
    order = next(s for s in desk.why(desk.close(DealReason.STOP_LOSS, "1.09")).steps if s.name == "order")
    assert [line.words for line in order.lines] == ["created, its volume reserved: PENDING"]


def test_a_take_profit_is_explained_by_the_order_although_the_stop_loss_has_trailed(desk: Desk) -> None:
    order = desk.order(stop_loss=D("1.09"), take_profit=D("1.12"))
    for stop_loss in ("1.1", "1.101"):
        desk.set_stops("the stop follows the market", stop_loss=stop_loss, take_profit="1.12")
        desk.answer(stop_loss=stop_loss)
    stop = facts(desk.why(desk.close(DealReason.TAKE_PROFIT, "1.12004")), "stop")
    assert (stop["price"], stop["slippage"]) == ("1.12000", "-4 points")
    assert stop["set by"] == f"order {order.order_id}, from its deal 2 on"


def test_a_trailed_stop_is_explained_with_its_quote_revision_and_answer(desk: Desk) -> None:
    desk.order(stop_loss=D("1.09"))
    for stop_loss in ("1.1", "1.101"):
        desk.set_stops("the stop follows the market", stop_loss=stop_loss)
        desk.answer(stop_loss=stop_loss)
    reply = desk.why(desk.close(DealReason.STOP_LOSS, "1.101"))
    assert facts(reply, "stop") == {
        "reason": "STOP_LOSS", "price": "1.10100", "set by": "the stop follows the market", "ordinal": "42",
        "revision": "2", "bid": "1.10120", "ask": "1.10130",
        "answer": "accepted, retcode 10009", "slippage": "0 points",
    }  # fmt: skip
    stop = next(step for step in reply.steps if step.name == "stop")
    assert [line.words for line in stop.lines] == [
        "set, revision 1: stop loss 1.10000, because the stop follows the market",
        "revision 1 accepted, retcode 10009",
        "set, revision 2: stop loss 1.10100, because the stop follows the market",
        "revision 2 accepted, retcode 10009",
    ]


def test_a_stop_set_by_a_person_is_explained_with_the_command(desk: Desk) -> None:
    desk.order()
    desk.order(stop_loss=D("1.08"))
    desk.set_stops("[MANUAL] news", stop_loss="1.095", key="mine-4")
    desk.answer(stop_loss="1.095")
    stop = facts(desk.why(desk.close(DealReason.STOP_LOSS, "1.095")), "stop")
    assert (stop["set by"], stop["command"], stop["price"]) == ("[MANUAL] news", "mine-4", "1.09500")


def test_a_stop_refused_by_the_venue_is_not_the_executed_stop(desk: Desk) -> None:
    order = desk.order(stop_loss=D("1.09"))
    desk.set_stops("the stop follows the market", stop_loss="1.1")
    desk.answer("INVALID_STOPS too near", stop_loss="1.09")
    reply = desk.why(desk.close(DealReason.STOP_LOSS, "1.09"))
    assert facts(reply, "stop")["set by"] == f"order {order.order_id}, from its deal 2 on"
    stop = next(step for step in reply.steps if step.name == "stop")
    assert stop.lines[-1].words == "revision 1 refused: INVALID_STOPS too near; the venue has stop loss 1.09000"


def test_after_a_refused_stop_an_addition_without_stops_keeps_the_accepted_stop(tmp_path: Path) -> None:
    desk = Desk(tmp_path, AccountMode.NETTING)
    order = desk.order(stop_loss=D("1.09"))
    desk.set_stops("the stop follows the market", stop_loss="1.1")
    desk.answer("INVALID_STOPS too near", stop_loss="1.09")
    desk.order()
    reply = desk.why(desk.deal(Side.SELL, "1.09", "0.04", entry=DealEntry.OUT, reason=DealReason.STOP_LOSS))
    assert facts(reply, "stop")["set by"] == f"order {order.order_id}, from its deal 2 on"
    assert facts(reply, "stop")["price"] == "1.09000"


def test_a_stop_without_an_answer_is_explained_as_unanswered(desk: Desk) -> None:
    desk.order(stop_loss=D("1.09"))
    desk.set_stops("the stop follows the market", stop_loss="1.1")
    stop = facts(desk.why(desk.close(DealReason.STOP_LOSS, "1.09")), "stop")
    assert stop["answer"] == "none before the deal: the change may have reached the venue too late"


def test_the_slippage_of_a_short_positions_stop_is_positive_above_the_stop(desk: Desk) -> None:
    desk.order(Side.SELL, stop_loss=D("1.12"))
    stop = facts(desk.why(desk.close(DealReason.STOP_LOSS, "1.12005", Side.BUY)), "stop")
    assert (stop["price"], stop["slippage"]) == ("1.12000", "5 points")


def test_a_stop_out_is_explained_without_a_stop_price(desk: Desk) -> None:
    order = desk.order(stop_loss=D("1.09"))
    reply = desk.why(desk.close(DealReason.STOP_OUT, "1.0912"))
    assert facts(reply, "stop") == {
        "reason": "STOP_OUT",
        "set by": "the venue: the margin level fell to the stop-out level",
    }
    assert order.order_id in reply.summary


def test_the_stop_of_another_ticket_is_not_used_in_an_explanation(tmp_path: Path) -> None:
    desk = Desk(tmp_path, AccountMode.HEDGING)
    mine = desk.order(stop_loss=D("1.09"))
    desk.order(ticket=TICKET + 1, stop_loss=D("1.07"))
    reply = desk.why(desk.close(DealReason.STOP_LOSS, "1.09"))
    assert facts(reply, "stop")["price"] == "1.09000"
    assert facts(reply, "order")["order"] == mine.order_id


def test_the_stops_of_an_earlier_position_are_not_used_in_an_explanation(desk: Desk) -> None:
    desk.order(stop_loss=D("1.05"))
    desk.set_stops("the stop follows the market", stop_loss="1.06")
    desk.answer(stop_loss="1.06")
    desk.close(DealReason.STOP_LOSS, "1.06")
    second = desk.order(stop_loss=D("1.09"))
    reply = desk.why(desk.close(DealReason.STOP_LOSS, "1.09"))
    assert facts(reply, "order")["order"] == second.order_id
    assert facts(reply, "stop")["set by"].startswith(f"order {second.order_id}")
    assert next(step for step in reply.steps if step.name == "stop").lines == []


def test_the_latest_of_many_trailing_moves_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "STOPS_MAX", 6)
    desk.order(stop_loss=D("1.09"))
    for points in range(1, 20):
        stop_loss = str(D("1.09") + D(points) / 1_000)
        desk.set_stops("the stop follows the market", stop_loss=stop_loss)
        desk.answer(stop_loss=stop_loss)
    stop = facts(desk.why(desk.close(DealReason.STOP_LOSS, "1.109")), "stop")
    assert (stop["price"], stop["revision"], stop["answer"]) == ("1.10900", "19", "accepted, retcode 10009")


def test_a_deal_made_at_the_terminal_is_explained_with_the_order_that_opened_its_position(desk: Desk) -> None:
    order = desk.order()
    reply = desk.why(desk.close(DealReason.CLIENT, "1.1"))
    assert [step.name for step in reply.steps][-3:] == ["gateway", "deals", "position"]
    assert facts(reply, "deals")["position opened by"] == f"order {order.order_id} (deal 2)"
