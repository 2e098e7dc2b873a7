"""Contract of every journal and book store: what was written is read back unchanged after a restart."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import StartError
from common.file_identity import FileLostError
from proto.gateway import Buy, ErrorCode, KnownIds, OrderReply, Sell
from services.mt5.core.gateway.journal import Effect, EntryState, LeaseRecord
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from tests.contract.gateway.stores import Reopened
from tests.unit.mt5.builders import START_NS, a_buy, a_gateway, a_sell, a_stream, confirm, placed

EFFECT = Effect("BUY", "EURUSD", Decimal("0.01"))


def a_reply(order_id: str = "A-1", **fields: object) -> OrderReply:
    return OrderReply(
        status="FILLED",
        mode="simulated",
        venue="simulated-mt5",
        account="paper-USD",
        boot_id="-",
        order_id=order_id,
        filled_price=Decimal("1.0850"),
        filled_volume=Decimal("0.010"),
        **fields,  # type: ignore[arg-type]
    )


def test_an_unknown_id_is_not_found(reopen: Reopened) -> None:
    journal, _ = reopen()
    assert journal.find("A-1") is None


def test_an_id_is_read_back_as_calling_and_then_as_done_with_its_reply(reopen: Reopened) -> None:
    journal, _ = reopen()
    journal.record_calling("A-1", EFFECT, ordinal=7)
    journal, _ = reopen()
    assert journal.find("A-1") == (EntryState.CALLING, EFFECT, None)
    journal.record_done("A-1", EFFECT, a_reply(error="message", error_code=ErrorCode.EXPIRED, ordinal=7))
    journal, _ = reopen()
    entry = journal.find("A-1")
    assert entry is not None
    assert (entry.state, entry.effect) == (EntryState.DONE, EFFECT)
    assert entry.reply == a_reply(error="message", error_code=ErrorCode.EXPIRED, ordinal=7)
    assert str(entry.reply.filled_price) == "1.0850"


def test_a_reply_can_be_stored_for_an_id_without_a_call(reopen: Reopened) -> None:
    journal, _ = reopen()
    journal.record_done("A-1", EFFECT, a_reply())
    assert journal.find("A-1") == (EntryState.DONE, EFFECT, a_reply())


def test_a_fenced_id_keeps_the_effect_of_its_call(reopen: Reopened) -> None:
    journal, _ = reopen()
    journal.record_calling("A-1", EFFECT, ordinal=7)
    journal.fence("A-1", a_reply())
    journal.fence("A-2", a_reply("A-2"))
    journal, _ = reopen()
    assert journal.find("A-1") == (EntryState.FENCED, EFFECT, a_reply())
    assert journal.find("A-2") == (EntryState.FENCED, None, a_reply("A-2"))


@given(order_id=st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable()), volume=st.decimals(places=4))
def test_any_id_and_volume_are_read_back(
    order_id: str, volume: Decimal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Ids may have any printable characters, such as quotes and accents."""
    if not volume.is_finite():
        return
    journal = DurableJournal(tmp_path_factory.mktemp("j") / "journal.db", new_id="j", account="a")
    effect = Effect("SELL", order_id, volume)
    journal.record_calling(order_id, effect, ordinal=1)
    entry = journal.find(order_id)
    journal.close()
    assert entry == (EntryState.CALLING, effect, None)


def test_known_ids_counts_the_ids_of_each_incarnation(reopen: Reopened) -> None:
    journal, _ = reopen()
    for order_id in ("0000aaaa-000001", "0000aaaa-000007", "ffffffff-1000000", "A-1", "0000aaaa-x"):
        journal.record_calling(order_id, EFFECT, ordinal=1)
    journal.record_done("0000bbbb-000002", EFFECT, a_reply("0000bbbb-000002"))
    journal.fence("0000aaaa-000009", a_reply("0000aaaa-000009"))
    journal, _ = reopen()
    assert journal.known_ids() == {
        "0000aaaa": KnownIds(count=3, highest=9),
        "0000bbbb": KnownIds(count=1, highest=2),
        "ffffffff": KnownIds(count=1, highest=1_000_000),
    }


def test_a_journal_keeps_its_id(tmp_path: Path) -> None:
    first = DurableJournal(tmp_path / "journal.db", new_id="one", account="paper-USD")
    first.close()
    second = DurableJournal(tmp_path / "journal.db", new_id="two", account="paper-USD")
    second.close()
    assert first.journal_id == second.journal_id == "one"


def test_the_lease_is_read_back(reopen: Reopened) -> None:
    journal, _ = reopen()
    assert journal.lease == LeaseRecord(epoch=0, holder="", has_restarted=False)
    for lease in (LeaseRecord(7, "portfolio a", has_restarted=True), LeaseRecord(8, "portfolio b")):
        journal.set_lease(lease)
        journal, _ = reopen()
        assert journal.lease == lease


def test_the_journal_of_another_account_is_refused(tmp_path: Path) -> None:
    DurableJournal(tmp_path / "journal.db", new_id="one", account="paper-USD").close()
    with pytest.raises(StartError, match="journal of account paper-USD, expected account paper-EUR"):
        DurableJournal(tmp_path / "journal.db", new_id="two", account="paper-EUR")


