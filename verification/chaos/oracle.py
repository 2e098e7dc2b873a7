"""Compare the ledger of a stopped desk with the simulated broker's book, independently of the desk's own comparison.

This module shares no code with the desk, so that an error in the desk's comparison cannot hide an error. Both files are
copied and read with plain SQL, and ids and sums are computed here.

*Lost* is an order or a deal that is missing on one side, or an order that is filled on one side only. *Doubled* is an
order id with two executed orders at the venue, or a deal that was booked twice. *Different* is an order or a deal whose
values differ between ledger and book. Differences in the sums of positions and of cash are reported as well.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

OPEN: Final = ("PENDING", "ACCEPTED", "PARTIALLY_FILLED", "IN_DOUBT")
WITHOUT_EFFECT: Final = ("REJECTED", "EXPIRED", "CANCELED", "PRESUMED_EXPIRED")
_ID_IN_MAGIC: Final = 1 << 62
_COUNT_BITS: Final = 30
_DEAL_FIELDS: Final = ("kind", "entry", "symbol", "ticket")
_DEAL_AMOUNTS: Final = ("volume", "price", "profit", "commission", "swap")
_SIGN: Final = {"BUY": 1, "SELL": -1}


@dataclass
class OracleFindings:
    """The findings as texts. The first five lists are empty if ledger and book agree."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    cash: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    orders: int = 0
    deals: int = 0

    @property
    def agrees(self) -> bool:
        """Whether ledger and book agree; open orders and foreign orders are no differences."""
        return not (self.lost or self.doubled or self.different or self.positions or self.cash)


@dataclass
class _Ledger:
    orders: dict[str, dict[str, Any]]
    deals: dict[int, dict[str, Any]]
    booked: Counter[int]
    lots: dict[str, Decimal]
    balance: Decimal | None


@dataclass
class _Venue:
    orders: dict[int, dict[str, Any]]
    deals: dict[int, dict[str, Any]]
    positions: dict[str, Decimal]
    balance: Decimal | None


def compare_books(data_dir: Path, *, taken_orders: Container[str] = ()) -> OracleFindings:
    """Compare the ledger of a stopped desk with the venue's book.

    Args:
        data_dir: folder of the desk.
        taken_orders: ids of orders that the ledger lost when it was replaced by an older copy.

    Raises:
        FileNotFoundError: the ledger or the book does not exist.
    """
    ledger, venue = _read_ledger(data_dir / "ledger.db"), _read_venue(data_dir / "venue" / "book.db")
    verdict = OracleFindings(orders=len(ledger.orders), deals=len(venue.deals))
    _compare_orders(ledger, venue, verdict, taken_orders)
    _compare_deals(ledger, venue, verdict)
    _compare_positions(ledger, venue, verdict)
    _compare_cash(ledger, venue, verdict)
    return verdict


def _compare_orders(ledger: _Ledger, venue: _Venue, verdict: OracleFindings, taken_orders: Container[str]) -> None:
    effects: dict[str, list[dict[str, Any]]] = defaultdict(list)
    traces: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for ticket, row in venue.orders.items():
        order_id = _owner(row, ledger.orders)
        if order_id is None:
            verdict.foreign.append(f"order {ticket}: magic {row['magic']}, comment {row['comment']!r}")
            continue
        traces[order_id].append(row)
        if Decimal(row["filled_volume"]) > 0:
            effects[order_id].append(row)
        if order_id not in ledger.orders and order_id not in taken_orders:
            verdict.lost.append(f"order {order_id}: the venue has it as {ticket}, the ledger does not")
    for order_id, rows in effects.items():
        if len(rows) > 1:
            tickets = ", ".join(str(row["ticket"]) for row in rows)
            verdict.doubled.append(f"order {order_id}: {len(rows)} orders of the venue had an effect: {tickets}")
    for order_id, order in ledger.orders.items():
        _compare_order(order_id, order, effects.get(order_id, []), bool(traces.get(order_id)), verdict)


