"""Realized profit of the server's day, week and month: the trades closed in it, and the change of the balance."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from proto.control.views import TradeRow
from proto.gateway import DealEntry, DealKind
from proto.time import DAY_NS, SECOND_NS
from proto.trading.enums import AccountMode, Side
from proto.trading.server_time import server_day, utc_times_of
from services.portfolio.core.accounting.round_trips import track_round_trips
from services.portfolio.core.queries.views import trade_row
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from services.web.read_model.index import ReadModel
from tests.support.builders import a_deal, a_deposit, booked_deals
from tests.unit.web.read_model.ledgers import followed, ledger_by_hand, trade_by_backtest

D = Decimal


def utc_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize("mode", AccountMode)
def test_the_periods_of_a_run(tmp_path: Path, mode: AccountMode) -> None:
    trade_by_backtest(tmp_path, mode=mode)
    book, _ = read_ledger(tmp_path / LEDGER_FILE_NAME)
    tracker = track_round_trips(book)
    rows = [trade_row(number, trade) for number, trade in enumerate(tracker.round_trips, 1)]
    with followed(tmp_path, limit=50) as model:
        days = sorted({server_day(row.close_time_ns) for row in rows})
        assert len(days) > 1
        for day in days:
            require_day(model, rows, day)
            of_days = [
                deal for deal in book.deals if deal.kind is not DealKind.BALANCE and server_day(deal.time_ns) >= day
            ]
            change = sum((deal.profit + deal.commission + deal.swap for deal in of_days), D(0))
            assert model.pnl(utc_times_of(day * DAY_NS)[0] + 5).today.balance_change == change
        assert model.pnl(rows[0].open_time_ns).month.balance_change == book.balance - sum(
            deal.profit for deal in book.deals if deal.kind is DealKind.BALANCE
        )
        month = model.pnl(rows[-1].close_time_ns).month
        assert month.trades == len(rows)
        costs = sum((one.charges.commission + one.charges.swap for one in tracker.result().open), D(0))
        by_tag = {tag: one.net for tag, one in tracker.pnl_by_tag().items()}
        assert sum(month.by_tag.values()) - costs == sum(by_tag.values()) - tracker.result().unassigned.net
        assert month.commission < 0


def require_day(model: ReadModel, rows: list[TradeRow], day: int) -> None:
    found = model.pnl(utc_times_of(day * DAY_NS)[0] + 5).today
    of_day = [row for row in rows if server_day(row.close_time_ns) == day]
    assert found.from_ns == utc_times_of(day * DAY_NS)[0]
    assert found.trades >= len(of_day)
    later = [row for row in rows if server_day(row.close_time_ns) >= day]
    assert found.net == sum((row.net for row in later), D(0))
    assert found.gross_profit == sum((row.profit for row in later if row.profit > 0), D(0))
    assert found.gross_loss == sum((row.profit for row in later if row.profit < 0), D(0))
    assert found.net == found.gross_profit + found.gross_loss + found.commission + found.swap
    by_symbol: Counter[str] = Counter()
    for row in later:
        by_symbol[row.symbol] += row.net  # type: ignore[assignment]  # decimals
    assert found.by_symbol == dict(by_symbol)


def test_the_profit_of_a_day_and_its_other_charges_are_the_change_of_the_balance(tmp_path: Path) -> None:
    monday, tuesday = utc_ns("2026-03-02T12:00:00"), utc_ns("2026-03-03T12:00:00")
    cash: dict[str, Any] = {"entry": DealEntry.NONE, "volume": "0", "price": "0", "time_ns": tuesday}
    deals = (
        a_deposit(1),
        a_deal(2, commission=D("-0.04"), time_ns=monday),
        a_deal(3, kind=DealKind.SWAP, profit=D("-0.65"), **cash),
        a_deal(4, Side.SELL, price="1.2", profit=D(5), commission=D("-0.04"), entry=DealEntry.OUT, time_ns=tuesday),
        # These two come after the close and have no lot.
        a_deal(5, kind=DealKind.COMMISSION, profit=D("-1.00"), **cash),
        a_deal(6, kind=DealKind.SWAP, profit=D("-0.30"), **cash),
        a_deal(7, kind=DealKind.BALANCE, profit=D(500), **cash),
        a_deal(8, kind=DealKind.CORRECTION, profit=D(7), **cash),
        a_deal(9, commission=D("-0.05"), time_ns=tuesday),
    )
    with ledger_by_hand(tmp_path) as ledger:
        ledger.commit(*booked_deals(*deals))
        with followed(tmp_path) as model:
            before = model.pnl(monday).today
            found = model.pnl(tuesday)
    today, week = found.today, found.week
    # The trade: 5 - 0.65 - 0.04 - 0.04. The cash of Tuesday: -0.65 + 5 - 0.04 - 1.00 - 0.30 - 0.05.
    assert (today.net, today.balance_change, today.other_charges) == (
        D("4.27"),
        D("2.96"),
        D("-1.31"),
    )
    assert (week.net, week.balance_change, week.other_charges) == (D("4.27"), D("2.92"), D("-1.35"))
    # All days from Monday on.
    assert before.balance_change == D("2.92")
    assert ledger.book.balance == 10_000 + 500 + 7 + D("2.92")


def test_periods_begin_at_the_servers_midnight(tmp_path: Path) -> None:
    """The server's day begins at 17:00 in New York: at 22:00 UTC in winter, at 21:00 UTC in summer."""
    times = (
        "2026-02-27T21:59:59",  # a Friday of February, by the server's clock
        "2026-03-01T22:00:00",  # Monday 2 March
        "2026-03-02T21:59:59",  # still Monday
        "2026-03-02T22:00:00",  # Tuesday 3 March
    )
    with ledger_by_hand(tmp_path) as ledger:
        for number, text in enumerate(times):
            opened, time_ns = 2 * number + 1, utc_ns(text)
            deals = (
                a_deal(opened, time_ns=time_ns),
                a_deal(opened + 1, Side.SELL, "0.01", "1.2", time_ns=time_ns, profit=D(10) ** number),
            )
            ledger.commit(*booked_deals(*deals))
        with followed(tmp_path) as model:
            found = model.pnl(utc_ns("2026-03-02T23:00:00"))
            assert (found.today.net, found.week.net, found.month.net) == (D(1000), D(1110), D(1110))
            assert found.today.from_ns == utc_ns("2026-03-02T22:00:00")
            assert found.week.from_ns == utc_ns("2026-03-01T22:00:00")
            assert found.month.from_ns == utc_ns("2026-02-28T22:00:00")
            assert model.pnl(utc_ns("2026-06-10T20:59:59")).today.from_ns == utc_ns("2026-06-09T21:00:00")
            assert model.pnl(utc_ns("2026-06-10T20:59:59")).month.trades == 0
