"""Replay and backtest agree with the contract terms of an index and a crypto currency from a file.

Three currency pairs with built-in terms are traded as well. The ticks include two weekends. Run with the full number of
ticks, some minutes on two cores:

    PAPERDESK_SYSTEM_TICKS=50000 python -m pytest tests/system/test_parity_of_instruments.py
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.replays import list_rows, run_paperdesk, ticks_or
from tests.support.tick_files import a_tick_file

TICKS = ticks_or(3_000)
DAYS = 12
STREAM = {
    "DE40": (18_000.0, 1),
    "BTCUSD": (90_000.0, 2),
    "EURUSD": (1.08, 5),
    "USDJPY": (150.0, 3),
    "EURJPY": (162.0, 3),
}
"""First price and digits of each symbol."""

TERMS = """
[DE40]
digits = 1
tick_size = 0.1
contract_size = 25
volume_min = 0.01
volume_max = 50
volume_step = 0.01
volume_limit = 40
base_currency = "EUR"
profit_currency = "EUR"
margin_currency = "EUR"
calculation_mode = "CFD"
margin_rates_long = [0.05, 0.04]
margin_rates_short = [0.05, 0.05]
margin_hedged = 10
swap_weekdays = [1, 1, 1, 1, 3, 0, 0]
clock = "Europe/Berlin"
trade_sessions = ["Mon-Fri 01:00-24:00"]
holidays = [2014-05-07]
stops_level = 10
freeze_level = 5
filling = ["FOK", "IOC", "RETURN"]
swap = { mode = "INTEREST_CURRENT", long = -6.5, short = 1.25 }
commission = { per_lot = 2.5, currency = "USD" }

[BTCUSD]
digits = 2
tick_size = 0.01
contract_size = 1
volume_min = 0.01
volume_max = 50
volume_step = 0.01
base_currency = "BTC"
profit_currency = "USD"
margin_currency = "USD"
calculation_mode = "CFD"
margin_rates_long = [0.5, 0.5]
margin_rates_short = [0.5, 0.5]
margin_hedged = "larger"
swap_weekdays = [1, 1, 1, 1, 1, 1, 1]
trade_sessions = []
stops_level = 0
freeze_level = 0
filling = ["FOK", "IOC", "RETURN"]
commission = [{ per_lot = 0 }, { from = 2014-05-06, per_lot = 10 }]
swap = [
    { mode = "INTEREST_OPEN", long = -30, short = 10 },
    { from = 2014-05-05, mode = "CURRENCY_DEPOSIT", long = -20, short = -10 },
]
"""


@pytest.mark.parametrize(("currency", "mode"), [("EUR", "hedging"), ("JPY", "netting")])
def test_replay_and_backtest_with_terms_from_a_file_are_identical(currency: str, mode: str, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS, encoding="utf-8")
    pause_ms = DAYS * 86_400_000 // (TICKS // len(STREAM)) * 2
    files = []
    for seed, (symbol, (price, digits)) in enumerate(STREAM.items(), 1):
        path = tmp_path / f"{symbol}.parquet"
        rows = TICKS // len(STREAM)
        a_tick_file(path, rows=rows, seed=seed, price=price, digits=digits, pause_ms_max=pause_ms)
        files.append(f"{path}:{symbol}")
    done = run_paperdesk(
        *("parity", *files, "--instruments", terms, "--fills", "realistic", "--currency", currency, "--risk", "none"),
        *("--account-mode", mode, "--on-opposite", "reverse", "--balance", 100_000_000, "--volume", "0.5"),
        *("--speed", "max", "--data-dir", tmp_path / "desk", "--json"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["identical"] is True
    deals = list_rows("deals", tmp_path / "desk" / "replay")
    for symbol in ("DE40", "BTCUSD"):
        own = [deal for deal in deals if deal["symbol"] == symbol]
        assert any(Decimal(deal["swap"]) for deal in own), symbol
        assert any(Decimal(deal["commission"]) for deal in own), symbol
        step = Decimal(1) if currency == "JPY" else Decimal("0.01")
        assert all(Decimal(deal[what]) % step == 0 for deal in own for what in ("profit", "swap", "commission"))
