"""A book of an earlier schema version continues after its migration."""

from __future__ import annotations

import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import apsw

from common.checksums import with_checksum
from common.migration import migrate_file
from services.mt5.core.simulated.fill_model import FillProfile
from services.mt5.core.simulated.latency_model import ConstantLatency
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.migrations import BOOK
from tests.unit.mt5.simulated.broker_by_hand import Dealing

SLOW = FillProfile(name="slow", request_latency=ConstantLatency(ms=1_500.0))


def test_an_order_that_was_matched_but_not_booked_is_matched_again_after_the_migration(tmp_path: Path) -> None:
    """Version 5 stored the price of a matched order until the fill was reported; the migration drops this price."""
    path = tmp_path / "book.db"
    desk = Dealing(1.1, 1.2, 1.3, 1.4, store=DurableBookStore(path), profile=SLOW)
    desk.buy()
    desk.to(2)
    desk.store.close()  # type: ignore[attr-defined]
    with closing(apsw.Connection(str(path))) as db:
        [(text,)] = db.execute("SELECT payload FROM orders").fetchall()
        record = json.loads(str(text))
        record |= {"wait": "MATCHED", "matched_price": "1.1002", "matched_volume": "0.10", "due_ns": 1}
        del record["told_ns"]
        db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", with_checksum("orders", 1, json.dumps(record)))
        db.execute("PRAGMA user_version = 5")
    assert (migrate_file(path, BOOK).before, migrate_file(path, BOOK).before) == (5, 6)
    desk.store = DurableBookStore(path)
    desk.venue = desk.opened()
    desk.to(3)
    assert [(deal.price, deal.ordinal) for deal in desk.deals] == [(Decimal("1.2002"), 2)]
