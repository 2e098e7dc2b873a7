"""Eight backtests have the recorded orders, deals, stops, balance, counts of signals and sequence of event types.

Texts and derived values are not compared. A changed hash means that the run trades differently. If the change is
intended, take the new hash from the output of the failing test.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest

from research.backtest import run_backtest
from services.portfolio.core.account.orders import Order
from services.portfolio.ledger.hash_chain import checked_links
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger, read_ledger
from tests.support.recorded_backtests import RUNS, recorded_run

HASHES: Final = {
    "default limits": "338f349aa3340b84",
    "no limits": "e6b8fd7a5163df09",
    "reverse": "2d2643b3bd349cc3",
    "stops and time exits": "7aef2903bb3b91eb",
    "resting entries": "a16ca9a653b66563",
    "realistic fills": "a4f3f5ae88f419b4",
    "hedging": "3c6be730802e73be",
    "two symbols": "c5ff993e9d8c9662",
}


def _order(order: Order) -> tuple[object, ...]:
    return (
        order.order_id,
        order.symbol,
        order.side.value,
        str(order.volume),
        str(order.price),
        str(order.limit_price),
        str(order.stop_loss),
        str(order.take_profit),
        order.status.value,
        str(order.filled_volume),
        str(order.filled_price),
        str(order.profit),
        order.ticket,
        order.created_ns,
        order.ended_ns,
        order.decision.ordinal,
        order.decision.cause.value,
    )


def _event_kinds(ledger: Path) -> list[str]:
    with closing(open_ledger(ledger)) as db:
        payloads = [link.payload for link in checked_links(db)]
    return [str(msgspec.json.decode(payload)["type"]) for payload in payloads]


def digits_hash(ledger: Path) -> str:
    """First 16 hex digits of the SHA-256 of a ledger's orders, deals, stops, balance, counts and event types."""
    book, kept = read_ledger(ledger)
    cursor = kept.cursor
    content = (
        [_order(order) for order in book.orders.values()],
        [
            (deal.deal, deal.ticket, deal.order_id, deal.symbol, deal.kind.value, deal.entry.value, deal.reason.value,
             str(deal.volume), str(deal.price), str(deal.cash), deal.time_ns, deal.ordinal)
            for deal in book.deals
        ],
        [
            (key, str(guard.stop_loss), str(guard.take_profit), guard.revision, guard.answered)
            for key, guard in sorted(book.protections.items())
        ],
        str(book.balance),
        (cursor.ordinal, cursor.processed, sorted(cursor.blocked.items()), sorted(cursor.denied.items())),
        _event_kinds(ledger),
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:16]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_recorded_hash(name: str, tmp_path: Path) -> None:
    spec = recorded_run(name, tmp_path)
    desk = tmp_path / "desk"
    desk.mkdir()
    assert run_backtest(spec, spec.load(), data_dir=desk)["reconciled"]
    assert digits_hash(desk / LEDGER_FILE_NAME) == HASHES[name]