def _compare_order(
    order_id: str, order: dict[str, Any], effects: list[dict[str, Any]], is_known: bool, verdict: OracleFindings
) -> None:
    status = order["status"]
    if status == "IN_DOUBT":
        verdict.in_doubt.append(f"order {order_id}: in doubt, the venue has {'a' if is_known else 'no'} trace of it")
    if status in OPEN:
        verdict.unresolved.append(f"order {order_id}: {status}")
    elif status in WITHOUT_EFFECT and effects and not _is_part(order):
        verdict.lost.append(f"order {order_id}: {status} in the ledger, filled at the venue as {effects[0]['ticket']}")
    elif status not in WITHOUT_EFFECT and not effects:
        verdict.lost.append(f"order {order_id}: {status} in the ledger, no effect at the venue")
    for row in effects[:1]:
        if (order["symbol"], order["side"]) != (row["symbol"], row["side"]):
            verdict.different.append(
                f"order {order_id}: {order['side']} {order['symbol']} in the ledger, {row['side']} {row['symbol']} at "
                "the venue"
            )
        if status not in OPEN and Decimal(order["filled_volume"]) != Decimal(row["filled_volume"]):
            verdict.different.append(
                f"order {order_id}: filled {order['filled_volume']} in the ledger, {row['filled_volume']} at the venue"
            )


def _is_part(order: dict[str, Any]) -> bool:
    """Whether an order is partially filled in the ledger; such an order may end with any status."""
    return 0 < Decimal(order["filled_volume"]) < Decimal(order["volume"])


def _compare_deals(ledger: _Ledger, venue: _Venue, verdict: OracleFindings) -> None:
    for number, times in ledger.booked.items():
        if times > 1:
            verdict.doubled.append(f"deal {number}: booked {times} times in the ledger's events")
    for number in sorted(ledger.deals.keys() ^ ledger.booked.keys()):
        verdict.different.append(f"deal {number}: not both in the ledger's events and in its deals")
    for number in sorted(venue.deals.keys() - ledger.deals.keys()):
        verdict.lost.append(f"deal {number}: the venue has it, the ledger does not")
    for number in sorted(ledger.deals.keys() - venue.deals.keys()):
        verdict.lost.append(f"deal {number}: the ledger has it, the venue does not")
    for number in sorted(ledger.deals.keys() & venue.deals.keys()):
        ours, theirs = ledger.deals[number], venue.deals[number]
        for name in _DEAL_FIELDS:
            if ours[name] != theirs[name]:
                verdict.different.append(
                    f"deal {number}: {name} {ours[name]} in the ledger, {theirs[name]} at the venue"
                )
        for name in _DEAL_AMOUNTS:
            if Decimal(ours[name]) != Decimal(theirs[name]):
                verdict.different.append(
                    f"deal {number}: {name} {ours[name]} in the ledger, {theirs[name]} at the venue"
                )


def _compare_positions(ledger: _Ledger, venue: _Venue, verdict: OracleFindings) -> None:
    sources = {
        "the ledger's deals": _net(ledger.deals.values()),
        "the ledger's lots": ledger.lots,
        "the venue's deals": _net(venue.deals.values()),
        "the venue's positions": venue.positions,
    }
    for symbol in sorted(set().union(*sources.values())):
        volumes = {where: positions.get(symbol, Decimal(0)) for where, positions in sources.items()}
        if len(set(volumes.values())) > 1:
            verdict.positions.append(
                f"{symbol}: " + ", ".join(f"{volume} by {where}" for where, volume in volumes.items())
            )


def _compare_cash(ledger: _Ledger, venue: _Venue, verdict: OracleFindings) -> None:
    sources = {
        "the ledger's deals": _sum(ledger.deals.values()),
        "the ledger": ledger.balance,
        "the venue's deals": _sum(venue.deals.values()),
        "the venue": venue.balance,
    }
    amounts = {where: Decimal(0) if amount is None else amount for where, amount in sources.items()}
    if len(set(amounts.values())) > 1:
        verdict.cash.append("balance: " + ", ".join(f"{amount} by {where}" for where, amount in amounts.items()))


