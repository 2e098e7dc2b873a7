"""Signature of the ledger: a signed head at intervals, and an authentication code (HMAC) over the newest state.

The head contains a position in the hash chain, and digests of the notes and of the tick cursor. The hash at the
position covers all events up to it. The head is signed with the key of `signing_key.py`, and stored in the ledger and
beside the key. The tick cursor is also written between two signatures; its row has an authentication code that only the
owner of the key can compute.

An edited ledger does not match its signature, even with a recomputed chain. A ledger whose last events were cut ends
before the head beside the key. An older intact ledger is a *rollback* and not an edit, and must not be continued as if
it were the newest ledger.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

import apsw
import msgspec

from common.checksums import checked_row
from common.errors import StartError
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.hash_chain import ChainPosition
from services.portfolio.ledger.notes import SEAL, notes_digest, read_note, write_notes
from services.portfolio.ledger.signing_key import LedgerKey, is_signed_by, write_durably

CURSOR_COLUMNS: Final = "id, payload, event, hash, orders, deals, lots, code, checksum"
"""Columns of the table `cursor`: tick cursor, end of the chain, row counts, and the authentication code over them."""

HASH_CHARS: Final = 64
"""Number of hexadecimal characters of a hash."""

_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode


class Seal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed head: event number and hash, digests of notes and tick cursor, wall-clock time, and public key.

    Hashes, digests, key and signature are hexadecimal.
    """

    event: int
    hash: str
    notes: str
    state: str
    time_ns: int
    key: str
    signature: str

    def statement(self) -> bytes:
        """Return the bytes that are signed."""
        return _pack(("paperdesk ledger head 1", self.event, self.hash, self.notes, self.state, self.time_ns))

    @property
    def head(self) -> str:
        """The head as text: event number and hash."""
        return f"{self.event}:{self.hash}"


class SignatureCheck(NamedTuple):
    """Result of a check as text: the edits found, the rollback if there is one, and a summary."""

    problems: list[str]
    rollback: str
    summary: str


_seal = msgspec.json.Decoder(Seal)


def state_code(key: LedgerKey | None, values: tuple[object, ...], notes: bytes) -> bytes:
    """Return the authentication code over the tick cursor's row and the notes; empty without a key."""
    return b"" if key is None else key.mac(_pack((values, notes)))


def write_seal(db: apsw.Connection, key: LedgerKey, end: ChainPosition, time_ns: int) -> Seal:
    """Sign the end of the chain, the notes and the tick cursor; the caller begins and ends the transaction.

    `time_ns` is the time of the signature in UTC nanoseconds.
    """
    unsigned = Seal(
        event=end.number,
        hash=end.hash.hex(),
        notes=notes_digest(db).hex(),
        state=_state_digest(db).hex(),
        time_ns=time_ns,
        key=key.public,
        signature="",
    )
    seal = msgspec.structs.replace(unsigned, signature=key.sign(unsigned.statement()))
    write_notes(db, {SEAL: _encode(seal).decode()})
    return seal


def publish_head(key: LedgerKey, seal: Seal) -> None:
    """Store a signed head beside the key; the events up to it must already be durable.

    Raises:
        OSError: the file cannot be written.
    """
    write_durably(key.head_path, _encode(seal).decode() + "\n")


def read_seal(db: apsw.Connection) -> Seal | None:
    """Return the signed head that a ledger contains; None if the ledger was never signed.

    Raises:
        StartError: the signed head is damaged.
    """
    text = read_note(db, SEAL)
    return None if text is None else _decode(text, f"{db.filename}: the signature")


