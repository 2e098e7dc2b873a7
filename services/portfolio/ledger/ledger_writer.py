"""Commits the desk's events to the ledger, with retries while the disk is full or fails.

The desk applies its decisions in memory at once. A failed commit does not undo them: the commit of their events is
retried until it succeeds. Until then nothing that depends on the events is sent, and the desk makes no new order.
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
"""Interval between two retries of a failed commit."""

_log = get_logger()


SIGN_EVERY_NS: Final = 30_000_000_000
"""Age of the newest signature at which later events are signed.

They are not signed at once, because each signature takes one synced commit.
"""

SIGN_EVERY_EVENTS: Final = 10_000
"""Number of unsigned events at which the ledger is signed before `SIGN_EVERY_NS` has passed."""


class LedgerWriter:
    """Writes the desk's events to the ledger."""

    def __init__(self, ledger: Ledger, state: PortfolioState) -> None:
        """Start without uncommitted events. The desk halts if the ledger lacks events that it had before."""
        if ledger.rollback:
            state.account.restrict_trading(TradingState.HALTED, "LEDGER_TAIL_MISSING", ledger.rollback, by="ledger")
        self._ledger = ledger
        self._state = state
        self._events: list[Event] = []
        self._failed_mono_ns = 0
        self._tried_mono_ns = self._signed_mono_ns = 0
        self.is_retrying = False
        """Whether the last commit failed."""
        self.equity_points = 0
        """Number of equity points stored since the start of the process."""

    @property
    def uncommitted(self) -> int:
        """Number of events of a failed commit."""
        return len(self._events)

    @property
    def event_count(self) -> int:
        """Number of committed events, which is the number of the last one."""
        return self._ledger.event_count

    def next_retry_mono_ns(self) -> int | None:
        """Return the monotonic time of the next retry; None if the last commit succeeded."""
        return self._tried_mono_ns + RETRY_NS if self.is_retrying else None

    def commit(self) -> bool:
        """Commit the desk's events; return False if that fails or an earlier failed commit waits for `retry_commit`."""
        self._take()
        return not self.is_retrying and self._write()

    def retry_commit(self) -> bool:
        """Retry a failed commit; return whether it succeeded."""
        self._take()
        if not self._write():
            return False
        self.is_retrying = False
        self._state.warnings.on_storage_recovery()
        seconds = (clock.mono_ns() - self._failed_mono_ns) / 1e9
        _log.warning("the ledger is writable again, new orders are allowed", after_s=round(seconds, 2))
        return True

    def _take(self) -> None:
        self._events += self._state.account.take_events()
        self._state.stream.mark_kept()

    def _write(self) -> bool:
        self._tried_mono_ns = started_ns = clock.mono_ns()
        points = len(self._state.stream.equity_curve.unstored)
        try:
            self._ledger.commit(self._events, self._state.account.book, self._state.stream.persisted)
        except DISK_FAULTS as error:
            metrics.STORAGE_FAULTS.inc()
            if not self.is_retrying:
                self.is_retrying = True
                self._failed_mono_ns = started_ns
                why = f"{self._ledger.path}: {error}"
                self._state.warnings.on_storage_failure(why)
                _log.error("the ledger is not writable; no order is made or sent until it is writable", why=why)
            return False
        metrics.COMMITS.observe(clock.mono_ns() - started_ns)
        self._events = []
        self.equity_points += points
        return True

    def require_file(self) -> None:
        """Check that the ledger's file still exists; a desk that commits nothing would not notice its loss.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        self._ledger.require_file_unchanged()

    # ----------------------------------------------------------------------------------------------------- signature

    def sign_if_due(self) -> None:
        """Sign the ledger's head if the last signature is too old or too many events are unsigned.

        Called about once a second. A head without later events is not signed again.
        """
        events, age_ns = self._ledger.unsigned_events, clock.mono_ns() - self._signed_mono_ns
        if events >= SIGN_EVERY_EVENTS or (events and age_ns >= SIGN_EVERY_NS):
            self.sign()

    def sign(self) -> None:
        """Sign the ledger's head; skipped while events are uncommitted or the disk fails."""
        if self.is_retrying or self._events:
            return
        self._signed_mono_ns = clock.mono_ns()
        if self._ledger.rollback and self._state.account.book.trading_state is TradingState.HALTED:
            # The halt because of the missing events is committed, so later starts know it from the ledger.
            self._ledger.rollback = ""
        try:
            self._ledger.sign()
        except DISK_FAULTS as error:
            self._state.warnings.conditions.set("LEDGER_UNSIGNED", f"{self._ledger.path}: {error}")
            return
        self._state.warnings.conditions.update("LEDGER_UNSIGNED", self._ledger.head_fault)

    # --------------------------------------------------------------------------------------------------------- audit

    def start_audit(self) -> Audit | None:
        """Start an audit; None if the ledger is empty or short, because the start has verified a short ledger."""
        return Audit(self._ledger.path) if self._ledger.event_count > SHORT_EVENTS else None

    def apply_audit(self, finding: AuditResult) -> None:
        """Log and count the result of an audit, and halt the desk if the ledger is damaged."""
        if finding.failure:
            metrics.AUDITS.inc("unfinished")
            _log.warning("the audit of the ledger failed", why=finding.failure)
            return
        metrics.AUDITS.inc("broken" if finding.problems else "whole")
        if not finding.problems:
            _log.info("the whole ledger is verified", events=self._ledger.event_count)
            return
        _log.error("the ledger is damaged, the desk halts", problems=finding.problems)
        fault = str(finding.problems[0])
        self._state.warnings.on_ledger_fault(fault)
        self._state.account.restrict_trading(TradingState.HALTED, "LEDGER_BROKEN", fault, by="audit")
