"""A reset clears only its own risk rule, and the state of the rules does not depend on restarts of the desk."""

from __future__ import annotations

import tempfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from proto.gateway import DealEntry
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, OrderCreated, OrderUpdated, RiskReset
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.registry import RESET_OF_CODE, remembered_values
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.state_updates import update_from_event
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.support.builders import START_NS, a_deal, an_instrument_learned, an_opened_stream, an_order

SYMBOLS = ("EURUSD", "USDJPY")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("order", "reject", "deal", "reset")),
        st.sampled_from(SYMBOLS),
        st.sampled_from(sorted(RESET_OF_CODE)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=25,
)


def event_of(number: int, step: tuple[str, str, str, bool, bool], book: Book, risk_state: RiskState) -> Event | None:
    kind, symbol, rule, is_good, is_for_all = step
    time_ns = START_NS + number * 1_000_000_000
    if kind == "order":
        return OrderCreated(
            order=an_order(len(book.orders) + 1, Side.BUY if is_good else Side.SELL, symbol=symbol, created_ns=time_ns)
        )
    if kind == "reject":
        if not book.open_orders:
            return None
        return OrderUpdated(
            order_id=next(iter(book.open_orders)), status=OrderStatus.REJECTED, ticket=None, retcode=10_006, code="",
            error="", time_ns=time_ns,
        )  # fmt: skip
    if kind == "deal":
        deal = a_deal(
            book.deal_cursor + 1,
            Side.SELL,
            symbol=symbol,
            entry=DealEntry.OUT,
            profit=Decimal(1 if is_good else -1),
            time_ns=time_ns,
        )
        return DealBooked(deal=deal, order_id="", closings=[])
    named = "" if is_for_all or not RESET_OF_CODE[rule].by_symbol else symbol
    return RiskReset(
        rule=rule, symbol=named, reason="message", person="trader", time_ns=time_ns, equity=risk_state.peaks.equity,
        before=remembered_values(risk_state, rule, named), after={}, key=f"r{number}",
    )  # fmt: skip


@settings(max_examples=60)
@given(STEPS)
def test_rules_restored_after_every_event_have_the_state_of_rules_without_restarts(
    steps: list[tuple[str, str, str, bool, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LEDGER_FILE_NAME
        book, persisted = Book(), PersistedState()
        risk_state = persisted.risk
        risk_state.peaks.equity = risk_state.peaks.high = Decimal(10_000)
        events: list[Event] = [an_opened_stream(), *map(an_instrument_learned, SYMBOLS)]
        for opening in events:
            book.apply(opening)
        with closing(Ledger(path)) as ledger:
            ledger.commit(events, book, persisted)
            restarted = risk_state
            for number, step in enumerate(steps):
                event = event_of(number, step, book, risk_state)
                if event is None:
                    continue
                book.apply(event)
                update_from_event(risk_state, event, DEFAULT_LIMITS)
                ledger.commit([event], book, persisted)
                _, kept = read_ledger(path)
                restarted = kept.risk
                assert restarted == risk_state
        assert verify_ledger(path) == []


@given(STEPS, st.sampled_from(sorted(RESET_OF_CODE)))
def test_a_reset_clears_its_own_rule_and_no_other(steps: list[tuple[str, str, str, bool, bool]], rule: str) -> None:
    book, risk_state = Book(), RiskState()
    openings: list[Event] = [an_opened_stream(), *map(an_instrument_learned, SYMBOLS)]
    for opening in openings:
        book.apply(opening)
    for number, step in enumerate(steps):
        event = event_of(number, step, book, risk_state)
        if event is not None:
            book.apply(event)
            update_from_event(risk_state, event, DEFAULT_LIMITS)
    risk_state.peaks.high = risk_state.peaks.day_high = risk_state.peaks.day_start = Decimal(12_000)
    risk_state.peaks.equity = Decimal(10_000)
    risk_state.spread_medians["EURUSD"] = 1e-5
    others = {name: remembered_values(risk_state, name, "") for name in RESET_OF_CODE if name != rule}
    reset = RiskReset(
        rule=rule, symbol="", reason="message", person="trader", time_ns=1, before={}, after={}, key="k",
        equity=risk_state.peaks.equity,
    )  # fmt: skip
    update_from_event(risk_state, reset, DEFAULT_LIMITS)
    assert {name: remembered_values(risk_state, name, "") for name in others} == others
    left = set(remembered_values(risk_state, rule, "").values())
    assert left <= {"10000"}, "equity baselines are the present equity"
