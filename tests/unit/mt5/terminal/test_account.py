"""The account that the terminal shows: deals, terms of symbols, allowed accounts, and an unavailable terminal."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import StartError
from proto.gateway import ErrorCode, Modify
from proto.trading.enums import CalculationMode, SwapMode, TradeMode
from proto.trading.instrument import TRIPLE_WEDNESDAY, Instrument, SwapTerms
from services.mt5.terminal import mt5_types
from services.mt5.terminal.account_policy import AccountPolicy, is_real_allowed, mode_of
from services.mt5.terminal.row_conversion import deal_from_row, order_from_row
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.symbol_conversion import instrument_from_row
from services.mt5.terminal.terminal_connection import open_terminal
from tests.support.fake_terminal.broker import a_symbol
from tests.support.fake_terminal.module import LOGIN, FakeTerminal, ScriptedReply
from tests.support.market import utc_ns
from tests.unit.mt5.terminal.terminal_by_hand import SECOND_NS, Bench, a_buy, a_sell

TOKEN = "a-token-of-sixteen-and-more"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_deals_are_numbered_in_the_order_in_which_they_were_shown(bench: Bench) -> None:
    """A deal that the history shows late gets the next number, even if it was made earlier."""
    bench.fake.script.append(ScriptedReply(answer=None, hides=30))
    bench.send(a_buy("A-1"))
    bench.send(a_buy("A-2"))
    assert [deal.ticket for deal in bench.link.deals_after(1, 9, bench.now)] == [50_002]
    bench.wait(10_000)
    deals = bench.link.deals_after(0, 9, bench.now)
    assert [(deal.deal, deal.ticket) for deal in deals] == [(1, 0), (2, 50_002), (3, 50_001)]
    bench.restart()
    assert bench.link.deals_after(0, 9, bench.now) == deals


def test_a_deal_after_a_month_without_deals_is_shown(bench: Bench) -> None:
    """When the second deal is made, the account has no open order, and its newest deal is a month old."""
    bench.send(a_buy("A-1"))
    bench.mono_ns += 30 * 86_400 * SECOND_NS
    bench.tick(1.1, 1.1001)
    bench.send(a_buy("A-2"))
    assert [deal.ticket for deal in bench.link.deals_after(0, 9, bench.now)] == [0, 50_001, 50_002]


def test_a_deal_reports_its_cash_and_the_brokers_number(bench: Bench) -> None:
    """`history_deals_get` has profit, commission, swap and fee of each deal; the first deal is the deposit."""
    bench.send(a_buy())
    bench.tick(1.11, 1.1101)
    bench.send(a_sell())
    deposit, opened, closed = bench.link.deals_after(0, 9, bench.now)
    assert (deposit.kind, deposit.profit, deposit.symbol) == ("BALANCE", Decimal("10000.00"), "")
    assert (opened.entry, opened.price, opened.volume) == ("IN", Decimal("1.1001"), Decimal("0.1"))
    assert (closed.entry, closed.profit) == ("OUT", Decimal("99.00"))
    assert closed.comment == "deal 70003 A-2"
    assert bench.broker.balance == sum((deal.cash for deal in (deposit, opened, closed)), Decimal(0))


def test_the_last_revision_is_kept_across_a_restart(bench: Bench) -> None:
    bench.send(a_buy())
    [position] = bench.broker.positions()
    change = Modify(symbol="EURUSD", position=position.ticket, stop_loss=Decimal("1.09"), revision=7)
    bench.link.modify(change, bench.now)
    bench.restart()
    same = bench.link.previous_modification(change, bench.now)
    assert same is not None
    assert (same.error_code, same.position is not None) == (None, True)
    older = Modify(symbol="EURUSD", position=position.ticket, revision=6)
    outcome = bench.link.previous_modification(older, bench.now)
    assert outcome is not None
    assert outcome.error_code is ErrorCode.STALE_REVISION
    assert [held.revision for held in bench.broker.positions()] == [7]


def test_a_modification_without_an_answer_may_be_sent_again(bench: Bench) -> None:
    bench.send(a_buy())
    [position] = bench.broker.positions()
    change = Modify(symbol="EURUSD", position=position.ticket, stop_loss=Decimal("1.09"), revision=1)
    bench.fake.script.append(ScriptedReply(executes=False, answer=None))
    assert bench.link.modify(change, bench.now) is None
    assert bench.link.previous_modification(change, bench.now) is None
    bench.link.modify(change, bench.now)
    assert bench.link.previous_modification(change, bench.now) is not None
    assert [held.stop_loss for held in bench.broker.positions()] == [Decimal("1.09")]


def test_a_terminal_without_a_connection_or_without_an_answer_is_unavailable(bench: Bench) -> None:
    """`terminal_info().connected` is the connection to the server; without a terminal the result is None."""
    bench.fake.is_connected = False
    bench.wait(500)
    trouble = bench.link.unavailable(bench.now)
    assert trouble is not None
    assert trouble.code is ErrorCode.VENUE_DISCONNECTED
    bench.fake.is_connected, bench.fake.has_ipc = True, False
    bench.wait(500)
    trouble = bench.link.unavailable(bench.now)
    assert trouble is not None
    assert "No IPC connection (-10004)" in trouble.message
    bench.fake.has_ipc = True
    bench.wait(500)
    assert bench.link.unavailable(bench.now) is None


def test_deals_of_another_account_are_ignored(bench: Bench) -> None:
    before = bench.link.deals_after(0, 9, bench.now)
    bench.fake.login = LOGIN + 1
    bench.fake.broker.deposit(77.0)
    bench.wait(500)
    trouble = bench.link.unavailable(bench.now)
    assert trouble is not None
    assert trouble.message == f"the terminal is logged in to account {LOGIN + 1}, expected {LOGIN} (MT5_LOGIN)"
    assert bench.link.deals_after(0, 9, bench.now) == before


def test_a_terminal_that_has_not_answered_for_10_s_is_unavailable(bench: Bench) -> None:
    bench.caller.holds = True
    bench.wait(9_000)
    assert bench.link.unavailable(bench.now) is None
    bench.wait(2_000)
    trouble = bench.link.unavailable(bench.now)
    assert trouble is not None
    assert "has not answered for 1" in trouble.message


def test_an_order_by_hand_is_a_foreign_order(bench: Bench) -> None:
    """Orders by hand have magic 0, even if their comment is an order id."""
    bench.fake.broker.send(
        {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "type_filling": 2, "price": 1.0, "comment": "A-1"}
    )
    bench.wait(500)
    [order] = bench.link.orders_after(0, 9, bench.now)
    assert order.magic == 0
    assert bench.shown("A-1") == "nothing"
    assert list(bench.link.resting(bench.now)) == []


def test_a_refused_cancel_is_sent_again_only_after_a_pause(bench: Bench) -> None:
    """The server refuses the first cancel with 10018, because the market is closed."""
    bench.fake.broker.send(
        {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "type_filling": 2, "price": 1.0, "magic": 9}
    )
    bench.wait(500)
    [order] = bench.link.resting(bench.now)
    bench.fake.script.append(ScriptedReply(executes=False, answer=10018))
    for _ in range(5):
        bench.link.cancel(order, bench.now, why="the lease has lapsed")
        bench.wait(100)
    assert len(bench.fake.requests) == 1
    bench.wait(2_000)
    bench.link.cancel(order, bench.now, why="the lease has lapsed")
    assert list(bench.link.resting(bench.now)) == []


def from_row(name: str, **fields: object) -> Instrument:
    return instrument_from_row(a_symbol(name, **fields), currency="USD", clock=ServerClock())


def test_the_terms_of_a_symbol_are_converted_from_its_row() -> None:
    """In `symbol_info`, `swap_rollover3days` counts weekdays from Sunday; the desk counts them from Monday."""
    instrument = from_row("EURUSD", trade_stops_level=30, trade_freeze_level=5, trade_mode=3)
    assert (instrument.digits, instrument.contract_size, instrument.tick_size) == (
        5,
        Decimal(100_000),
        Decimal("0.00001"),
    )
    assert (instrument.volume_min, instrument.volume_max, instrument.volume_step) == (
        Decimal("0.01"),
        Decimal(100),
        Decimal("0.01"),
    )
    assert (instrument.stops_level_points, instrument.freeze_level_points) == (30, 5)
    assert instrument.swaps == (SwapTerms(None, SwapMode.POINTS, Decimal("-6.3"), Decimal("2.1")),)
    assert instrument.swap_weekdays == TRIPLE_WEDNESDAY
    assert instrument.calculation_mode is CalculationMode.FOREX
    assert [instrument.margin_hedged, instrument.volume_limit] == [100_000, 0]
    assert (instrument.filling, instrument.trade_mode) == (("FOK", "IOC"), TradeMode.CLOSE_ONLY)
    in_money = from_row("EURUSD", swap_mode=4, trade_exemode=3, filling_mode=1)
    assert (in_money.swaps[0].mode, in_money.filling) == (SwapMode.CURRENCY_DEPOSIT, ("FOK", "RETURN"))


def test_terms_that_the_package_does_not_have_are_listed_in_untold() -> None:
    untold = {
        "commissions", "holidays", "margin_rates_long", "margin_rates_short", "quote_sessions", "sessions",
        "swap_weekdays",
    }  # fmt: skip
    assert set(from_row("EURUSD").untold) == untold
    assert set(from_row("EURUSD", swap_mode=8, order_gtc_mode=1).untold) == untold | {"swaps", "gtc_mode"}


def test_the_expiry_of_a_symbol_is_converted_from_server_time_to_utc() -> None:
    """On 2026-03-20 New York has summer time, so that a server of New-York-close time is at UTC+3."""
    instrument = from_row("EURUSD", expiration_time=utc_ns("2026-03-20 23:00") // 10**9)
    assert instrument.expires_ns == utc_ns("2026-03-20 20:00")


def test_a_future_uses_its_tick_value_and_an_unsupported_calculation_mode_is_refused() -> None:
    future = from_row(
        "ESH6", trade_calc_mode=33, trade_tick_size=0.25, trade_tick_value=12.5, trade_contract_size=1.0,
        currency_base="USD", currency_profit="USD", currency_margin="USD", margin_initial=15_000.0,
    )  # fmt: skip
    assert [future.multiplier, future.margin_initial] == [50, 15_000]
    with pytest.raises(
        StartError, match=r"ESH6: the tick value is 12\.5 USD, expected a value in the profit currency EUR"
    ):
        from_row("ESH6", trade_calc_mode=1, trade_tick_value=12.5, currency_profit="EUR")
    with pytest.raises(StartError, match="BOND: calculation mode 37 of MetaTrader's ENUM_SYMBOL_CALC_MODE"):
        from_row("BOND", trade_calc_mode=37)


def test_a_real_account_is_refused_by_default(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="DEMO_ONLY: account 5001234 is a real one, expected a demo account"):
        Bench(tmp_path, trade_mode=mt5_types.ACCOUNT_TRADE_MODE_REAL)


def test_a_real_account_needs_the_setting_and_the_same_token_twice(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert not is_real_allowed(allow=False, token=TOKEN, token_file=file)
    assert is_real_allowed(allow=True, token=TOKEN, token_file=file)
    for token, path in ((TOKEN, None), ("short", file), (TOKEN + "x", file), (TOKEN, tmp_path / "none")):
        with pytest.raises(StartError, match="MT5_"):
            is_real_allowed(allow=True, token=token, token_file=path)
    fake = FakeTerminal(utc_ms=lambda: 0, trade_mode=mt5_types.ACCOUNT_TRADE_MODE_REAL)
    account = fake.account_info()
    assert account is not None
    assert mode_of(account) == "live"
    assert AccountPolicy(login=LOGIN, is_real_allowed=True).violation(account) is None
    refused = AccountPolicy(login=LOGIN, is_real_allowed=False).violation(account)
    assert refused is not None
    assert refused.code is ErrorCode.DEMO_ONLY


def test_a_start_with_a_symbol_that_the_broker_does_not_have_is_refused(bench: Bench) -> None:
    setup = bench.setup._replace(symbol_map={"EURUSD": "EURUSD.x"})
    with pytest.raises(StartError, match=r"TRADING_SYMBOL: the broker has no EURUSD\.x; MT5_SYMBOL_MAP maps"):
        open_terminal(bench.fake, setup, wall_ns=bench.now.domain_ns)


def test_a_start_without_a_connection_to_the_terminal_is_refused(bench: Bench) -> None:
    """`initialize` returns False, and `last_error` has the reason."""
    bench.fake.has_ipc = False
    with pytest.raises(StartError, match=r"no connection to the terminal: No IPC connection \(-10004\)"):
        open_terminal(bench.fake, bench.setup, wall_ns=bench.now.domain_ns)


def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    TerminalStore(tmp_path / "terminal.db", account="1", stream_id="s").close()
    with pytest.raises(StartError, match="is of account 1, expected 2"):
        TerminalStore(tmp_path / "terminal.db", account="2", stream_id="s")


def test_history_at_a_server_time_that_does_not_exist_is_reported_with_the_zone_setting(bench: Bench) -> None:
    """A server of New-York-close time skips 2026-03-08 09:30."""
    deposit = bench.fake.broker.deals[70_001]
    bench.fake.broker.deals[70_002] = deposit._replace(ticket=70_002, time=1_772_962_200, time_msc=1_772_962_200_000)
    with pytest.raises(StartError, match=r"MT5_SERVER_ZONE: server time 2026-03-08 09:30:00 does not exist in"):
        bench.restart()


def test_a_deal_or_an_order_with_a_number_that_is_not_finite_is_refused(bench: Bench) -> None:
    deal = bench.fake.broker.deals[70_001]._replace(type=mt5_types.DEAL_TYPE_BUY, price=math.nan)
    clock = ServerClock()
    with pytest.raises(ValueError, match="price is NaN, expected a finite decimal"):
        deal_from_row(deal, number=1, ordinal=0, digits=2, clock=clock, not_before_ns=0)
    bench.send(a_buy("A-1"))
    [order] = bench.fake.broker.history.values()
    with pytest.raises(ValueError, match="stop_loss is Infinity, expected a finite decimal"):
        order_from_row(order._replace(sl=math.inf), is_open=False, deals=(), ordinal=0, revision=0, clock=clock)


def test_an_expiry_in_a_skipped_hour_is_at_the_end_of_that_hour(bench: Bench) -> None:
    foreign = {
        "action": 5,
        "symbol": "EURUSD",
        "volume": 0.1,
        "type": 2,
        "type_filling": 2,
        "price": 1.0,
        "type_time": 2,
    }
    bench.fake.broker.send({**foreign, "expiration": 1_772_962_200})
    bench.wait(500)
    [order] = bench.link.orders_after(0, 9, bench.now)
    assert order.order.expires_ns == 1_772_953_200 * 1_000_000_000
