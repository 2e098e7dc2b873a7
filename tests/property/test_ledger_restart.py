"""After any events, the book read from the ledger and the book computed from its events equal the book in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from proto.control import TradingState
from proto.gateway import DealEntry, DealReason, TickCounts, VenueDeal
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.portfolio.core.account.book import Book, closed_lots
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
    ReconciliationWatermark,
    RiskReset,
    StateCommand,
    StreamEnded,
    StreamOpened,
    TradingStateChanged,
)
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.account.order_status import OrderStatus, can_transition, status_after_fill
from services.portfolio.core.account.orders import Order, OrderTerms
from services.portfolio.core.account.position import Leg
from services.portfolio.core.account.protection import Protection, protection_key
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.risk.registry import RESET_OF_CODE
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.support.accounts import account_state, is_same_account
from tests.support.builders import a_deal, a_deposit, an_instrument_learned, an_opened_stream, an_order, plain_terms

SYMBOLS: Final = ("EURUSD", "USDJPY")
TICKETS: Final = 3
"""Number of tickets: so few that orders often add to, close or reverse the same position of a hedging account."""


class Step(NamedTuple):
    """The next event to try with its values, and whether a commit follows it."""

    kind: type[Event]
    symbol: str
    side: Side
    lots: int
    points: int
    status: OrderStatus
    is_last_of_a_turn: bool = True

    @property
    def volume(self) -> Decimal:
        return Decimal(self.lots) / 100

    @property
    def price(self) -> Decimal:
        return Decimal(self.points) / 100_000

    @property
    def key(self) -> str:
        """Key of a person's command for some steps, empty for the others."""
        return f"key-{self.lots % 9}" if self.points % 3 == 0 else ""

    @property
    def error(self) -> str:
        """Error text of a refusal of the venue for some steps, empty for the others."""
        return "INVALID_STOPS too near" if self.points % 2 else ""


def created(step: Step, book: Book) -> Event | None:
    """An order event: a market or a resting order, with or without stops."""
    if step.symbol in book.open_orders.values():
        return None
    rests, protection_set = step.points % 4 == 0, step.lots % 2 == 0
    return OrderCreated(
        order=an_order(
            len(book.orders) + 1,
            step.side,
            str(step.volume),
            symbol=step.symbol,
            key=step.key,
            type=OrderType.LIMIT if rests else OrderType.MARKET,
            time_in_force=TimeInForce.GTC if rests else TimeInForce.IOC,
            limit_price=step.price if rests else None,
            stop_loss=step.price / 2 if protection_set else None,
            take_profit=step.price * 2 if protection_set and rests else None,
            trailing_stop_points=step.lots if protection_set else 0,
            time_exit_s=step.lots if step.lots % 5 == 0 else 0,
        )
    )


def updated(step: Step, book: Book) -> Event | None:
    order = _any_order(step, book)
    if order is None or not can_transition(order.status, step.status):
        return None
    return OrderUpdated(
        order_id=order.order_id, status=step.status, ticket=3, retcode=None, code="", error="message", time_ns=9
    )


def cancel_asked(step: Step, book: Book) -> Event | None:
    order = _any_order(step, book)
    if order is None:
        return None
    return CancelRequested(order_id=order.order_id, why=step.error, ordinal=4, time_ns=step.points, key=step.key)


def _terms(step: Step) -> OrderTerms:
    return OrderTerms(limit_price=step.price, stop_loss=step.price / 2, take_profit=None, expires_ns=step.points)


def changed(step: Step, book: Book) -> Event | None:
    order = _any_order(step, book)
    if order is None:
        return None
    return OrderModifyRequested(
        order_id=order.order_id, terms=_terms(step), revision=order.revision + 1, time_ns=step.points, key=step.key
    )


def change_answered(step: Step, book: Book) -> Event | None:
    order = _any_order(step, book)
    if order is None:
        return None
    return OrderModifyAnswered(
        order_id=order.order_id, terms=_terms(step), revision=order.revision, error=step.error, time_ns=step.points
    )


def protection_set(step: Step, book: Book) -> Event | None:
    leg = _leg(step, book)
    if leg is None:
        return None
    before = book.protections.get(protection_key(step.symbol, leg.ticket))
    before = before or Protection(symbol=step.symbol, position=leg.ticket, tag="manual")
    new_terms = structs.replace(
        before, stop_loss=step.price if step.lots % 2 else None, exit_ns=step.points, revision=before.revision + 1
    )
    return ProtectionSet(
        protection=new_terms, why="x", ordinal=4, time_ns=step.points, bid=step.price, ask=step.price, key=step.key
    )


def protection_answered(step: Step, book: Book) -> Event | None:
    """The venue's answer to the latest modification, or a late answer to the modification before it."""
    if not book.protections:
        return None
    guard = [book.protections[key] for key in sorted(book.protections)][step.lots % len(book.protections)]
    return ProtectionAnswered(
        key=guard.key,
        revision=max(guard.revision - step.lots % 2, 0),
        stop_loss=step.price,
        take_profit=None,
        retcode=10009,
        error=step.error,
        time_ns=step.points,
    )