def _net(deals: Iterable[dict[str, Any]]) -> dict[str, Decimal]:
    net: dict[str, Decimal] = defaultdict(Decimal)
    for deal in deals:
        if deal["kind"] in _SIGN:
            net[deal["symbol"]] += _SIGN[deal["kind"]] * Decimal(deal["volume"])
    return {symbol: volume for symbol, volume in net.items() if volume}


def _sum(deals: Iterable[dict[str, Any]]) -> Decimal:
    return sum((Decimal(deal[name]) for deal in deals for name in ("profit", "commission", "swap")), Decimal(0))


def _owner(row: dict[str, Any], known: dict[str, Any]) -> str | None:
    """The desk's order id of an order of the venue; None for a foreign order.

    The id is in the magic number, or else in the comment.
    """
    magic = int(row["magic"])
    if magic & _ID_IN_MAGIC:
        rest = magic - _ID_IN_MAGIC
        return f"{rest >> _COUNT_BITS:08x}-{rest % (1 << _COUNT_BITS):06d}"
    return row["comment"] if row["comment"] in known or _has_form_of_id(row["comment"]) else None


def _has_form_of_id(comment: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}-\d{6,}", comment) is not None


# -------------------------------------------------------------------------------------------------------------- reading


def _read_ledger(path: Path) -> _Ledger:
    rows = _rows(path, "orders", "deals", "lots", "account", "events")
    booked: Counter[int] = Counter()
    for row in rows["events"]:
        event = json.loads(row["payload"])
        if event["type"] == "deal_booked":
            booked[event["deal"]["deal"]] += 1
    lots = {
        row["symbol"]: sum(
            (Decimal(lot["volume"]) * lot["sign"] for lot in json.loads(row["payload"])["lots"]), Decimal(0)
        )
        for row in rows["lots"]
    }
    account = [json.loads(row["payload"]) for row in rows["account"]]
    return _Ledger(
        orders={row["order_id"]: json.loads(row["payload"]) for row in rows["orders"]},
        deals={row["deal"]: json.loads(row["payload"]) for row in rows["deals"]},
        booked=booked,
        lots={symbol: volume for symbol, volume in lots.items() if volume},
        balance=Decimal(account[0]["amounts"]["balance"]) if account else None,
    )


def _read_venue(path: Path) -> _Venue:
    rows = _rows(path, "orders", "deals", "positions", "account")
    positions: dict[str, Decimal] = {}
    for row in rows["positions"]:
        position = json.loads(row["payload"])
        positions[position["symbol"]] = positions.get(position["symbol"], Decimal(0)) + Decimal(position["volume"])
    return _Venue(
        orders={row["ticket"]: _flat_order(row) for row in rows["orders"]},
        deals={row["deal"]: _flat_deal(row) for row in rows["deals"]},
        positions={symbol: volume for symbol, volume in positions.items() if volume},
        balance=Decimal(rows["account"][0]["balance"]) if rows["account"] else None,
    )


def _flat_order(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of an order, of the book's record of the order, its comment and its ticket in one map."""
    record = json.loads(row["payload"])
    order = record.pop("order")
    return {**record, **order, "comment": order["order_id"], "ticket": row["ticket"]}


def _flat_deal(row: dict[str, Any]) -> dict[str, Any]:
    deal = json.loads(row["payload"])
    return {**deal, "comment": deal["order_id"]}


def _rows(path: Path, *tables: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of some tables, read from a copy, so that the original and its write-ahead log do not change."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        copy = Path(folder) / path.name
        shutil.copy(path, copy)
        log = path.with_name(path.name + "-wal")
        if log.is_file():
            shutil.copy(log, copy.with_name(log.name))
        db = sqlite3.connect(copy)
        try:
            db.row_factory = sqlite3.Row
            queries = {table: f"SELECT * FROM {table}" for table in tables}  # noqa: S608 - the names are constants
            return {table: [dict(row) for row in db.execute(query)] for table, query in queries.items()}
        finally:
            db.close()
