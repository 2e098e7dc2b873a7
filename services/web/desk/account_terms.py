"""The account's stream and the terms of its symbols, read from the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw
import msgspec
from msgspec import Struct

from common.errors import StartError
from proto.trading.instrument import Instrument
from services.portfolio.core.account.events import InstrumentLearned, Reconciled, StreamOpened
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger

READ_EVERY_S: Final = 5.0
"""Interval in seconds at which the ledger is checked for changed terms."""


class AccountTerms(NamedTuple):
    """Stream, last reconciliation and instruments of the account; the first two are None before the first HELLO."""

    stream: StreamOpened | None
    reconciled: Reconciled | None
    instruments: dict[str, Instrument]


NO_TERMS: Final = AccountTerms(None, None, {})


class _StoredTerms(Struct):
    stream: StreamOpened | None
    reconciled: Reconciled | None
    instruments: list[InstrumentLearned]


_decode = msgspec.json.Decoder(_StoredTerms).decode


class TermsWatch:
    """The newest terms of the account."""

    def __init__(self, data_dir: Path, *, on_change: Callable[[], None] = lambda: None) -> None:
        """Start without terms; `on_change` is called after new ones have been read."""
        self._path = data_dir / LEDGER_FILE_NAME
        self._on_change = on_change
        self._seen: tuple[int, int] = (0, 0)
        self.terms = NO_TERMS
        self.problem = ""
        """Why the ledger cannot be read, in one line; empty if it can."""

    async def run(self) -> None:
        """Read the terms when they change, until canceled."""
        while True:
            await self.refresh()
            await asyncio.sleep(READ_EVERY_S if self.terms.stream is not None else 1.0)

    async def refresh(self) -> None:
        """Read the terms if the ledger has others."""
        try:
            found = await asyncio.to_thread(self._read)
            self.problem = ""
        except (StartError, apsw.Error, msgspec.MsgspecError) as error:
            self.problem = str(error).partition("\n")[0]
            return
        if found is not None:
            self.terms = found
            self._on_change()

    def _read(self) -> AccountTerms | None:
        """The terms, None if they have not changed; called in a thread."""
        db = open_ledger(self._path)
        try:
            state = db.execute("SELECT checksum, length(payload) FROM account WHERE name = 'account'")
            seen: list[Any] = state.fetchall()
            if not seen or seen[0] == self._seen:
                return None
            rows: list[Any] = db.execute("SELECT payload FROM account WHERE name = 'account'").fetchall()
        finally:
            db.close()
        stored = _decode(rows[0][0])
        self._seen = seen[0]
        return AccountTerms(
            stored.stream, stored.reconciled, {held.instrument.symbol: held.instrument for held in stored.instruments}
        )
