"""Realized profit of the server's day, week and month, from sums of each day that grow with each deal.

A trade counts in the server's day of its closing deal, with all its costs, so that the net profit of a day is the sum
over its trades. The cash of a deal counts in the day of the deal. The difference between a day's cash and its net
profit comes from charges that were paid on another day than that of their trade, or that belong to no trade.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import apsw
from msgspec import Struct

from proto.control.views import TradeRow
from proto.gateway import VenueDeal
from proto.time import DAY_NS, EPOCH
from proto.trading.server_time import server_day, utc_times_of, weekday_of_day
from proto.trading.units import ZERO
from services.portfolio.core.account.cash import CashAccount, cash_flows
from services.web.api.schemas import PeriodPnl

_EPOCH_DATE: Final = EPOCH.date()


class RealizedPnl(Struct, frozen=True, kw_only=True):
    """Realized profit of the current day, week (from Monday) and month of the server."""

    today: PeriodPnl
    week: PeriodPnl
    month: PeriodPnl


class _Sums(Struct, frozen=True):
    gross_profit: Decimal = ZERO
    gross_loss: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO
    trades: int = 0

    @property
    def net(self) -> Decimal:
        return self.gross_profit + self.gross_loss + self.commission + self.swap

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(
            self.gross_profit + other.gross_profit,
            self.gross_loss + other.gross_loss,
            self.commission + other.commission,
            self.swap + other.swap,
            self.trades + other.trades,
        )


_COLUMNS: Final = "gross_profit, gross_loss, commission, swap, trades"


_NO_PROFIT: Final = (CashAccount.DEPOSITS, CashAccount.CORRECTIONS)
"""Categories of cash that are neither profit nor a charge of trading."""


def clear_days(db: apsw.Connection) -> None:
    """Delete the sums of all days."""
    db.execute("DELETE FROM pnl")
    db.execute("DELETE FROM cash")


def add_to_days(db: apsw.Connection, trades: Iterable[TradeRow], deals: Iterable[VenueDeal]) -> None:
    """Add closed trades and deals to the sums of their days; the caller begins and ends the transaction."""
    _add_cash(db, deals)
    added: defaultdict[tuple[int, str, str], _Sums] = defaultdict(_Sums)
    for trade in trades:
        key = (server_day(trade.close_time_ns), trade.symbol, trade.tag)
        profit, loss = (trade.profit, ZERO) if trade.profit > 0 else (ZERO, trade.profit)
        added[key] = added[key].plus(_Sums(profit, loss, trade.commission, trade.swap, 1))
    for key, sums in added.items():
        row: Any = db.execute(
            f"SELECT {_COLUMNS} FROM pnl WHERE day = ? AND symbol = ? AND tag = ?",  # noqa: S608 - names of our own
            key,
        ).fetchone()
        total = sums if row is None else sums.plus(_sums(row))
        amounts = (total.gross_profit, total.gross_loss, total.commission, total.swap)
        db.execute(
            "INSERT OR REPLACE INTO pnl VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*key, *map(str, amounts), total.trades)
        )


def _add_cash(db: apsw.Connection, deals: Iterable[VenueDeal]) -> None:
    added: defaultdict[int, Decimal] = defaultdict(Decimal)
    for deal in deals:
        flows = cash_flows(deal).items()
        added[server_day(deal.time_ns)] += sum((cash for account, cash in flows if account not in _NO_PROFIT), ZERO)
    for day, cash in added.items():
        row: Any = db.execute("SELECT amount FROM cash WHERE day = ?", (day,)).fetchone()
        total = cash if row is None else cash + Decimal(row[0])
        db.execute("INSERT OR REPLACE INTO cash VALUES (?, ?)", (day, str(total)))


def read_pnl(db: apsw.Connection, now_ns: int) -> RealizedPnl:
    """Return the profit of the server's current day, week and month at UTC time `now_ns`."""
    today = server_day(now_ns)
    monday = today - weekday_of_day(today)
    first = today - (_EPOCH_DATE + timedelta(days=today)).day + 1
    since = min(monday, first)
    found = list(_rows_since(db, since))
    rows: Iterable[Any] = db.execute("SELECT day, amount FROM cash WHERE day >= ?", (since,))
    cash = [(day, Decimal(amount)) for day, amount in rows]
    return RealizedPnl(
        today=_period(today, found, cash), week=_period(monday, found, cash), month=_period(first, found, cash)
    )


def pnl_statement(day: int) -> tuple[str, tuple[int]]:
    """Return the statement that reads the sums of all days from `day` on, a day numbered from 1970-01-01."""
    return f"SELECT day, symbol, tag, {_COLUMNS} FROM pnl WHERE day >= ? ORDER BY day", (day,)  # noqa: S608 - as above


def _rows_since(db: apsw.Connection, day: int) -> Iterator[tuple[int, str, str, _Sums]]:
    rows: Iterator[Any] = db.execute(*pnl_statement(day))
    for at, symbol, tag, *amounts in rows:
        yield at, symbol, tag, _sums(amounts)


def _sums(row: Any) -> _Sums:
    profit, loss, commission, swap = map(Decimal, row[:4])
    return _Sums(profit, loss, commission, swap, row[4])


def _period(first: int, rows: Iterable[tuple[int, str, str, _Sums]], cash: Iterable[tuple[int, Decimal]]) -> PeriodPnl:
    total = _Sums()
    balance_change = sum((amount for day, amount in cash if day >= first), ZERO)
    by_symbol: defaultdict[str, Decimal] = defaultdict(Decimal)
    by_tag: defaultdict[str, Decimal] = defaultdict(Decimal)
    for day, symbol, tag, sums in rows:
        if day >= first:
            total = total.plus(sums)
            by_symbol[symbol] += sums.net
            by_tag[tag] += sums.net
    return PeriodPnl(
        from_ns=utc_times_of(first * DAY_NS)[0],
        net=total.net,
        gross_profit=total.gross_profit,
        gross_loss=total.gross_loss,
        commission=total.commission,
        swap=total.swap,
        trades=total.trades,
        other_charges=balance_change - total.net,
        balance_change=balance_change,
        by_symbol=dict(sorted(by_symbol.items())),
        by_tag=dict(sorted(by_tag.items())),
    )
