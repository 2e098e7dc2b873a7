"""Keeps the ledger in step with the desk, also when the disk is full, and tells the desk when it cannot.

What the desk has decided stands in memory at once. A commit that fails takes nothing back: the events wait, nobody outside
hears of them, the desk is told and makes no new order, and the commit is tried again until there is room.
"""

from __future__ import annotations

from typing import Final

from common import clock
from common.logs import get_logger
from common.storage import DISK_FAULTS
from proto.control import TradingState
from services.portfolio import metrics
from services.portfolio.core.account.events import Event
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.ledger.audit import SHORT_EVENTS, Audit, AuditResult
from services.portfolio.ledger.ledger import Ledger

RETRY_NS: Final = 250_000_000
"""How often a commit that failed is tried again: room is used well within the second it may take."""

_log = get_logger()


SIGN_EVERY_NS: Final = 30_000_000_000
"""How old the newest signature may be while there are events after it: one synced commit each."""

SIGN_EVERY_EVENTS: Final = 10_000


class LedgerWriter:
    """What is decided and not yet durable."""

    def __init__(self, ledger: Ledger, state: PortfolioState) -> None:
        """Nothing waits; a ledger that lacks events it had halts the desk."""
        if ledger.rollback:
            state.account.restrict_trading(TradingState.HALTED, "LEDGER_TAIL_MISSING", ledger.rollback, by="ledger")
        self._ledger = ledger
        self._state = state
        self._events: list[Event] = []
        self._failed_mono_ns = 0
        self._tried_mono_ns = self._signed_mono_ns = 0
        self.is_retrying = False
        """Whether the last commit failed."""

    @property
    def uncommitted(self) -> int:
        """Events that wait for a commit which failed."""
        return len(self._events)

    def next_retry_mono_ns(self) -> int | None:
        """When to try again, None while nothing has failed."""
        return self._tried_mono_ns + RETRY_NS if self.is_retrying else None

    def commit(self) -> bool:
        """Make durable what the desk has decided; False while that cannot be, and until it is time to try again."""
        self._take()
        return not self.is_retrying and self._write()

    def retry_commit(self) -> bool:
        """Commit after a failure; True when that worked, and everything is as it was before."""
        self._take()
        if not self._write():
            return False
        self.is_retrying = False
        self._state.warnings.on_storage_recovery()
        seconds = (clock.mono_ns() - self._failed_mono_ns) / 1e9
        _log.warning("the ledger can be written again, orders are made again", after_s=round(seconds, 2))
        return True

    def _take(self) -> None:
        self._events += self._state.account.take_events()
        self._state.stream.mark_kept()

    def _write(self) -> bool:
        self._tried_mono_ns = started_ns = clock.mono_ns()
        try:
            self._ledger.commit(self._events, self._state.account.book, self._state.stream.persisted)
        except DISK_FAULTS as error:
            metrics.STORAGE_FAULTS.inc()
            if not self.is_retrying:
                self.is_retrying = True
                self._failed_mono_ns = started_ns
                why = f"{self._ledger.path}: {error}"
                self._state.warnings.on_storage_failure(why)
                _log.error("the ledger cannot be written: no order is made or sent until it can", why=why)
            return False
        metrics.COMMITS.observe(clock.mono_ns() - started_ns)
        self._events = []
        return True

    def require_file(self) -> None:
        """See that the ledger is still there, for a desk that has nothing to commit.

        Raises:
            FileLostError: it is not.
        """
        self._ledger.require_file_unchanged()

    # ----------------------------------------------------------------------------------------------------- signature

    def sign_if_due(self) -> None:
        """Sign the ledger's head when the newest signature is too old; about once a second."""
        events, age_ns = self._ledger.unsigned_events, clock.mono_ns() - self._signed_mono_ns
        if events >= SIGN_EVERY_EVENTS or (events and age_ns >= SIGN_EVERY_NS):
            self.sign()

    def sign(self) -> None:
        """Sign the ledger's head, unless the disk does not take it; what is not durable is not signed."""
        if self.is_retrying or self._events:
            return
        self._signed_mono_ns = clock.mono_ns()
        if self._ledger.rollback and self._state.account.book.trading_state is TradingState.HALTED:
            self._ledger.rollback = ""  # the halt that says so is durable: the ledger goes on from here
        try:
            self._ledger.sign()
        except DISK_FAULTS as error:
            self._state.warnings.conditions.set("LEDGER_UNSIGNED", f"{self._ledger.path}: {error}")
            return
        self._state.warnings.conditions.update("LEDGER_UNSIGNED", self._ledger.head_fault)

    # --------------------------------------------------------------------------------------------------------- audit

    def start_audit(self) -> Audit | None:
        """Begin to look at the whole ledger; None where that was done at the start, or there is nothing to look at."""
        return Audit(self._ledger.path) if self._ledger.event_count > SHORT_EVENTS else None

    def apply_audit(self, finding: AuditResult) -> None:
        """Act on what an audit found: a ledger that is not whole is nothing to trade on."""
        if finding.failure:
            metrics.AUDITS.inc("unfinished")
            _log.warning("the look at the whole ledger did not come to its end", why=finding.failure)
            return
        metrics.AUDITS.inc("broken" if finding.problems else "whole")
        if not finding.problems:
            _log.info("the whole ledger has been verified", events=self._ledger.event_count)
            return
        _log.error("the ledger is not whole, the desk halts", problems=finding.problems)
        fault = str(finding.problems[0])
        self._state.warnings.on_ledger_fault(fault)
        self._state.account.restrict_trading(TradingState.HALTED, "LEDGER_BROKEN", fault, by="audit")
