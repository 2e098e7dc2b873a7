"""Gold on accounts in EUR and JPY is valued with the quotes of watched symbols, which are not traded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from marketdata.files.tick_input import TickInput
from proto.trading.money import missing_conversions
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from tests.support.builders import plain_terms
from tests.support.tick_files import START_NS, a_tick_file

ROWS = 400
RATE_BID, RATE_ASK = "1.08", "1.0802"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gold with moving prices; EURUSD and USDJPY with constant prices once a minute, beginning 1 s before gold."""
    made = tmp_path_factory.mktemp("ticks")
    a_tick_file(made / "gold.parquet", rows=ROWS, price=2350.0, digits=2)
    for name, bid, ask in (("eurusd", float(RATE_BID), float(RATE_ASK)), ("usdjpy", 150.0, 150.02)):
        times = START_NS - 1_000_000_000 + np.arange(10, dtype=np.int64) * 60_000_000_000
        pl.DataFrame({"ts_ns": times, "bid": [bid] * 10, "ask": [ask] * 10}).write_parquet(made / f"{name}.parquet")
    return made


def a_spec(folder: Path, currency: str, *watched: str, **changed: Any) -> RunSpec:
    fields: dict[str, Any] = {
        "inputs": (TickInput(folder / "gold.parquet", "XAUUSD"),),
        "watched": tuple(TickInput(folder / f"{symbol.lower()}.parquet", symbol) for symbol in watched),
        "strategy": "tests.support.flipping:Flipping",
        "risk": "none",
        "currency": currency,
        "volume": Decimal(1),
        "leverage": 0,
        **changed,
    }
    return RunSpec(**fields)


def a_run(spec: RunSpec, folder: Path) -> tuple[dict[str, Any], Book, TickCursor]:
    report = run_backtest(spec, spec.load(), data_dir=folder)
    book, kept = read_ledger(folder / LEDGER_FILE_NAME)
    return report, book, kept.cursor


def test_gold_alone_on_an_account_in_euros_is_denied_every_order_and_trades_with_eurusd_watched(
    folder: Path, tmp_path: Path
) -> None:
    alone, _, _ = a_run(a_spec(folder, "EUR"), tmp_path / "alone")
    assert (alone["orders"]["created"], alone["orders"]["denied"]) == (0, {"NO_CONVERSION_RATE": ROWS - 2})
    watched, book, _ = a_run(a_spec(folder, "EUR", "EURUSD"), tmp_path / "watched")
    assert watched["orders"]["denied"] == {}
    assert watched["orders"]["created"] > 50
    assert watched["reconciled"]
    assert {deal.symbol for deal in book.deals if deal.kind.is_trade} == {"XAUUSD"}


def test_a_watched_symbol_is_in_no_counter_of_signals_and_does_not_affect_the_strategy(
    folder: Path, tmp_path: Path
) -> None:
    in_dollars, plain, _ = a_run(a_spec(folder, "USD"), tmp_path / "usd")
    in_euros, book, cursor = a_run(a_spec(folder, "EUR", "EURUSD"), tmp_path / "eur")
    assert in_euros["signals"] == in_dollars["signals"]
    assert (in_euros["watched"], in_dollars["watched"]) == ({"EURUSD": 10}, {})
    assert in_euros["ticks"]["processed"] == in_euros["ticks"]["published"] == ROWS + 10
    assert in_euros["symbols"] == ["XAUUSD"]
    assert "EURUSD" in cursor.marks
    sides = [[(order.side, order.volume, order.price) for order in one.orders.values()] for one in (plain, book)]
    assert sides[0] == sides[1]


@pytest.mark.parametrize(
    ("currency", "watched", "of_a_gain", "of_a_loss", "digits"),
    [
        # A profit in USD buys EUR at the ask of EURUSD, or JPY at the bid of USDJPY; a loss uses the other price.
        ("EUR", "EURUSD", 1 / Decimal(RATE_ASK), 1 / Decimal(RATE_BID), 2),
        ("JPY", "USDJPY", Decimal("150.00"), Decimal("150.02"), 0),
    ],
)
def test_each_profit_is_the_profit_in_usd_at_the_watched_rate(
    folder: Path, tmp_path: Path, currency: str, watched: str, of_a_gain: Decimal, of_a_loss: Decimal, digits: int
) -> None:
    _, plain, _ = a_run(a_spec(folder, "USD"), tmp_path / "usd")
    _, book, _ = a_run(a_spec(folder, currency, watched), tmp_path / "other")
    profits = [[deal.profit for deal in one.deals if deal.kind.is_trade] for one in (plain, book)]
    assert any(profit > 0 for profit in profits[0])
    assert any(profit < 0 for profit in profits[0])
    step = Decimal(1).scaleb(-digits)
    for dollars, other in zip(*profits, strict=True):
        assert abs(other - dollars * (of_a_gain if dollars > 0 else of_a_loss)) <= step / 2


def test_watched_symbols_are_part_of_the_stream_id_only_if_there_are_any(folder: Path) -> None:
    data = "ab" * 32
    one, other = a_spec(folder, "EUR", "EURUSD"), a_spec(folder, "EUR")
    assert one.stream_id(data) != other.stream_id(data)
    assert one.deciding_settings()["watched"] == "EURUSD"
    assert "watched" not in other.deciding_settings()
    environment = one.environment("id", "max")
    assert (environment["TRADING_SYMBOL"], environment["WATCHED_SYMBOL"]) == ("XAUUSD", "EURUSD")
    assert environment["MT5_TICKS"].endswith("eurusd.parquet:EURUSD")


def test_a_missing_conversion_pair_is_found_before_the_first_quote() -> None:
    terms = {symbol: plain_terms(symbol) for symbol in ("XAUUSD", "EURUSD", "USDJPY")}
    gold = {"XAUUSD": terms["XAUUSD"]}
    assert missing_conversions(["XAUUSD"], "USD", gold) == {}
    assert missing_conversions(["XAUUSD"], "EUR", gold) == {"XAUUSD": "USD"}
    assert missing_conversions(["XAUUSD"], "EUR", terms) == {}, "the inverse of EURUSD converts USD to EUR"
    assert missing_conversions(["XAUUSD", "USDJPY"], "JPY", gold | {"USDJPY": terms["USDJPY"]}) == {}
    assert missing_conversions(["EURUSD"], "GBP", terms) == {"EURUSD": "USD"}
