"""What a ledger shows without being read as a whole: its end, signature, account, state and latest orders."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from common.checksums import DamagedRowError, checked_row
from common.errors import StartError, error_text
from services.portfolio.core.account.events import OrderCreated
from services.portfolio.core.account.orders import Order
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.clock_guard import CLOCKS
from services.portfolio.ledger.ledger import APPLICATION_ID, SCHEMA_VERSION
from services.portfolio.ledger.notes import read_note
from services.portfolio.ledger.signature import SignatureCheck, check_signature, read_head, read_seal
from services.portfolio.ledger.signing_key import existing_key, head_file, key_file
from verification.doctor.quiet_reader import open_quietly

TAIL_EVENTS_MAX: Final = 20_000
"""Number of newest events whose hashes are checked, which takes about 50 ms."""

LATEST_ORDERS: Final = 50

_UNREADABLE: Final = (apsw.Error, msgspec.MsgspecError, ArithmeticError, ValueError, KeyError, AssertionError)
_CREATED: Final = b'{"type":"order_created"'
_created = msgspec.json.Decoder(OrderCreated)
_orders = msgspec.json.Decoder(Order)
_fields = msgspec.json.Decoder(dict[str, Any])


class LedgerFacts(NamedTuple):
    """Facts of a ledger.

    `exists` is False for a desk that never ran. `problem` says why the file cannot be read, `is_other_version` that it
    is of another version. `chain_fault` is the fault of its newest events. `key_problem` says why the key cannot be
    used; `signature` is None if the signature was not checked. `account`, `mode` and `currency` are those of the
    stream, empty before the first one. `trading` has the stored trading state with its causes.
    """

    exists: bool
    problem: str = ""
    is_other_version: bool = False
    events: int = 0
    chain_fault: str = ""
    key_problem: str = ""
    is_signed: bool = False
    signature: SignatureCheck | None = None
    account: str = ""
    mode: str = ""
    currency: str = ""
    journal_id: str = ""
    epoch: int = 0
    symbols: tuple[str, ...] = ()
    trading: dict[str, Any] | None = None
    clocks: str = ""
    latest_orders: tuple[Order, ...] = ()


def read_ledger_facts(path: Path, key_setting: str) -> LedgerFacts:
    """Read a ledger, which may be written to at the same time; a fault becomes a text."""
    if not path.is_file():
        return LedgerFacts(False)
    try:
        db = open_quietly(path)
    except StartError as error:
        return LedgerFacts(True, problem=str(error))
    try:
        found = _pragma(db, "application_id"), _pragma(db, "user_version")
        if found != (APPLICATION_ID, SCHEMA_VERSION):
            kind = "a database of another kind" if found[0] != APPLICATION_ID else f"of schema version {found[1]}"
            expected = f"{path} is {kind}, expected a ledger of schema version {SCHEMA_VERSION}"
            return LedgerFacts(True, problem=expected, is_other_version=found[0] == APPLICATION_ID)
        db.execute("BEGIN")  # one snapshot
        return _read(db, path, key_setting)
    except DamagedRowError as error:
        return LedgerFacts(True, problem=str(error))
    except _UNREADABLE as error:
        return LedgerFacts(True, problem=f"{path} cannot be read: {error_text(error)}")
    except StartError as error:
        return LedgerFacts(True, problem=str(error))
    finally:
        db.close(force=True)


def _read(db: apsw.Connection, path: Path, key_setting: str) -> LedgerFacts:
    end = hash_chain.last_position(db)
    fault = _tail_fault(db, end.number)
    key_problem, signature = "", None
    try:
        own = key_file(path.parent, key_setting)
        signature = check_signature(db, existing_key(own), read_head(head_file(own)))
    except DamagedRowError:
        raise
    except StartError as error:
        key_problem = str(error)
    account = _account_row(db)
    stream = account.get("stream") or {}
    return LedgerFacts(
        True,
        events=end.number,
        chain_fault=fault,
        key_problem=key_problem,
        is_signed=read_seal(db) is not None,
        signature=signature,
        account=stream.get("account", ""),
        mode=stream.get("mode", ""),
        currency=stream.get("currency", ""),
        journal_id=account.get("journal_id", ""),
        epoch=account.get("epoch", 0),
        symbols=tuple(row["instrument"]["symbol"] for row in account.get("instruments", ())),
        trading=account.get("trading"),
        clocks=read_note(db, CLOCKS) or "",
        latest_orders=_latest_orders(db),
    )


def _tail_fault(db: apsw.Connection, end: int) -> str:
    """The first fault in the newest events; empty if there is none."""
    after = hash_chain.BEGINNING
    first = end - TAIL_EVENTS_MAX
    if first > 0:
        row = db.execute("SELECT hash FROM events WHERE number = ?", (first,)).fetchone()
        if row is None:
            return f"event {first} is missing"
        after = hash_chain.ChainPosition(first, row[0])
    return next((link.fault for link in hash_chain.checked_links(db, after) if link.fault), "")


def _account_row(db: apsw.Connection) -> dict[str, Any]:
    row = db.execute("SELECT name, payload, checksum FROM account WHERE name = 'account'").fetchone()
    return {} if row is None else _fields.decode(checked_row(db.filename, "account", row)[1])  # type: ignore[arg-type]


def _latest_orders(db: apsw.Connection) -> tuple[Order, ...]:
    """The latest orders, the newest first.

    Their ids are read from the newest events, because the table of orders can be read in their order only as a whole.
    """
    found: list[Order] = []
    for (event,) in db.execute("SELECT payload FROM events ORDER BY number DESC LIMIT ?", (TAIL_EVENTS_MAX,)):
        if not event.startswith(_CREATED):
            continue
        created = _created.decode(event)
        row = db.execute("SELECT payload FROM orders WHERE order_id = ?", (created.order.order_id,)).fetchone()
        if row is not None:
            found.append(_orders.decode(row[0]))
        if len(found) == LATEST_ORDERS:
            break
    return tuple(found)


def _pragma(db: apsw.Connection, name: str) -> int:
    return int(str(db.execute(f"PRAGMA {name}").fetchall()[0][0]))
