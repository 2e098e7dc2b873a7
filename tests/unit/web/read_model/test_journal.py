"""Each type of event has a line of text, its symbol, tag, code and order, and an id that WHY explains."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec import structs

from proto.control import Difference, StateCause, TradingState
from proto.gateway import DealEntry, TickCounts
from proto.trading.enums import OrderType, Side
from services.portfolio.core.account.events import (
    CancelRequested,
    DealBooked,
    EpochTaken,
    Event,
    ForeignOrdersFound,
    IncarnationTaken,
    InstrumentLearned,
    JournalChanged,
    LeverageChanged,
    OrderCreated,
    OrderDenied,
    OrderModifyAnswered,
    OrderModifyRequested,
    OrderUpdated,
    ProtectionAnswered,
    ProtectionSet,
    Reconciled,
    RiskReset,
    StateCommand,
    StreamEnded,
    TradingStateChanged,
)
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import OrderTerms
from services.portfolio.core.account.protection import Protection
from services.web.read_model.journal import denial_row, event_row
from tests.support.builders import START_NS, a_book, a_deal, a_deposit, an_opened_stream, an_order, plain_terms

D = Decimal
ORDER = an_order(tag="breakout", type=OrderType.LIMIT)
ID = ORDER.order_id
TERMS = OrderTerms(limit_price=D("1.1"), stop_loss=D("1.09"), take_profit=None, expires_ns=0)
HELD = Protection(symbol="EURUSD", position=7, tag="breakout", stop_loss=D("1.09"), trailing_stop_points=20)
DIFFERENCE = Difference(kind="volume", subject="EURUSD", ledger="0.01", venue="0.02", remedy="")
DENIED = OrderDenied(
    symbol="EURUSD", direction=1, ordinal=3, time_ns=5, code="SPREAD", limit="20 points", observed="31 points",
    denial_id="d-1", confidence=0.7, tag="breakout",
)  # fmt: skip

LINES: list[tuple[Any, str, tuple[str, str, str], str]] = [
    (an_opened_stream(), "opened: simulated, account paper-USD, NETTING, USD, fills ideal", ("", "", ""), ""),
    (LeverageChanged(leverage=50, time_ns=5), "the venue changed the leverage to 50", ("", "", ""), ""),
    (
        IncarnationTaken(incarnation="abcd", why="restored", time_ns=5),
        "new order ids begin with abcd: restored",
        ("", "", ""),
        "",
    ),
    (InstrumentLearned(instrument=plain_terms()), "the venue reported the terms of EURUSD", ("EURUSD", "", ""), ""),
    (
        InstrumentLearned(instrument=plain_terms(), changes=["digits 4"]),
        "the venue reported the terms of EURUSD, changed: digits 4",
        ("EURUSD", "", ""),
        "",
    ),
    (OrderCreated(order=ORDER), "order LIMIT BUY 0.01 EURUSD created, cause: signal", ("EURUSD", "breakout", ""), ID),
    (DENIED, "BUY of EURUSD denied by SPREAD: 31 points, limit 20 points", ("EURUSD", "breakout", "SPREAD"), "d-1"),
    (
        structs.replace(DENIED, direction=0, cause="manual", key="k", denial_id=""),
        "a person's change of EURUSD denied by SPREAD",
        ("EURUSD", "breakout", "SPREAD"),
        "k",
    ),
    (
        structs.replace(DENIED, cause="manual", key="k", person="alice"),
        "alice's BUY of EURUSD denied by SPREAD",
        ("EURUSD", "breakout", "SPREAD"),
        "d-1",
    ),
    (
        OrderCreated(order=structs.replace(ORDER, person="alice")),
        "created, cause: signal, by alice",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (
        CancelRequested(order_id=ID, why="news", ordinal=1, time_ns=5, person="alice"),
        "cancellation requested: news, by alice",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (
        OrderModifyRequested(order_id=ID, terms=TERMS, revision=2, time_ns=5, why="follow", person="alice"),
        "modification 2 requested: price 1.10000, stop loss 1.09000; follow, by alice",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (
        ProtectionSet(protection=HELD, why="[MANUAL] near", ordinal=1, time_ns=5, bid=D(1), ask=D(1), person="alice"),
        "trailing stop 20 points; [MANUAL] near, by alice",
        ("EURUSD", "breakout", ""),
        "",
    ),
    (
        OrderUpdated(
            order_id=ID, status=OrderStatus.REJECTED, ticket=None, retcode=10019, code="NO_MONEY", error="x", time_ns=5
        ),
        "order update: REJECTED, retcode 10019, NO_MONEY x",
        ("EURUSD", "breakout", "NO_MONEY"),
        ID,
    ),
    (
        CancelRequested(order_id=ID, why="stale", ordinal=1, time_ns=5),
        "requested: stale",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (CancelRequested(order_id=ID, why="", ordinal=1, time_ns=5), "was withdrawn", ("EURUSD", "breakout", ""), ID),
    (
        OrderModifyRequested(order_id=ID, terms=TERMS, revision=2, time_ns=5),
        "modification 2 requested: price 1.10000, stop loss 1.09000",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (
        OrderModifyAnswered(order_id=ID, terms=TERMS, revision=2, error="too close", time_ns=5),
        "modification 2 refused: too close; in force: price 1.10000, stop loss 1.09000",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (
        OrderModifyAnswered(order_id=ID, terms=TERMS, revision=2, error="", time_ns=5),
        "modification 2 accepted: price 1.10000",
        ("EURUSD", "breakout", ""),
        ID,
    ),
    (
        ProtectionSet(protection=HELD, why="opened", ordinal=1, time_ns=5, bid=D(1), ask=D(1)),
        "stops of EURUSD position 7: stop loss 1.09000, trailing stop 20 points; opened",
        ("EURUSD", "breakout", ""),
        "",
    ),
    (
        ProtectionAnswered(
            key="EURUSD#7", revision=1, stop_loss=None, take_profit=None, retcode=None, error="no", time_ns=5
        ),
        "stops of EURUSD position 7: the venue refused the change: no",
        ("EURUSD", "", ""),
        "",
    ),
    (
        DealBooked(deal=a_deal(4, ticket=9, price="1.1003"), order_id=ID, closings=[]),
        "EURUSD deal 4: BUY 0.01 at 1.10030 (IN, ticket 9), slippage 20 points",
        ("EURUSD", "breakout", "CLIENT"),
        ID,
    ),
    (
        DealBooked(deal=a_deal(5, Side.SELL, entry=DealEntry.OUT), order_id="", closings=[]),
        "EURUSD deal 5: SELL",
        ("EURUSD", "", "CLIENT"),
        "deal 5",
    ),
    (DealBooked(deal=a_deposit(6), order_id="", closings=[]), "deal 6: BALANCE 10000", ("", "", "BALANCE"), "deal 6"),
    (
        StreamEnded(stream_id="s", ordinal=8, time_ns=5, counts=TickCounts(read=8, published=8, rejected={})),
        "stream s ended at tick 8",
        ("", "", ""),
        "",
    ),
    (
        Reconciled(ordinal=8, at_end=False, balance=D("10.50"), differences=[]),
        "ledger and venue agree, balance 10.5",
        ("", "", ""),
        "",
    ),
    (
        Reconciled(ordinal=8, at_end=False, balance=D(10), differences=[DIFFERENCE]),
        "ledger and venue differ (1): volume EURUSD, ledger 0.01, venue 0.02",
        ("", "", "volume"),
        "",
    ),
    (
        TradingStateChanged(
            state=TradingState.HALTED,
            reason="r",
            by="person",
            time_ns=5,
            flatten=True,
            causes=[StateCause(code="OPERATOR", by="person", text="r")],
        ),
        "trading is HALTED, all positions are closed, by person: r",
        ("", "", "OPERATOR"),
        "",
    ),
    (
        TradingStateChanged(
            state=TradingState.ACTIVE,
            reason="r",
            by="person",
            time_ns=5,
            command=StateCommand(key="k", person="ann", asked="", state=TradingState.ACTIVE, reason="r", closing=[]),
        ),
        "trading is ACTIVE, by person ann: r",
        ("", "", ""),
        "",
    ),
    (
        RiskReset(
            rule="DRAWDOWN", symbol="", reason="r", person="ann", time_ns=5, before={}, after={}, equity=None, key="k"
        ),
        "ann reset DRAWDOWN of the desk: r",
        ("", "", "DRAWDOWN"),
        "DRAWDOWN",
    ),
    (
        ForeignOrdersFound(tickets=[4, 5], policy=ForeignOrderPolicy.ADOPT, time_ns=5),
        "the venue has foreign orders, policy adopt: 4, 5",
        ("", "", ""),
        "",
    ),
    (EpochTaken(epoch=3, time_ns=5), "portfolio took the lease under epoch 3", ("", "", ""), ""),
    (
        JournalChanged(journal_id="j", before="i", doubtful=[ID], time_ns=5),
        "the gateway has another journal, 1 open orders are in doubt",
        ("", "", ""),
        "",
    ),
]


@pytest.mark.parametrize(("event", "text", "facets", "why_id"), LINES)
def test_the_row_of_an_event(event: Event, text: str, facets: tuple[str, str, str], why_id: str) -> None:
    row = event_row(12, event, a_book(OrderCreated(order=ORDER)))
    assert text in row.text
    assert "\n" not in row.text
    assert len(row.text) <= 300
    assert (row.number, (row.symbol, row.tag, row.code), row.why_id) == (12, facets, why_id)
    assert row.order_id == (ID if why_id == ID else "")
    timeless = isinstance(event, InstrumentLearned | Reconciled)
    assert row.time_ns == (0 if timeless else getattr(event, "time_ns", row.time_ns))
    assert row.time_ns in (0, 5, START_NS) or isinstance(event, DealBooked)


def test_every_type_of_event_has_a_line() -> None:
    assert {type(event) for event, *_ in LINES} == set(get_args(Event))


def test_the_type_is_the_name_of_the_event() -> None:
    row = event_row(1, LINES[0][0], a_book())
    assert row.type == "stream_opened"


def test_a_denial_has_its_direction_and_confidence() -> None:
    row = denial_row(12, DENIED)
    assert (row.number, row.direction, row.confidence, row.limit, row.observed) == (
        12,
        "BUY",
        0.7,
        "20 points",
        "31 points",
    )
    change = denial_row(13, structs.replace(DENIED, direction=0, cause="manual"))
    assert (change.direction, change.confidence) == ("", None)
