"""Who may open exposure: the client with the highest epoch, while it says that it lives.

An epoch counts starts of portfolio; the highest that was ever leased is durable, so that an older portfolio, which nobody may
know to be alive, is refused for good. A lease lapses by the gateway's monotonic clock.
"""

from __future__ import annotations

from typing import Final

from proto.gateway import ErrorCode, Lease
from proto.time import Now
from services.mt5.core.gateway.journal import Journal

LEASE_TTL_MS: Final = 5_000
"""Longer than the restart of a killed portfolio, far shorter than a person takes to notice that it is gone."""

_MS: Final = 1_000_000


class AccountLease:
    """The lease of one account."""

    def __init__(self, journal: Journal, *, ttl_ms: int = LEASE_TTL_MS) -> None:
        """Nobody holds the lease at the start; the highest epoch is the journal's."""
        self._journal = journal
        self._ttl_ns = ttl_ms * _MS
        self._until_mono_ns = 0
        self._holder = ""

    @property
    def epoch(self) -> int:
        """The highest that was ever leased; 0 for none."""
        return self._journal.epoch

    def renew(self, request: Lease, now: Now) -> ErrorCode | None:
        """Lease, or say why not. Two that came to one epoch at the same time: the first one has it."""
        if request.epoch < self.epoch:
            return ErrorCode.STALE_EPOCH
        if request.epoch == self.epoch and self._holder not in ("", request.holder):
            return ErrorCode.STALE_EPOCH
        if not now.mono_ns - self._ttl_ns <= request.seen_ns <= now.mono_ns:
            return ErrorCode.LEASE_STALE
        if request.epoch > self.epoch:
            self._journal.set_epoch(request.epoch)
        self._holder = request.holder
        self._until_mono_ns = now.mono_ns + self._ttl_ns
        return None

    def has_lapsed(self, now: Now) -> bool:
        """Whether somebody held the lease, and has not renewed it in time."""
        return bool(self._holder) and self._until_mono_ns <= now.mono_ns

    def expires_in_ms(self, now: Now) -> int:
        """What is left of the lease."""
        return max(0, self._until_mono_ns - now.mono_ns) // _MS

    def refusal(self, epoch: int, *, opens: bool, now: Now) -> ErrorCode | None:
        """Why an order of `epoch` may not pass; None when it may. `opens`: it adds exposure."""
        if not epoch:
            return None
        if epoch < self.epoch:
            return ErrorCode.STALE_EPOCH
        if opens and (epoch > self.epoch or self._until_mono_ns <= now.mono_ns):
            return ErrorCode.LEASE_LAPSED
        return None
