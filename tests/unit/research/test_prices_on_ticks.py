"""Gold is quoted in steps of 0.001 and traded in steps of 0.01: the venue accepts all prices of the desk."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from msgspec.json import Decoder

from marketdata.files.tick_input import TickInput
from proto.trading.enums import AccountMode, Side
from proto.trading.units import is_on_step
from research.backtest import run_backtest
from research.run_spec import RunSpec
from research.run_warnings import modification_warning
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, OrderModifyAnswered, ProtectionAnswered, ProtectionSet
from services.portfolio.core.account.orders import Order, OrderTerms
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.event_search import modification_counts
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, open_ledger, read_ledger, verify_ledger
from tests.support.builders import an_instrument_learned, an_opened_stream
from tests.support.tick_files import START_NS

ROWS = 3_000
TICK = Decimal("0.01")
PLANS = {
    "market": '[entry]\ntype = "MARKET"\n',
    "limit": '[entry]\ntype = "LIMIT"\noffset_points = 10\nlifetime_s = 4\n',
    "stop": '[entry]\ntype = "STOP"\noffset_points = 10\nlifetime_s = 4\n',
}
EXITS = "[exits]\nstop_loss_points = 45\ntake_profit_points = 95\ntrailing_stop_points = 30\ntrailing_step_points = 1\n"


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded random walk around 2,350 USD with one tick a second, spreads of 0.1 to 0.2 and three decimals."""
    random = np.random.default_rng(12)
    bid = np.round(2_350 + np.cumsum(random.normal(0, 0.06, ROWS)), 3)
    ask = np.round(bid + random.integers(100, 200, ROWS) / 1_000, 3)
    times = START_NS + np.arange(ROWS, dtype=np.int64) * 1_000_000_000
    path = tmp_path_factory.mktemp("ticks") / "gold.parquet"
    pl.DataFrame({"ts_ns": times, "bid": bid, "ask": ask}).write_parquet(path)
    return path


def a_run(gold: Path, folder: Path, plan: str, **changed: Any) -> dict[str, Any]:
    """The report of a backtest with many reversals."""
    (folder / "plan.toml").write_text(plan)
    spec = RunSpec(
        inputs=(TickInput(gold, "XAUUSD"),),
        strategy="tests.support.flipping:Flipping",
        risk="none",
        plan=str(folder / "plan.toml"),
        **changed,
    )
    return run_backtest(spec, spec.load(), data_dir=folder)


def prices_of(order: Order) -> list[Decimal]:
    """Every price that the desk has requested for an order."""
    return [price for price in (order.limit_price, order.stop_loss, order.take_profit) if price is not None]


def an_answer(error: str) -> ProtectionAnswered:
    """The venue's reply to a modification of stops, accepted if `error` is empty."""
    return ProtectionAnswered(
        key="EURUSD", revision=1, stop_loss=None, take_profit=None, retcode=None, error=error, time_ns=1
    )


def an_order_answer(error: str) -> OrderModifyAnswered:
    """The venue's reply to a modification of a resting order, accepted if `error` is empty."""
    terms = OrderTerms(limit_price=Decimal(1), stop_loss=None, take_profit=None, expires_ns=0)
    return OrderModifyAnswered(order_id="a", terms=terms, revision=1, error=error, time_ns=1)


def stops_set(folder: Path) -> list[Decimal]:
    """Every stop loss that the desk has requested for a position."""
    decode = Decoder(Event).decode
    with open_ledger(folder / LEDGER_FILE_NAME) as db:
        events = [decode(payload) for (payload,) in db.execute("SELECT payload FROM events ORDER BY number")]
    settings = [event.protection for event in events if isinstance(event, ProtectionSet)]
    return [guard.stop_loss for guard in settings if guard.stop_loss is not None]


@pytest.mark.parametrize("mode", list(AccountMode))
@pytest.mark.parametrize("entry", list(PLANS))
def test_no_entry_and_no_modification_is_refused_for_its_price(
    gold: Path, tmp_path: Path, entry: str, mode: AccountMode
) -> None:
    report = a_run(gold, tmp_path, PLANS[entry] + EXITS, account_mode=mode)
    assert report["modifications"]["refused"] == {}
    assert report["modifications"]["made"] > 5
    assert "REJECTED" not in report["orders"]["by_status"]
    assert report["orders"]["denied"] == {}
    assert "warnings" not in report
    book, _ = read_ledger(tmp_path / LEDGER_FILE_NAME)
    entries = [order for order in book.orders.values() if order.stop_loss is not None]
    assert {order.side for order in entries} == set(Side)
    assert all(is_on_step(price, TICK) for order in entries for price in prices_of(order))
    assert all(is_on_step(price, TICK) for price in stops_set(tmp_path))
    assert report["reconciled"]
    assert verify_ledger(tmp_path / LEDGER_FILE_NAME) == []


def test_most_quotes_are_off_the_tick_size_and_entries_are_rounded_away_from_the_quote(
    gold: Path, tmp_path: Path
) -> None:
    a_run(gold, tmp_path, PLANS["limit"] + EXITS)
    book, _ = read_ledger(tmp_path / LEDGER_FILE_NAME)
    entries = [order for order in book.orders.values() if order.limit_price is not None]
    assert sum(not is_on_step(order.price, TICK) for order in entries) > len(entries) / 2
    for order in entries:
        assert order.limit_price is not None
        assert order.stop_loss is not None
        assert order.take_profit is not None
        sign = order.side.sign
        assert TICK * 10 <= (order.price - order.limit_price) * sign < TICK * 11
        # The entry is on the tick size, so the stops are exactly 30 points (trailing stop) and 95 points away.
        assert (order.limit_price - order.stop_loss) * sign == TICK * 30
        assert (order.take_profit - order.limit_price) * sign == TICK * 95


def test_the_report_shows_how_many_modifications_were_refused_and_by_which_codes() -> None:
    counts = ModificationCounts()
    for error in ("INVALID_STOPS too near", "INVALID_STOPS too near", "FROZEN", ""):
        counts.add(an_answer(error))
    counts.add(an_order_answer("INVALID_PRICE off the tick"))
    assert counts.made == 1
    assert counts.refused == {"INVALID_STOPS": 2, "FROZEN": 1, "INVALID_PRICE": 1}
    assert modification_warning(counts) == (
        "the venue refused 4 of 5 modifications of stops and orders: FROZEN 1, INVALID_PRICE 1, INVALID_STOPS 2"
    )
    assert modification_warning(ModificationCounts()) is None


def test_modifications_are_counted_for_the_last_stream_or_for_the_whole_ledger(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_FILE_NAME
    with closing(Ledger(path)) as ledger:
        book = Book()
        first: list[Event] = [an_opened_stream(), an_instrument_learned(), an_answer("FROZEN"), an_answer("")]
        second: list[Event] = [an_opened_stream(stream_id="other"), an_answer("INVALID_STOPS")]
        for events in (first, second):
            for event in events:
                book.apply(event)
            ledger.commit(events, book, PersistedState())
    assert modification_counts(path, of_stream=True).refused == {"INVALID_STOPS": 1}
    ever = modification_counts(path, of_stream=False)
    assert (ever.made, ever.refused) == (1, {"INVALID_STOPS": 1, "FROZEN": 1})
