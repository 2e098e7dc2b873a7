"""A gateway with a full disk refuses orders, acknowledges only durable effects, and recovers when there is space."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from tests.contract.gateway.server import Client, Server
from tests.support.waits import wait_for
from tests.unit.mt5.builders import a_gateway, a_stream, confirm

PAGES_ENOUGH = 1_000_000


def pages(db: apsw.Connection) -> int:
    """Size of the database file, in pages."""
    found = db.pragma("page_count")
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("full", ["journal", "book"])
def test_orders_are_refused_on_a_full_disk_and_none_is_lost_or_executed_twice(full: str, tmp_path: Path) -> None:
    journal = DurableJournal(tmp_path / "journal.db", new_id="journal-1", account="paper-USD")
    book_store = DurableBookStore(tmp_path / "book.db")
    gateway = a_gateway(a_stream(1.0848, 1.0858), journal=journal, book_store=book_store)
    confirm(gateway, 0)
    db = journal._db if full == "journal" else book_store._db
    db.pragma("max_page_count", pages(db))
    replies: dict[str, str] = {}
    with Server(gateway).running() as server:
        client = Client(server.shell.request_url)
        for number in range(400):
            order_id = f"{number:04d}-{'x' * 50}"
            side = "BUY" if number % 2 else "SELL"
            reply = client.ask(action=side, order_id=order_id, symbol="EURUSD", volume=0.01)
            replies[order_id] = reply["error_code"] or reply["status"]
            if reply["error_code"] == "STORAGE":
                break
        assert replies[order_id] == "STORAGE"
        assert client.ask(action="PING")["status"] == "OK"
        db.pragma("max_page_count", PAGES_ENOUGH)
        again = client.ask(action=side, order_id=order_id, symbol="EURUSD", volume=0.01)
        assert again["status"] == "FILLED"
        client.close()
    assert set(replies.values()) == {"FILLED", "STORAGE"}
    orders = book_store.load().orders
    assert [placed.order.order_id for placed in orders] == [order_id[:31] for order_id in replies]
    journal.close()
    book_store.close()


def test_lease_replies_report_a_full_disk_until_there_is_space(tmp_path: Path) -> None:
    journal = DurableJournal(tmp_path / "journal.db", new_id="journal-1", account="paper-USD")
    gateway = simulated_gateway(
        stream=a_stream(1.1000, 1.1010),
        stream_id="stream-1",
        journal=journal,
        book_store=MemoryBookStore(),
        boot_id="boot-1",
        terms=AccountTerms(Decimal(10_000)),
        pace=Pace(window=0, factor=1000.0),
    )
    with Server(gateway).running() as server:
        client = Client(server.shell.request_url)

        def storage_problem() -> str:
            seen_ns = client.ask(action="HELLO", client="test")["lease_now_ns"]
            problem = client.ask(action="LEASE", holder="test", epoch=1, seen_ns=seen_ns)["storage_problem"]
            assert isinstance(problem, str)
            return problem

        wait_for(lambda: client.ask(action="HELLO", client="test")["published"] == 2, "both ticks published")
        assert storage_problem() == ""
        journal._db.pragma("max_page_count", pages(journal._db))
        for number in range(400):
            order = {"order_id": f"{number:04d}-{'x' * 50}", "symbol": "EURUSD", "volume": 0.01, "epoch": 1}
            if client.ask(action="BUY", **order)["error_code"] == "STORAGE":
                break
        assert storage_problem() == "the gateway cannot write: database or disk is full"
        journal._db.pragma("max_page_count", PAGES_ENOUGH)
        wait_for(lambda: storage_problem() == "", "the problem to be over")
        client.close()
    journal.close()