@pytest.mark.parametrize("kind", [DurableBookStore, lambda path: DurableJournal(path, new_id="j", account="a")])
def test_a_file_that_is_no_database_is_refused(kind: object, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    path.write_bytes(b"not a database, though long enough to be looked at as one" * 20)
    with pytest.raises(StartError, match=r"file\.db"):
        kind(path)  # type: ignore[operator]


@pytest.mark.parametrize("kind", [DurableBookStore, lambda path: DurableJournal(path, new_id="j", account="a")])
def test_a_file_of_an_earlier_version_is_refused_with_the_command_to_migrate_it(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    kind(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(
        StartError, match=r"has schema version 1, expected \d; `paperdesk migrate DATA_DIR` migrates the files"
    ):
        kind(path)


def test_a_reopened_book_equals_one_that_was_never_closed(reopen: Reopened) -> None:
    """The run has fills, a partial close, a rejection, a reversal and a new stream."""
    later = a_stream(1.2, 1.3, start_ns=2 * START_NS)
    kept, expected = MemoryBookStore(), ""
    for stream_id, stream in (("stream-1", None), ("stream-2", later)):
        orders: list[Buy | Sell] = [
            a_buy(f"{stream_id}-1", volume="0.01"),
            a_buy(f"{stream_id}-2", volume="0.02"),
            a_sell(f"{stream_id}-3", volume="0.01"),
            a_sell(f"{stream_id}-4", volume="0.015"),
            a_sell(f"{stream_id}-5", volume="0.07"),
        ]
        journal, book_store = reopen()
        whole = a_gateway(stream, book_store=kept, stream_id=stream_id)
        gateway = a_gateway(stream, book_store=book_store, journal=journal, stream_id=stream_id)
        for ordinal in (0, 1):
            confirm(whole, ordinal, stream_id=stream_id)
            confirm(gateway, ordinal, stream_id=stream_id)
        for order in orders:
            expected_reply = placed(whole, order)
            assert placed(gateway, order) == expected_reply
            journal, book_store = reopen()
            gateway = a_gateway(stream, book_store=book_store, journal=journal, stream_id=stream_id)
            confirm(gateway, 1, stream_id=stream_id)
            assert book_store.load().state_hash() == kept.load().state_hash()
        expected = kept.load().state_hash()
    _, book_store = reopen()
    assert book_store.load().state_hash() == expected
    assert book_store.load() == kept.load()


def flip_a_reply(path: Path) -> None:
    """Change one character of the stored reply for A-1, as a damaged disk may."""
    with closing(sqlite3.connect(path)) as db, db:
        [(reply,)] = db.execute("SELECT reply FROM entries WHERE order_id = 'A-1'").fetchall()
        db.execute("UPDATE entries SET reply = ? WHERE order_id = 'A-1'", (reply.replace("FILLED", "FILLEE"),))


def a_journal(path: Path) -> DurableJournal:
    return DurableJournal(path, new_id="j", account="a")


def test_a_journal_with_a_damaged_entry_is_refused_at_the_start(tmp_path: Path) -> None:
    """Without this check, each request with the id of the damaged entry would end the gateway."""
    path = tmp_path / "journal.db"
    with closing(a_journal(path)) as journal:
        journal.record_done("A-1", EFFECT, a_reply())
    flip_a_reply(path)
    with pytest.raises(StartError, match=r"journal\.db: row A-1 of table entries is damaged"):
        a_journal(path)


def test_an_entry_damaged_while_in_use_raises_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path)) as journal:
        journal.record_done("A-1", EFFECT, a_reply())
        flip_a_reply(path)
        for ask in (lambda: journal.find("A-1"), lambda: journal.order_id_of(magic_of("A-1"))):
            with pytest.raises(StartError, match="row A-1 of table entries is damaged"):
                ask()


def test_a_journal_with_a_damaged_lease_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path)) as journal:
        journal.set_lease(LeaseRecord(7, "portfolio"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE lease SET holder = ''")
    with pytest.raises(StartError, match="row 1 of table lease is damaged"):
        a_journal(path)


def test_a_journal_with_a_damaged_index_is_refused_at_the_start(tmp_path: Path) -> None:
    """The index maps a magic to its order id; a deal whose magic is missing there would count as foreign."""
    path = tmp_path / "journal.db"
    with closing(a_journal(path)) as journal:
        journal.record_done("A-1", EFFECT, a_reply())
    with closing(sqlite3.connect(path)) as db:
        [(page,)] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries_by_magic'").fetchall()
        [(size,)] = db.execute("PRAGMA page_size").fetchall()
    raw = bytearray(path.read_bytes())
    raw[page * size - 1] ^= 1  # the last byte of the index's only entry
    path.write_bytes(raw)
    with pytest.raises(StartError, match=r"journal\.db is corrupt: .*entries_by_magic"):
        a_journal(path)


@pytest.mark.parametrize(
    "write",
    [
        lambda journal: journal.record_calling("A-1", EFFECT, ordinal=1),
        lambda journal: journal.record_done("A-1", EFFECT, a_reply()),
        lambda journal: journal.fence("A-1", a_reply()),
        lambda journal: journal.set_lease(LeaseRecord(7, "portfolio")),
        lambda journal: journal.set_halt_reason("by hand"),
    ],
)
def test_every_write_to_a_removed_journal_raises(tmp_path: Path, write: Any) -> None:
    path = tmp_path / "journal.db"
    with closing(a_journal(path)) as journal:
        path.unlink()
        with pytest.raises(FileLostError, match=r"journal\.db was removed or replaced while in use"):
            write(journal)
