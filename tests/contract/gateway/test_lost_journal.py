"""If the journal is lost while the gateway runs, the gateway acknowledges nothing, and no order is executed twice."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zmq

from common.errors import StartError
from common.file_identity import FileLostError
from services.mt5.core.gateway.journal import Effect
from services.mt5.stores.journal_store import DurableJournal
from tests.contract.gateway.test_killed_process import Desk, Process

PAGE_BYTES = 4_096
EFFECT = Effect("BUY", "EURUSD", Decimal("0.01"))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, because the path of a socket may have at most 107 bytes."""
    return tmp_path_factory.mktemp("g")


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal"])
def test_a_write_to_a_removed_journal_raises(tmp_path: Path, name: str) -> None:
    journal = DurableJournal(tmp_path / "journal.db", new_id="journal-1", account="paper-USD")
    journal.record_calling("A-1", EFFECT, ordinal=1)
    (tmp_path / name).unlink()
    with pytest.raises(FileLostError, match="removed or replaced"):
        journal.record_calling("A-2", EFFECT, ordinal=1)
    journal.close()


def test_a_replaced_journal_file_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = DurableJournal(path, new_id="journal-1", account="paper-USD")
    journal.require_file_unchanged()
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    with pytest.raises(FileLostError):
        journal.require_file_unchanged()
    journal.close()


def test_a_write_ahead_log_without_its_database_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = DurableJournal(path, new_id="journal-1", account="paper-USD")
    first.record_calling("A-1", EFFECT, ordinal=1)
    log = (tmp_path / "journal.db-wal").read_bytes()
    first.close()
    path.unlink()
    (tmp_path / "journal.db-wal").write_bytes(log)
    second = DurableJournal(path, new_id="journal-2", account="paper-USD")
    assert (second.journal_id, second.entry_count) == ("journal-2", 0)
    second.close()


def test_a_journal_damaged_while_in_use_raises_and_is_refused_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = DurableJournal(path, new_id="journal-1", account="paper-USD")
    for number in range(200):
        journal.record_calling(f"A-{number}", EFFECT, ordinal=1)
    journal.close()
    journal = DurableJournal(path, new_id="journal-1", account="paper-USD")
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(b"\xff" * (path.stat().st_size - PAGE_BYTES))
    journal._db.execute("PRAGMA shrink_memory")  # frees the undamaged pages in memory
    with pytest.raises(FileLostError, match="was damaged while in use"):
        journal.find("A-7")
    with pytest.raises(FileLostError, match="was damaged while in use"):
        journal.record_calling("A-201", EFFECT, ordinal=1)
    journal.close()
    with pytest.raises(StartError, match="corrupt"):
        DurableJournal(path, new_id="journal-1", account="paper-USD")


@pytest.mark.slow
def test_repeated_orders_get_replies_from_the_book_after_the_journal_was_lost(folder: Path) -> None:
    process = Process(folder / "a", ticks=4)
    process.start()
    desk = Desk(process)
    first_id = desk.ask(action="HELLO", client="test")["journal_id"]
    desk.ask(action="CONFIRM", stream_id="run-1", ordinal=0)
    before = [desk.ask(**an_order(number)) for number in (1, 2)]
    for file in (folder / "a" / "data" / "venue").glob("journal.db*"):
        if not file.name.endswith(".lock"):
            file.unlink()
    send_without_waiting(process.url, an_order(3))
    assert process.wait() == 1
    process.start()
    assert desk.ask(action="HELLO", client="test")["journal_id"] != first_id
    after = [desk.ask(**an_order(number)) for number in (1, 2)]
    assert [without_envelope_ids(reply) for reply in after] == [without_envelope_ids(reply) for reply in before]
    assert desk.ask(**an_order(1, volume=0.03))["error_code"] == "ID_CONFLICT"
    assert desk.ask(**an_order(3))["status"] == "FILLED"
    deals = desk.ask(action="GET_DEALS", after=1)["deals"]
    assert [deal["order_id"] for deal in deals] == ["A-1", "A-2", "A-3"]
    desk.close()
    assert process.stop() == 0


def an_order(number: int, *, volume: float = 0.02) -> dict[str, Any]:
    return {"action": "BUY", "order_id": f"A-{number}", "symbol": "EURUSD", "volume": volume, "ordinal": 1}


def without_envelope_ids(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name not in ("boot_id", "request_id")}


def send_without_waiting(url: str, fields: dict[str, Any]) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(url)
    socket.send_multipart([b"", json.dumps(fields).encode()])
    # The socket sends the request before it closes; the reply is dropped.
    socket.close(linger=5_000)
    context.term()
