"""Passing over ticks leaves the same peaks of the equity, warnings, restrictions and medians as deciding each tick."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from marketdata.files.tick_input import TickInput
from marketdata.tick_stream import SymbolRows, TickStream, build_stream
from proto.time import HOUR_NS, SECOND_NS
from proto.trading.enums import AccountMode
from research.backtest import Backtest, run_backtest
from research.backtest_engine import BacktestEngine
from research.event_backtest import EventBacktest
from research.run_spec import RunSpec
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.rules.daily_loss import RULE as DAILY_LOSS
from services.portfolio.core.risk.rules.drawdown import RULE as DRAWDOWN
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.signal.core.tick_buffer import TickBuffer
from tests.support.builders import START_NS
from tests.support.tick_files import START_NS as FIRST_NS
from tests.support.tick_files import a_tick_file

LIMITS: Final = [name for name in DEFAULT_LIMITS.__struct_fields__ if getattr(DEFAULT_LIMITS, name) != "default"]
TEN_LOTS: Final = "[sizing]\nvolume = 10\n"


class Holding:
    """Buys at every tick, so that a position stays open."""

    name: Final = "holding"
    warm_up_ticks: Final = 1

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Buy."""
        return 1, 0.75

    def snapshot(self) -> bytes:
        """Nothing."""
        return b""

    def restore(self, state: bytes) -> None:
        """Do nothing."""


class Alternating(Holding):
    """Buys and sells for seven ticks each."""

    def __init__(self) -> None:
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Change sides every seven ticks."""
        self._seen += 1
        return (1 if self._seen // 7 % 2 else -1), 0.75


class Late(Holding):
    """Holds for thirty ticks, and buys at every tick after them."""

    def __init__(self) -> None:
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Buy after thirty ticks."""
        self._seen += 1
        return int(self._seen > 30), 0.75


class CountingLedger(Ledger):
    """A ledger that keeps the number of events of each commit."""

    commits: list[int]

    def commit(self, events: list[Event], book: Book, state: PersistedState) -> None:
        """Commit, and count the events."""
        super().commit(events, book, state)
        self.commits.append(len(events))


class Left(NamedTuple):
    """What a run left.

    These are the rows of the ledger, the number of events of each commit, the state of the rules, and the warnings.
    """

    ledger: dict[str, list[tuple[Any, ...]]]
    commits: list[int]
    risk: bytes
    conditions: list[str]


def rows(
    symbol: str, bids: Sequence[float], spreads: NDArray[np.float64] | float, *, pause_ns: int, first_ns: int = START_NS
) -> SymbolRows:
    """Quotes of a symbol at equal distances."""
    bid = np.asarray(bids, dtype=np.float64)
    return SymbolRows(
        symbol,
        first_ns + np.arange(len(bid), dtype=np.int64) * pause_ns,
        bid,
        np.round(bid + np.asarray(spreads), 5),
        np.ones(len(bid)),
    )


def stepping(count: int, *, step: float, seed: int, price: float, digits: int, reach: int) -> list[float]:
    """Prices that move by one step at a time and stay within a number of steps."""
    dice = np.random.Generator(np.random.PCG64(seed))
    place, prices = 0, []
    for up in dice.random(count) < 0.5:
        place = max(-reach, min(reach, place + (1 if up else -1)))
        prices.append(round(price + place * step, digits))
    return prices


