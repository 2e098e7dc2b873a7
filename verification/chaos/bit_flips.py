"""Flip single bits in the files of a stopped desk, and check that each flip is harmless or detected.

Each file is read as its process reads it at the start: first unchanged, and then in copies with one flipped bit each.
A copy must give the original content, or an error that names the file. Signal may also drop a damaged checkpoint. A
flip in a write-ahead log may also remove the newest commits, as a power cut does. The content must then be an earlier
committed state. If commits are synced, it must be the state before the last commit.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec

from common.clock import host_boot
from common.errors import StartError
from common.storage import open_reader
from common.write_ahead_log import TORN_COMMITS_MAX, commit_ends
from services.mt5.core.ports.magic import magic_of
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, verify_ledger
from services.portfolio.ledger.projections import account_row, open_lots
from services.portfolio.ledger.signing_key import existing_key, head_file, key_file
from services.signal.checkpoint import CheckpointStore

WAL: Final = "-wal"
JOURNAL: Final = "venue/journal.db"
BOOK: Final = "venue/book.db"

Read: TypeAlias = Callable[[Path], bytes]
"""Reads the files of one store in a desk's folder as its process does, and returns a digest of the content."""


class Outcome(StrEnum):
    """Outcome of a flip; the last two are failures."""

    SAME = "original content"
    REFUSED = "refused"
    REBUILT = "dropped, to be computed again"
    OLDER = "newest commits lost, as after a power cut"
    WRONG = "WRONG CONTENT"
    CRASHED = "CRASHED"


FAILURES: Final = (Outcome.WRONG, Outcome.CRASHED)


class Flip(NamedTuple):
    """One bit of one file."""

    file: str
    byte: int
    bit: int

    def __str__(self) -> str:
        """File, byte and bit, with which the flip can be repeated."""
        return f"{self.file} byte {self.byte} bit {self.bit}"


class Store(NamedTuple):
    """Files that are read together; `is_synced` is whether each commit is synced to the disk."""

    files: list[str]
    read: Read
    is_synced: bool


class FlipReport(NamedTuple):
    """Outcomes of the flips of each file, and the failed flips."""

    outcomes: dict[str, Counter[Outcome]]
    failures: list[tuple[Flip, str]]


class RebuiltError(Exception):
    """The damaged file is dropped, because its content can be computed again."""