def booked(step: Step, book: Book) -> Event | None:
    """Usually a deal of one of the orders; sometimes a deposit, a foreign deal, or a stop that the venue executed."""
    number, choice = _next_deal(step, book), step.points % 8
    if choice == 0:
        return DealBooked(deal=a_deposit(number, f"{step.points}.25"), order_id="", closings=[])
    order = None if choice in (1, 2) else _any_order(step, book)
    if order is None:
        reason = DealReason.STOP_LOSS if choice == 2 else DealReason.CLIENT
        deal = _deal(step, book, step.side, step.volume, symbol=step.symbol, reason=reason)
    else:
        left = order.volume - order.filled_volume
        volume = min(left, step.volume)
        if not left or status_after_fill(order.status, is_whole=volume == left) is None:
            return None
        deal = _deal(step, book, order.side, volume, symbol=order.symbol, order_id=order.order_id)
    return DealBooked(deal=deal, order_id=deal.order_id, closings=closed_lots(book, deal))


def _next_deal(step: Step, book: Book) -> int:
    """The number of a new deal: usually the last number plus 1, sometimes plus 2, sometimes a number skipped before."""
    last = book.deal_cursor
    missing = [number for number in range(1, last) if not book.has_deal(number)]
    if missing and step.lots % 3 == 0:
        return missing[step.lots % len(missing)]
    return last + (2 if step.lots % 7 == 0 else 1)


def _deal(step: Step, book: Book, side: Side, volume: Decimal, *, symbol: str, **changed: object) -> VenueDeal:
    ticket = 1 + step.lots % TICKETS
    held = next((leg for leg in book.position(symbol).legs if leg.ticket == (ticket if book.is_hedging else 0)), None)
    entry = DealEntry.IN
    if held is not None and held.direction == -side.sign:
        entry = DealEntry.OUT if volume <= held.volume else DealEntry.INOUT
    return a_deal(
        _next_deal(step, book),
        side,
        str(volume),
        str(step.price),
        symbol=symbol,
        position=ticket,
        entry=entry,
        profit=Decimal(step.points) / 100,
        swap=Decimal("-0.01"),
        **changed,
    )


def denied(step: Step, _: Book) -> Event:
    direction, seen = step.side.sign, str(step.price)
    return OrderDenied(
        symbol=step.symbol, direction=direction, ordinal=1, time_ns=1, code="X", limit="1", observed=seen, key=step.key
    )


def reconciled(step: Step, book: Book) -> Event:
    cleared = (
        ReconciliationWatermark(ticket=step.lots, deal=book.deal_cursor, number=len(book.orders))
        if step.error
        else None
    )
    return Reconciled(ordinal=step.points, at_end=False, balance=book.balance, differences=[], cleared=cleared)


def ended(step: Step, _: Book) -> Event:
    counts = TickCounts(read=3, published=2, rejected={"crossed": 1})
    return StreamEnded(stream_id="s", ordinal=step.points, time_ns=step.points, counts=counts)


def opened(step: Step, book: Book) -> Event:
    """The event of an account that continues with another stream."""
    assert book.stream is not None
    return an_opened_stream(
        stream_id=f"s{step.points}",
        orders_before=len(book.orders),
        deals_before=book.deal_cursor,
        account_mode=book.stream.account_mode,
    )


def terms_learned(step: Step, _: Book) -> Event:
    return InstrumentLearned(instrument=structs.replace(plain_terms(step.symbol), volume_max=step.volume + 1))


def state_changed(step: Step, _: Book) -> Event:
    return TradingStateChanged(
        state=list(TradingState)[step.lots % len(TradingState)],
        reason="message",
        by="person",
        time_ns=step.points,
        flatten=step.lots % 2 == 0,
        acknowledged=[step.lots],
        command=UNSET if step.lots % 3 else state_command(step),
    )


def state_command(step: Step) -> StateCommand:
    return StateCommand(
        key=f"state-{step.points}",
        person="trader",
        asked="0123456789abcdef",
        state=TradingState.HALTED,
        reason="message",
        closing=[step.symbol],
    )


def rule_reset(step: Step, _: Book) -> Event:
    """The event of a person who resets a risk rule."""
    return RiskReset(
        rule=sorted(RESET_OF_CODE)[step.lots % len(RESET_OF_CODE)],
        symbol="",
        reason="message",
        person="trader",
        time_ns=step.points,
        before={"EURUSD": step.error},
        after={},
        equity=step.price,
        key=f"reset-{step.lots}",
    )


def foreign_orders_found(step: Step, _: Book) -> Event:
    return ForeignOrdersFound(tickets=[step.lots, step.points], policy=ForeignOrderPolicy.ADOPT, time_ns=step.points)


def journal_met(step: Step, book: Book) -> Event:
    return JournalChanged(
        journal_id=f"j{step.lots}", before=book.journal_id, doubtful=list(book.open_orders), time_ns=9
    )


