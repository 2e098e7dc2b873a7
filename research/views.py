"""What a data directory's account holds, as plain rows: decimals as strings, times in UTC nanoseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from common.errors import StartError
from proto.units import plain
from services.portfolio.core.position import ZERO
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.reading import readings
from services.portfolio.core.risk.terms import Account
from services.portfolio.core.valuation import total_unrealized_pnl, unrealized_pnl
from services.portfolio.ledger import FILE_NAME, read
from services.portfolio.settings import RISK_SETS, limits_named

_DIRECTIONS: Final = {1: "LONG", -1: "SHORT", 0: "HEDGED"}


def orders(data_dir: Path) -> list[dict[str, Any]]:
    """Every order of the account by number, with the tick that it was decided on."""
    book, _ = read(data_dir / FILE_NAME)
    return [
        {
            "order_id": order.order_id,
            "number": order.number,
            "ordinal": order.decision.ordinal,
            "sequence": order.decision.sequence,
            "symbol": order.symbol,
            "side": order.side.value,
            "volume": plain(order.volume),
            "price": plain(order.price),
            "status": order.status.value,
            "created_ns": order.created_ns,
            "ended_ns": order.ended_ns,
            "ticket": order.ticket,
            "filled_volume": plain(order.filled_volume),
            "filled_price": None if order.filled_price is None else plain(order.filled_price),
            "profit": plain(order.profit),
            "code": order.code,
            "error": order.error,
            "reason": order.decision.reason,
        }
        for order in book.orders.values()
    ]


def deals(data_dir: Path) -> list[dict[str, Any]]:
    """Every deal of the account in the order of happening, deposits included."""
    book, _ = read(data_dir / FILE_NAME)
    return [
        {
            "deal": deal.deal,
            "order_id": deal.order_id,
            "ticket": deal.ticket,
            "ordinal": deal.ordinal,
            "time_ns": deal.time_ns,
            "symbol": deal.symbol,
            "kind": deal.kind.value,
            "entry": deal.entry.value,
            "volume": plain(deal.volume),
            "price": plain(deal.price),
            "profit": plain(deal.profit),
            "commission": plain(deal.commission),
            "swap": plain(deal.swap),
        }
        for deal in book.deals
    ]


def positions(data_dir: Path) -> list[dict[str, Any]]:
    """Open positions with their lots, valued at the last tick decided."""
    book, cursor = read(data_dir / FILE_NAME)
    rows = []
    for symbol, position in sorted(book.positions.items()):
        if position.is_flat:
            continue
        unrealized = unrealized_pnl(symbol, book, cursor.marks)
        rows.append(
            {
                "symbol": symbol,
                "direction": _DIRECTIONS[position.direction],
                "net_volume": plain(position.net_volume),
                "avg_entry_price": plain(position.avg_entry_price or ZERO),
                "unrealized_pnl": None if unrealized is None else plain(unrealized),
                "lots": [
                    {
                        "side": "BUY" if lot.sign > 0 else "SELL",
                        "position": lot.position,
                        "volume": plain(lot.volume),
                        "price": plain(lot.price),
                        "deal": int(lot.opened_by),
                        "time_ns": lot.time_ns,
                    }
                    for lot in position.lots
                ],
            }
        )
    return rows


def risk(data_dir: Path, risk_set: str | None) -> list[dict[str, Any]]:
    """What each limit stands at, by the desk's own set of limits unless another is named.

    Raises:
        StartError: the desk's set is that of a file, which is not named; or the one that is named cannot be read.
    """
    book, cursor = read(data_dir / FILE_NAME)
    name = risk_set or (book.stream.settings.get("risk", "") if book.stream else DEFAULT_LIMITS.name)
    if risk_set is None and name not in RISK_SETS:
        raise StartError(f"the desk trades by the limits {name!r} of a file, expected --risk FILE to read them from")
    return [reading._asdict() for reading in readings(Account(book, cursor, limits_named(name)), cursor.time_ns)]


def account(data_dir: Path) -> dict[str, Any]:
    """Money and progress of the account."""
    book, cursor = read(data_dir / FILE_NAME)
    stream = book.stream
    unrealized = total_unrealized_pnl(book, cursor.marks) if stream else ZERO
    return {
        "account": stream.account if stream else None,
        "mode": stream.mode if stream else None,
        "fills": stream.fills if stream else None,
        "currency": stream.currency if stream else None,
        "stream_id": cursor.stream_id,
        "ordinal": cursor.ordinal,
        "time_ns": cursor.time_ns,
        "processed": cursor.processed,
        "balance": plain(book.balance),
        "realized_pnl": plain(book.realized_pnl),
        "unrealized_pnl": None if unrealized is None else plain(unrealized),
        "equity": None if unrealized is None else plain(book.balance + unrealized),
        "commission": plain(book.commission),
        "swap": plain(book.swap),
        "signals": {
            "buy": cursor.buy,
            "sell": cursor.sell,
            "hold": cursor.hold,
            "warming_up": cursor.warming_up,
            "gaps": cursor.gaps,
        },
        "blocked": dict(sorted(cursor.blocked.items())),
        "last_blocked": dict(sorted(cursor.last_blocked.items())),
        "denied": dict(sorted(cursor.denied.items())),
        "orders": len(book.orders),
        "orders_open": len(book.open_orders),
        "deals": len(book.deals),
        "ended": book.ended is not None,
        "reconciled": book.reconciled is not None and not book.reconciled.differences,
    }
