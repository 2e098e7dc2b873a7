"""The gateway with a generated market: published ticks, and their repetition after a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import StartError
from common.project_root import ENV_FILE_VARIABLE
from common.settings import load
from marketdata import price_model_parameters as terms
from marketdata.generated_market import HISTORY_BLOCKS, GeneratedMarket, open_market
from proto.gateway import Buy, GetTicks, Hello, HelloReply, OrderReply, TicksReply
from proto.messages import Tick
from proto.time import Now
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.settings import Mt5Settings
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.market_store import MarketSaver, read_market
from tests.unit.mt5.builders import a_buy, placed

SYMBOLS = ("EURUSD", "XAUUSD")
SECOND_NS = 1_000_000_000


class Boot:
    """One start of the gateway with the book's file; `dies` leaves the file as a kill would."""

    def __init__(self, path: Path, journal: MemoryJournal, *, symbols: tuple[str, ...] = SYMBOLS) -> None:
        self.store = DurableBookStore(path)
        self.market: GeneratedMarket = open_market(
            symbols=symbols, seed=5, before=self.store.market.load(), after_ns=self.store.load().time_ns
        )
        self.keeper = MarketSaver(self.market, self.store.market)
        self.keeper.save(0)
        self.gateway: Gateway = simulated_gateway(
            stream=self.market,
            stream_id=self.market.stream_id,
            journal=journal,
            book_store=self.store,
            boot_id="boot",
            terms=AccountTerms(Decimal(10_000)),
            pace=Pace(0, 1.0),
        )

    def run(self, seconds: float, *, from_s: float = 0.0) -> Iterator[Tick]:
        """The ticks that are published within `seconds`; market and book are stored each second."""
        for tenth in range(int(from_s * 10), int((from_s + seconds) * 10) + 1):
            while ticks := self.gateway.on_timer(Now(0, tenth * SECOND_NS // 10)):
                yield from ticks
            if tenth % 10 == 0:
                self.keep()

    def keep(self) -> None:
        """Store market and book, as the shell does every second."""
        self.keeper.save(self.gateway.venue.ordinal)
        self.gateway.venue.checkpoint()

    def hello(self) -> HelloReply:
        [reply] = self.gateway.handle(Hello(client="test"), Now(0, 0))
        assert isinstance(reply, HelloReply)
        return reply

    def dies(self) -> None:
        self.store.close()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal("journal-1")


def facts(ticks: list[Tick]) -> list[tuple[object, ...]]:
    return [(tick.symbol, tick.sequence, tick.ordinal, tick.time_ns, tick.bid, tick.ask, tick.volume) for tick in ticks]


def test_a_new_account_has_history_and_the_first_live_tick_is_at_the_opening(
    tmp_path: Path, journal: MemoryJournal
) -> None:
    boot = Boot(tmp_path / "book.db", journal)
    hello = boot.hello()
    assert hello.window == 0
    assert hello.published == hello.confirmed == boot.market.opening_ordinal
    assert min(hello.sequences.values()) > 500
    first = next(boot.run(1))
    assert first.ordinal == hello.published + 1
    assert first.time_ns >= terms.OPENING_NS
    boot.dies()


def test_a_killed_gateway_publishes_the_ticks_since_its_last_commit_again(
    tmp_path: Path, journal: MemoryJournal
) -> None:
    """The kill is 0.7 s after the last commit; the same ticks are published again, then the following ones."""
    one = Boot(tmp_path / "book.db", journal)
    before = list(one.run(20.7))
    kept = read_market(tmp_path / "book.db")
    one.dies()
    other = Boot(tmp_path / "book.db", journal)
    again = list(other.run(20))
    assert kept is not None
    assert other.market.stream_id == one.market.stream_id == kept.stream_id
    assert 0 < again[0].ordinal <= before[-1].ordinal + 1
    lost = [tick for tick in before if tick.ordinal >= again[0].ordinal]
    assert 0 < len(lost) < 15
    assert facts(again)[: len(lost)] == facts(lost)
    assert [tick.ordinal for tick in again] == list(range(again[0].ordinal, again[-1].ordinal + 1))
    other.dies()


def test_a_restarted_gateway_returns_earlier_ticks_and_keeps_the_account(
    tmp_path: Path, journal: MemoryJournal
) -> None:
    one = Boot(tmp_path / "book.db", journal)
    before = [tick for tick in one.run(10) if tick.symbol == "EURUSD"]
    [filled] = one.gateway.handle(Buy(order_id="A-1", symbol="EURUSD", volume=Decimal("0.01")), Now(0, 10 * SECOND_NS))
    assert isinstance(filled, OrderReply)
    assert filled.filled_price == Decimal(str(before[-1].ask))
    one.keep()
    one.dies()
    other = Boot(tmp_path / "book.db", journal)
    [page] = other.gateway.handle(GetTicks(symbol="EURUSD", from_sequence=before[0].sequence), Now(0, 0))
    assert isinstance(page, TicksReply)
    assert page.from_sequence == before[0].sequence
    assert page.bid == [tick.bid for tick in before]
    assert page.ordinal == [tick.ordinal for tick in before]
    assert other.gateway.venue.deal_count == 2
    assert other.gateway.venue.time_ns == one.gateway.venue.time_ns
    other.dies()


def test_other_symbols_on_an_account_begin_a_new_stream_after_the_old_one(
    tmp_path: Path, journal: MemoryJournal
) -> None:
    one = Boot(tmp_path / "book.db", journal)
    last = list(one.run(5))[-1]
    one.keep()
    one.dies()
    other = Boot(tmp_path / "book.db", journal, symbols=("EURUSD", "USDJPY"))
    first = next(other.run(1))
    assert first.stream_id != last.stream_id
    assert first.time_ns > last.time_ns
    assert other.gateway.venue.deal_count == 1
    other.dies()


def test_the_book_keeps_market_states_of_the_last_minutes_only(tmp_path: Path, journal: MemoryJournal) -> None:
    boot = Boot(tmp_path / "book.db", journal)
    for _ in range(HISTORY_BLOCKS + 30):
        boot.gateway.venue.step_to(boot.market.tick_at(boot.gateway.venue.ordinal + 1).ordinal + 300)
        boot.keep()
    kept = read_market(tmp_path / "book.db")
    assert kept is not None
    assert len(kept.states) <= HISTORY_BLOCKS + 3
    assert kept.states[-1].block - kept.states[0].block == len(kept.states) - 1
    boot.dies()


# ----------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"MT5_PACE": "lockstep"}, "MT5_PACE: value 'lockstep', expected live"),
        ({"MT5_MARKET": "recorded"}, "MT5_TICKS: value ''"),
        ({"MT5_MARKET": "generated", "MT5_TICKS": "e.parquet:EURUSD"}, "MT5_MARKET: value 'generated'"),
        ({"TRADING_SYMBOL": "EURUSD,AAPL"}, "TRADING_SYMBOL: the generated market has no AAPL"),
        ({"MT5_STREAM_ID": "mine"}, "MT5_STREAM_ID: value 'mine'"),
        ({"MT5_MARKET": "real"}, "MT5_MARKET: value 'real', expected recorded or generated"),
    ],
)
def test_settings_that_contradict_a_generated_market_are_refused(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], expected: str
) -> None:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartError) as caught:
        load(Mt5Settings).require_sound()
    assert str(caught.value).startswith(expected)