def read_head(path: Path) -> Seal | None:
    """Return the signed head beside a key; None if the key has signed nothing.

    Raises:
        StartError: the signed head is damaged or cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}; expected the newest signed head of the ledger") from None
    seal = _decode(text, str(path))
    if not is_signed_by(seal.key, seal.signature, seal.statement()):
        raise StartError(
            f"{path} is damaged: its signature does not fit, expected the newest signed head of the ledger"
        )
    return seal


def check_signature(db: apsw.Connection, key: LedgerKey | None, head: Seal | None) -> SignatureCheck:
    """Compare a ledger with its signed head, with the key if given, and with the head beside the key.

    Raises:
        StartError: a row that the check needs is damaged.
    """
    seal, end = read_seal(db), hash_chain.last_position(db)
    if seal is None:
        return _check_unsigned(db, head, end)
    problems = list(_faults(db, seal, key))
    rollback = ""
    if head is not None and key is not None and head.key != key.public:
        problems.append(f"the head beside the key is signed with key {head.key[:16]}, expected {key.public[:16]}")
    elif head is not None:
        if end.number >= head.event and not _has(db, head):
            problems.append(f"event {head.event} differs from the signed one: another ledger, or an edited one")
        rollback = "" if problems else _rollback(head, end)
    since = end.number - seal.event
    summary = f"signed up to event {seal.event} with key {seal.key[:16]}"
    if key is None:
        summary += f", which was not found: compare with a head kept elsewhere; {since} later events are not proven"
    else:
        summary += f"; {since} later events and the tick cursor have an authentication code of this key"
    return SignatureCheck(problems, rollback, summary)


def head_problem(db: apsw.Connection, expected: str) -> str:
    """Return why the chain of a ledger does not contain an `expected` head that was printed earlier; empty if it does.

    Raises:
        StartError: `expected` is not the text of a head.
    """
    number, colon, link = expected.partition(":")
    is_number = number.isascii() and number.isdecimal()
    if not colon or not is_number or len(link) != HASH_CHARS or set(link) - set("0123456789abcdef"):
        raise StartError(f"head '{expected}': expected NUMBER:HASH as `paperdesk verify --head` prints it")
    row = db.execute("SELECT hash FROM events WHERE number = ?", (int(number),)).fetchone()
    found = hash_chain.GENESIS if number == "0" else b"" if row is None else row[0]
    assert isinstance(found, bytes), found
    if found.hex() == link:
        return ""
    return f"the chain does not contain the expected head: event {number} is {found.hex()[:16] or 'missing'}"


def _check_unsigned(db: apsw.Connection, head: Seal | None, end: ChainPosition) -> SignatureCheck:
    row = db.execute("SELECT code FROM cursor").fetchone()
    if row is not None and row[0]:
        return SignatureCheck(
            ["the signature was removed: the tick cursor has the authentication code of a key"], "", "not signed"
        )
    if head is None:
        return SignatureCheck([], "", "not signed: no process with a key has written to it")
    if end.number == 0:
        return SignatureCheck([], _rollback(head, end), "not signed")
    return SignatureCheck([f"the ledger is not signed, but its key has signed event {head.event}"], "", "not signed")


def _faults(db: apsw.Connection, seal: Seal, key: LedgerKey | None) -> list[str]:
    if not is_signed_by(seal.key, seal.signature, seal.statement()):
        return ["the signature of the ledger does not match"]
    if key is not None and seal.key != key.public:
        return [
            f"the ledger is signed with key {seal.key[:16]}, expected {key.public[:16]} of {key.path}: "
            "put the right key back, or restore a backup, which signs the ledger with this key"
        ]
    found = []
    if not _has(db, seal):
        found.append(f"event {seal.event} differs from the signed one: the chain was edited or cut")
    if notes_digest(db).hex() != seal.notes:
        found.append("the notes, which include the incarnation, differ from the signed ones")
    row = db.execute(f"SELECT {CURSOR_COLUMNS} FROM cursor").fetchone()  # noqa: S608 - names of ours
    if row is None:
        if seal.state != _state_digest(db).hex():
            found.append("the tick cursor is missing")
    elif key is not None:
        *values, code = checked_row(db.filename, "cursor", row)
        if code != state_code(key, tuple(values), notes_digest(db)):
            found.append(
                "the tick cursor with the risk state, or the end of the chain, differs from what the desk wrote"
            )
    return found


def _has(db: apsw.Connection, seal: Seal) -> bool:
    if seal.event == 0:
        return seal.hash == hash_chain.GENESIS.hex()
    row = db.execute("SELECT hash FROM events WHERE number = ?", (seal.event,)).fetchone()
    return row is not None and isinstance(row[0], bytes) and row[0].hex() == seal.hash


def _rollback(head: Seal, end: ChainPosition) -> str:
    """Describe a ledger that is older than the head beside its key; empty if it is not older."""
    if end.number >= head.event:
        return ""
    return f"the ledger ends at event {end.number}, but event {head.event} was signed: its tail is missing"


def _state_digest(db: apsw.Connection) -> bytes:
    row = db.execute(f"SELECT {CURSOR_COLUMNS} FROM cursor").fetchone()  # noqa: S608 - names of ours
    return hashlib.sha256(_pack(row)).digest()


def _decode(text: str, where: str) -> Seal:
    try:
        return _seal.decode(text)
    except msgspec.MsgspecError as error:
        raise StartError(f"{where} cannot be read: {error}; expected a signed head") from None