def flip_bits(desk: Path, *, count: int, seed: int, progress: Callable[[int], None] | None = None) -> FlipReport:
    """Flip `count` bits, one at a time, in copies of the files of a stopped desk.

    Args:
        desk: folder of the desk, which is not changed.
        count: number of flips; each draws a file, and then a bit of the file.
        seed: of the draws.
        progress: called after each flip with the number of flips done.

    Raises:
        StartError: the folder has no ledger, or an unchanged file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="paperdesk-flips-") as scratch:
        # A copy, because SQLite writes to the folder of a write-ahead log that it reads.
        stores = list(_stores(Path(shutil.copytree(desk, Path(scratch) / "desk"))))
        targets = [_Target(desk, store, Path(scratch) / str(number)) for number, store in enumerate(stores)]
        choices = [(target, file) for target in targets for file in target.flippable]
        draw = random.Random(seed)  # noqa: S311 - faults, no secrets
        report = FlipReport({file: Counter() for _, file in choices}, [])
        for number in range(1, count + 1):
            target, file = draw.choice(choices)
            flip = Flip(file, draw.randrange(target.size(file)), draw.randrange(8))
            outcome, message = target.flip(flip)
            report.outcomes[file][outcome] += 1
            if outcome in FAILURES:
                report.failures.append((flip, f"{outcome}: {message}"))
            if progress is not None:
                progress(number)
    return report


class _Target:
    """The files of one store in memory, with the digests of its original content and of the allowed earlier states."""

    def __init__(self, desk: Path, store: Store, scratch: Path) -> None:
        self._store, self._scratch = store, scratch
        self._whole = {file: (desk / file).read_bytes() for file in store.files if (desk / file).is_file()}
        self._truth = self._read(self._whole)
        self._earlier = {file: set(self._earlier_states(file)) for file in self._whole if file.endswith(WAL)}

    @property
    def flippable(self) -> list[str]:
        return [file for file, content in self._whole.items() if content]

    def size(self, file: str) -> int:
        return len(self._whole[file])

    def flip(self, flip: Flip) -> tuple[Outcome, str]:
        content = bytearray(self._whole[flip.file])
        content[flip.byte] ^= 1 << flip.bit
        try:
            found = self._read({**self._whole, flip.file: bytes(content)})
        except StartError as error:
            return Outcome.REFUSED, str(error)
        except RebuiltError as error:
            return Outcome.REBUILT, str(error)
        except Exception as error:  # any other error is a failure to report
            return Outcome.CRASHED, f"{type(error).__name__} {error}"
        if found == self._truth:
            return Outcome.SAME, ""
        if found in self._earlier.get(flip.file, ()):
            return Outcome.OLDER, ""
        return Outcome.WRONG, "read as if it were undamaged"

    def _read(self, files: dict[str, bytes]) -> bytes:
        shutil.rmtree(self._scratch, ignore_errors=True)
        for file, content in files.items():
            path = self._scratch / file
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_bytes(content)
        return self._store.read(self._scratch)

    def _earlier_states(self, log: str) -> Iterator[bytes]:
        """The earlier committed states that a loss of commits from this write-ahead log may leave."""
        ends = [0, *commit_ends(self._whole[log])]
        for end in ends[-1 - TORN_COMMITS_MAX : -1] if self._store.is_synced else ends[:-1]:
            yield self._read({**self._whole, log: self._whole[log][:end]})


def _stores(desk: Path) -> Iterator[Store]:
    if not (desk / LEDGER_FILE_NAME).is_file():
        raise StartError(f"{desk} has no {LEDGER_FILE_NAME}, expected the folder of a stopped desk")
    key = key_file(Path())
    with_key = [str(key), str(head_file(key))]
    yield Store([LEDGER_FILE_NAME, LEDGER_FILE_NAME + WAL, *with_key], _read_ledger, is_synced=False)
    for name, make in ((JOURNAL, _reader_of_journal), (BOOK, lambda _: _read_book)):
        if (desk / name).is_file():
            yield Store([name, name + WAL], make(desk), is_synced=True)
    for path in sorted(desk.glob("signal/*.db")):
        name = str(path.relative_to(desk))
        yield Store([name, name + WAL], _reader_of_checkpoint(name), is_synced=False)


def _read_ledger(desk: Path) -> bytes:
    path = desk / LEDGER_FILE_NAME
    with closing(Ledger(path, existing_key(key_file(desk)), host_boot=host_boot())) as ledger:
        if problems := verify_ledger(path):
            raise StartError(problems[0])
        book, cursor = ledger.load()
        incarnation = ledger.meta("incarnation")
        return _digest(
            (account_row(book), list(book.orders.values()), book.deals, open_lots(book), cursor, incarnation)
        )


def _reader_of_journal(desk: Path) -> Read:
    """A reader of the journal that looks up every order id of the undamaged journal."""
    db = open_reader(desk / JOURNAL)
    try:
        [(account,)] = db.execute("SELECT account FROM journal").fetchall()
        order_ids = [str(order_id) for (order_id,) in db.execute("SELECT order_id FROM entries ORDER BY order_id")]
    finally:
        db.close()
    assert isinstance(account, str), account

    def read(folder: Path) -> bytes:
        with closing(DurableJournal(folder / JOURNAL, new_id="new", account=account)) as journal:
            entries = [(journal.find(one), journal.order_id_of(magic_of(one))) for one in order_ids]
            return _digest(
                (
                    journal.journal_id,
                    journal.entry_count,
                    journal.lease,
                    journal.halt_reason,
                    entries,
                    journal.known_ids(),
                )
            )

    return read


def _read_book(desk: Path) -> bytes:
    with closing(DurableBookStore(desk / BOOK)) as store:
        book = store.load()
        history = store.market.load()
        return _digest((vars(book), history))


def _reader_of_checkpoint(name: str) -> Read:
    def read(desk: Path) -> bytes:
        with closing(CheckpointStore(desk / name)) as store:
            try:
                saved = store.load()
            except ValueError as error:
                raise RebuiltError(str(error)) from error
            return _digest(saved)

    return read


def _digest(value: object) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(value, enc_hook=repr)).digest()