def rows_of_tables(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a ledger."""
    with closing(sqlite3.connect(file)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def left_by(kind: type[Backtest], spec: RunSpec, stream: TickStream, folder: Path) -> tuple[Backtest, Left]:
    """Run a backtest over a stream."""
    folder.mkdir()
    with closing(CountingLedger(folder / LEDGER_FILE_NAME)) as ledger:
        ledger.commits = []
        backtest = kind(spec, stream, ledger, MemoryJournal("one"), MemoryBookStore())
        backtest.run()
    tables = rows_of_tables(folder / LEDGER_FILE_NAME)
    state = backtest.state
    risk = msgspec.json.encode(state.stream.risk)
    conditions = [f"{found.code}: {found.text}" for found in state.warnings.conditions]
    return backtest, Left(tables, ledger.commits, risk, conditions)


def compare(
    folder: Path, stream: TickStream, *, plan: str = "", limits: str = "", **fields: Any
) -> tuple[EventBacktest, Left]:
    """Run both engines with only these limits, and return the run by events and what it left."""
    (folder / "limits.toml").write_text(
        "".join(f'{name} = "none"\n' for name in LIMITS if name not in limits and _may_be_none(name)) + limits
    )
    (folder / "plan.toml").write_text(plan)
    watched = fields.pop("watched", ())
    inputs = {symbol: TickInput(Path("none"), symbol) for symbol in stream.symbols}
    spec = RunSpec(
        inputs=tuple(file for symbol, file in inputs.items() if symbol not in watched),
        watched=tuple(inputs[symbol] for symbol in watched),
        strategy=fields.pop("strategy", f"{__name__}:Holding"),
        risk=str(folder / "limits.toml"),
        plan=str(folder / "plan.toml") if plan else "",
        leverage=500,
        **fields,
    )
    _, expected = left_by(Backtest, spec, stream, folder / "ticks")
    events, found = left_by(EventBacktest, spec, stream, folder / "events")
    assert found == expected
    assert isinstance(events, EventBacktest)
    assert events.visited_parts == []
    return events, found


def _may_be_none(name: str) -> bool:
    return getattr(DEFAULT_LIMITS, name) is not None and name not in (
        "leverage", "position_legs_max", "news_before_min", "news_after_min", "news_impact_min", "foreign_orders",
        "rearm_at_day_end", "news_calendar", "breaker_cooldown_s", "breaker_trials",
    )  # fmt: skip


# Ten lots from 10,000 USD: a point is 10 USD, 0.1% of the balance. The spread of one point is lost at once.
POINTS: Final = {
    "warn": "drawdown_warn_pct = 0.3\n",
    "reduce": "drawdown_warn_pct = 0.3\ndrawdown_reduce_pct = 0.6\n",
    "halt": "drawdown_warn_pct = 0.2\ndrawdown_reduce_pct = 0.4\ndrawdown_halt_pct = 0.5\n",
    "daily loss": "daily_loss_pct_max = 0.4\n",
    "all": "drawdown_warn_pct = 0.3\ndrawdown_reduce_pct = 0.8\ndaily_loss_pct_max = 0.5\n",
}


@pytest.mark.parametrize("name", POINTS)
def test_levels_that_the_equity_touches_exactly_are_found(name: str, tmp_path: Path) -> None:
    bids = stepping(1_200, step=1e-5, seed=len(name), price=1.1, digits=5, reach=9)
    stream = build_stream([rows("EURUSD", bids, 1e-5, pause_ns=SECOND_NS)], accept_crossed=False)
    events, found = compare(tmp_path, stream, plan=TEN_LOTS, limits=POINTS[name])
    assert len(events.state.account.book.orders) == 1
    assert b'"high":"10' in found.risk
    assert events.visits < 1_000


def test_a_warning_has_the_text_of_the_latest_change_of_the_equity(tmp_path: Path) -> None:
    """The warning begins at a visited tick, and its drawdown grows at ticks that are passed over."""
    bids = [1.1] * 3 + [1.0990] * 2 + [round(1.0980 - step * 1e-5, 5) for step in range(100)] + [1.09701] * 9
    stream = build_stream([rows("EURUSD", bids, 1e-5, pause_ns=SECOND_NS)], accept_crossed=False)
    events, found = compare(tmp_path, stream, plan=TEN_LOTS, limits="drawdown_warn_pct = 5\n")
    assert found.conditions == ["DRAWDOWN_WARNING: drawdown 30 %, warning level 5 %"]
    assert events.visits < 10


def test_a_fall_from_the_high_of_the_day_changes_the_denials_in_another_symbol(tmp_path: Path) -> None:
    """The equity rises and falls within one walk over entries that a wide spread denies, and daily loss thereafter."""
    rising = [round(1.1 + step * 1e-5, 5) for step in range(60)]
    bids = [1.1] * 40 + rising + rising[::-1] + rising
    euro = rows("EURUSD", bids, 1e-5, pause_ns=SECOND_NS)
    spreads = np.where(np.arange(len(bids)) < 20, 1e-5, 90e-5)
    pound = rows("GBPUSD", [1.25] * len(bids), spreads, pause_ns=SECOND_NS, first_ns=START_NS + 1)
    events, _ = compare(
        tmp_path,
        build_stream([euro, pound], accept_crossed=False),
        plan=TEN_LOTS,
        limits="daily_loss_pct_max = 2\nspread_factor_max = 3\n",
        strategy=f"EURUSD={__name__}:Holding,GBPUSD={__name__}:Late",
    )
    assert events.state.stream.cursor.denied["DAILY_LOSS"] > 30
    assert events.state.stream.cursor.denied["SPREAD"] > 100
    assert events.visits < 20


def test_days_of_the_server_begin_in_the_middle_of_a_walk(tmp_path: Path) -> None:
    bids = stepping(400, step=1e-5, seed=5, price=1.1, digits=5, reach=30)
    stream = build_stream([rows("EURUSD", bids, 1e-5, pause_ns=HOUR_NS // 2)], accept_crossed=False)
    events, found = compare(tmp_path, stream, plan=TEN_LOTS, limits="daily_loss_pct_max = 1.5\n")
    days = {row[0] // (24 * HOUR_NS) for row in found.ledger["equity_points"]}
    assert len(days) > 7
    assert events.visits < 200


@pytest.mark.parametrize("currency", ["USD", "EUR", "JPY"])
@pytest.mark.parametrize("mode", AccountMode)
def test_positions_in_two_symbols_are_converted_at_the_latest_quotes(
    currency: str, mode: AccountMode, tmp_path: Path
) -> None:
    euro = rows("EURUSD", stepping(700, step=1e-5, seed=1, price=1.1, digits=5, reach=40), 2e-5, pause_ns=3 * SECOND_NS)
    yen = rows(
        "USDJPY", stepping(900, step=1e-3, seed=2, price=150.0, digits=3, reach=40), 0.002,
        pause_ns=2 * SECOND_NS, first_ns=START_NS + 1,
    )  # fmt: skip
    cross = rows(
        "EURJPY", stepping(300, step=1e-3, seed=3, price=165.0, digits=3, reach=40), 0.004,
        pause_ns=7 * SECOND_NS, first_ns=START_NS + 2,
    )  # fmt: skip
    stream = build_stream([euro, yen, cross], accept_crossed=False)
    events, found = compare(
        tmp_path,
        stream,
        plan="[sizing]\nvolume = 3\n",
        limits="drawdown_warn_pct = 0.5\ndaily_loss_pct_max = 60\n",
        currency=currency,
        account_mode=mode,
        balance=Decimal(1_500_000 if currency == "JPY" else 10_000),
    )
    assert len(events.state.account.book.orders) == 3
    assert len(found.ledger["equity_points"]) > 20
    assert events.visits < 400


@pytest.mark.parametrize(("currency", "traded", "pair"), [("EUR", "USDJPY", "EURJPY"), ("JPY", "EURUSD", "USDJPY")])
def test_quotes_of_a_watched_pair_change_the_equity(currency: str, traded: str, pair: str, tmp_path: Path) -> None:
    step = {"EURUSD": 1e-5, "USDJPY": 1e-3, "EURJPY": 1e-3}
    price = {"EURUSD": 1.1, "USDJPY": 150.0, "EURJPY": 165.0}
    bids = [round(price[traded] + min(place, 200) * step[traded], 5) for place in range(300)]
    moving = [price[pair]] * 900
    moving[751], moving[811] = (
        price[pair] + 0.5,
        price[pair] - 0.5,
    )  # the highest and the lowest equity, at one tick each
    stream = build_stream(
        [
            rows(traded, bids, step[traded], pause_ns=3 * SECOND_NS),
            rows(pair, moving, step[pair], pause_ns=SECOND_NS, first_ns=START_NS + 1),
        ],
        accept_crossed=False,
    )
    events, _ = compare(
        tmp_path,
        stream,
        plan=TEN_LOTS,
        limits="drawdown_warn_pct = 30\n",
        currency=currency,
        watched=[pair],
        balance=Decimal(1_500_000 if currency == "JPY" else 10_000),
    )
    assert len(events.state.account.book.orders) == 1


def test_a_walk_confirms_the_ticks_that_single_decisions_would(tmp_path: Path, monkeypatch: Any) -> None:
    """Otherwise the last tick is confirmed at once, and the end of the data is stored with an earlier commit."""
    monkeypatch.setattr("research.backtest.COMMIT_EVERY_TICKS", 300)
    monkeypatch.setattr("research.event_backtest.COMMIT_EVERY_TICKS", 300)
    stream = build_stream([rows("EURUSD", [1.1] * 300, 1e-5, pause_ns=SECOND_NS)], accept_crossed=False)
    events, found = compare(tmp_path, stream)
    assert found.commits[-2:] == [2, 2]
    assert events.visits < 10


def test_crossed_and_wide_spreads_move_the_median_and_deny_entries(tmp_path: Path) -> None:
    """Long spans of wide spreads are passed over, except for the first and the latest denial of each run."""
    dice = np.random.Generator(np.random.PCG64(3))
    count = 2_000
    bids = stepping(count, step=1e-5, seed=4, price=1.1, digits=5, reach=60)
    points = dice.integers(-1, 4, count)
    wide = (np.arange(count) // 250) % 2 == 1
    spreads = np.where(wide, 40 + dice.integers(0, 25, count), points) * 1e-5
    stream = build_stream([rows("EURUSD", bids, spreads, pause_ns=SECOND_NS)], accept_crossed=True)
    events, _ = compare(
        tmp_path, stream, limits="spread_factor_max = 10\n", strategy=f"{__name__}:Alternating", crossed="accept"
    )
    denied = events.state.stream.cursor.denied["SPREAD"]
    assert denied > 150
    orders = len(events.state.account.book.orders)
    assert events.visits < count - denied // 2
    assert orders > 20


@pytest.mark.parametrize("rule", [DRAWDOWN, DAILY_LOSS])
def test_the_rules_on_the_equity_hold_until_a_level(rule: Any) -> None:
    assert rule.equity_levels is not None
    assert rule.until is not None


def test_a_position_in_a_symbol_of_an_earlier_stream_keeps_its_last_quote(tmp_path: Path) -> None:
    """The second run has no ticks of EURUSD, but those of the pair that converts its profit."""
    later_ns = FIRST_NS + 3 * HOUR_NS
    first = [
        TickInput(a_tick_file(tmp_path / "euro.parquet", rows=300, price=1.1), "EURUSD"),
        TickInput(a_tick_file(tmp_path / "yen.parquet", rows=300, price=150.0, digits=3, seed=2), "USDJPY"),
    ]
    file = a_tick_file(tmp_path / "later.parquet", rows=2_000, price=150.0, digits=3, seed=3, start_ns=later_ns)
    second, found = [TickInput(file, "USDJPY")], []
    for engine in BacktestEngine:
        (tmp_path / engine).mkdir()
        for inputs in (first, second):
            spec = RunSpec(
                inputs=tuple(inputs), strategy=f"{__name__}:Holding", currency="JPY", balance=Decimal(1_000_000)
            )
            report = run_backtest(spec, spec.load(), data_dir=tmp_path / engine, keep_venue=True, engine=engine)
        assert sorted(report["position"]) == ["EURUSD", "USDJPY"]
        found.append((rows_of_tables(tmp_path / engine / LEDGER_FILE_NAME), report["unrealized_pnl"]))
    assert found[0] == found[1]
    assert report["timings"]["visits"] < 200