def test_without_the_setting_of_ticks_the_market_is_generated_and_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    settings = load(Mt5Settings)
    settings.require_sound()
    assert settings.is_generated
    assert settings.pace == Pace(0, 1.0)


@pytest.mark.parametrize("table", ["account", "orders", "deals", "positions", "market", "market_minutes"])
def test_a_damaged_row_of_any_table_is_refused_with_the_table_name(
    tmp_path: Path, journal: MemoryJournal, table: str
) -> None:
    """The test changes the checksum; a changed row would be found in the same way."""
    path = tmp_path / "book.db"
    boot = Boot(path, journal)
    assert list(boot.run(1))
    assert placed(boot.gateway, a_buy()).status == "FILLED"
    boot.dies()
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(f"UPDATE {table} SET checksum = (checksum | 1) - (checksum & 1)").rowcount
    with pytest.raises(StartError, match=rf"book\.db: row .* of table {table} is damaged"):
        Boot(path, journal).dies()


def test_a_book_that_lost_a_deal_is_refused(tmp_path: Path, journal: MemoryJournal) -> None:
    path = tmp_path / "book.db"
    boot = Boot(path, journal)
    assert list(boot.run(1))
    assert placed(boot.gateway, a_buy()).status == "FILLED"
    boot.dies()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM deals WHERE deal = 1")
    with pytest.raises(StartError, match="table deals has 1 rows and deal 2, expected deals without a gap"):
        Boot(path, journal).dies()