MAKERS: Final[dict[type[Event], Callable[[Step, Book], Event | None]]] = {
    OrderCreated: created,
    OrderUpdated: updated,
    CancelRequested: cancel_asked,
    OrderModifyRequested: changed,
    OrderModifyAnswered: change_answered,
    DealBooked: booked,
    ProtectionSet: protection_set,
    ProtectionAnswered: protection_answered,
    OrderDenied: denied,
    Reconciled: reconciled,
    StreamEnded: ended,
    StreamOpened: opened,
    LeverageChanged: lambda step, _: LeverageChanged(leverage=step.lots, time_ns=step.points),
    IncarnationTaken: lambda step, _: IncarnationTaken(incarnation=f"i{step.lots}", why="x", time_ns=step.points),
    InstrumentLearned: terms_learned,
    TradingStateChanged: state_changed,
    RiskReset: rule_reset,
    ForeignOrdersFound: foreign_orders_found,
    EpochTaken: lambda step, book: EpochTaken(epoch=book.epoch + 1, time_ns=step.points),
    JournalChanged: journal_met,
}
"""Functions that make the event for a step in a book; they return None if the event is impossible there."""

FREQUENT: Final = (*[OrderCreated] * 4, *[DealBooked] * 8, *[OrderUpdated] * 3, *[ProtectionSet] * 3)
STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from((*MAKERS, *FREQUENT)),
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(Side),
        lots=st.integers(1, 300),
        points=st.integers(90_000, 120_000),
        status=st.sampled_from(OrderStatus),
        is_last_of_a_turn=st.booleans(),
    ),
    max_size=30,
)


def _any_order(step: Step, book: Book) -> Order | None:
    orders = list(book.orders.values())
    return orders[step.lots % len(orders)] if orders else None


def _leg(step: Step, book: Book) -> Leg | None:
    legs = book.position(step.symbol).legs
    return legs[step.lots % len(legs)] if legs else None


def a_start(mode: AccountMode) -> list[Event]:
    return [an_opened_stream(account_mode=mode), *map(an_instrument_learned, SYMBOLS)]


@pytest.mark.parametrize("mode", AccountMode)
def test_every_kind_of_event_is_tried_and_survives_a_restart(mode: AccountMode, tmp_path: Path) -> None:
    """In the order of `MAKERS` every kind of event is possible. The drawn steps of the other test may lack a kind."""
    assert set(MAKERS) == set(get_args(Event))
    book, pending = Book(), a_start(mode)
    for opening in pending:
        book.apply(opening)
    with closing(Ledger(tmp_path / LEDGER_FILE_NAME)) as ledger:
        for kind, make in MAKERS.items():
            event = make(Step(kind, "EURUSD", Side.BUY, 2, 110_007, OrderStatus.ACCEPTED), book)
            assert isinstance(event, kind)
            book.apply(event)
            ledger.commit([*pending, event], book, PersistedState())
            pending = []
            assert account_state(read_ledger(tmp_path / LEDGER_FILE_NAME)[0]) == account_state(book), kind
    assert verify_ledger(tmp_path / LEDGER_FILE_NAME) == []


def a_step(kind: type[Event], *, lots: int = 1, points: int = 90_000) -> Step:
    return Step(kind, "EURUSD", Side.BUY, lots, points, OrderStatus.PENDING)


SHOWN_AFTER_THE_NEXT_STREAM: Final = [
    *[a_step(OrderCreated)] * 10,
    a_step(DealBooked, lots=49),
    a_step(StreamOpened),
    a_step(DealBooked, lots=87, points=90_001),
]
"""Steps in which the venue shows a skipped deal only after the account has continued with another stream."""


@settings(max_examples=150)
@given(st.sampled_from(AccountMode), STEPS)
@example(AccountMode.NETTING, SHOWN_AFTER_THE_NEXT_STREAM)
@example(AccountMode.HEDGING, SHOWN_AFTER_THE_NEXT_STREAM)
def test_a_restart_changes_nothing(mode: AccountMode, steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LEDGER_FILE_NAME
        ledger = Ledger(path)
        book = Book()
        pending = a_start(mode)
        for opening in pending:
            book.apply(opening)
        cursor = TickCursor(stream_id="s", ordinal=0)
        persisted = PersistedState(cursor)
        for step in steps:
            event = MAKERS[step.kind](step, book)
            if event is not None:
                book.apply(event)
                pending.append(event)
            cursor.ordinal += 1
            cursor.marks[step.symbol] = Mark(1.1, 1.2, cursor.ordinal)
            if step.is_last_of_a_turn:
                ledger.commit(pending, book, persisted)
                pending = []
        ledger.commit(pending, book, persisted)
        restarted, kept = read_ledger(path)
        assert account_state(restarted) == account_state(book)
        assert kept == persisted
        assert verify_ledger(path) == []
        ledger.close()
        again = Ledger(path)
        assert is_same_account(again.load()[0], book)
        again.close()
