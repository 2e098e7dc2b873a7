"""The account's terms, read from a ledger while portfolio writes to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.web.desk.account_terms import TermsWatch
from tests.support.builders import an_instrument_learned, an_opened_stream


def commit(ledger: Ledger, book: Book, *events: Event) -> None:
    for event in events:
        book.apply(event)
    ledger.commit(list(events), book, PersistedState())


def test_terms_are_read_when_they_change(tmp_path: Path) -> None:
    changes = list[int]()
    watch = TermsWatch(tmp_path, on_change=lambda: changes.append(1))
    asyncio.run(watch.refresh())
    assert watch.problem.endswith("ledger.db does not exist, expected a database file")
    ledger, book = Ledger(tmp_path / LEDGER_FILE_NAME), Book()
    asyncio.run(watch.refresh())
    assert (watch.problem, watch.terms.stream, watch.terms.instruments) == ("", None, {})
    commit(ledger, book, an_opened_stream(leverage=30), an_instrument_learned())
    asyncio.run(watch.refresh())
    asyncio.run(watch.refresh())
    assert watch.terms.stream == an_opened_stream(leverage=30)
    assert watch.terms.instruments == {"EURUSD": an_instrument_learned().instrument}
    assert len(changes) == 1, "an unchanged row is not read again"
    commit(ledger, book, an_instrument_learned("GBPUSD"))
    asyncio.run(watch.refresh())
    assert sorted(watch.terms.instruments) == ["EURUSD", "GBPUSD"]
    ledger.close()
