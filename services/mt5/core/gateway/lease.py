"""The lease of an account: the client with the highest epoch may open exposure while it renews the lease.

An epoch is the number of a portfolio process. The highest leased epoch is durable, so that an older portfolio that
still runs is always refused. The next epoch is bounded (`proto.gateway.epochs`), so that no client can exhaust the
numbers. A lease lapses by the gateway's monotonic clock. Its holder is durable too. Without a renewal, the lease lapses
its full time after the first restart of the gateway, and at once after a second restart.
"""

from __future__ import annotations

from typing import Final

from proto.gateway import ErrorCode, Lease
from proto.gateway.epochs import highest_next_epoch, known_epoch
from proto.time import MS_NS, Now
from services.mt5.core.gateway.journal import Journal, LeaseRecord

LEASE_TTL_MS: Final = 5_000
"""Default validity of a lease after its renewal.

It is longer than a restart of portfolio takes, and far shorter than a person takes to notice that portfolio is down.
"""

ENFORCE_AGAIN_NS: Final = 250_000_000
"""Time until the next attempt to cancel resting orders after a lapse, if the venue was unavailable or busy."""


class AccountLease:
    """The lease of one account."""

    def __init__(self, journal: Journal, *, ttl_ms: int = LEASE_TTL_MS) -> None:
        """Continue the journal's lease; its holder may open nothing before the next renewal.

        The lease lapses `ttl_ms` after a renewal or, without a renewal, `ttl_ms` after the gateway's first restart.
        """
        self._journal = journal
        self._ttl_ns = ttl_ms * MS_NS
        self._until_mono_ns = 0
        self._lapses_mono_ns: int | None = None
        self._enforce_mono_ns: int | None = 0
        self._had_restarted = journal.lease.has_restarted
        self._is_held = bool(journal.lease.holder)

    @property
    def epoch(self) -> int:
        """The highest epoch that was ever leased; 0 before the first."""
        return known_epoch(self._journal.lease.epoch)

    def renew(self, request: Lease, now: Now) -> ErrorCode | None:
        """Grant or renew the lease; returns the error code of a refusal, None if granted.

        If two clients have the same epoch, the first to request the lease gets it.
        """
        if request.epoch < self.epoch:
            return ErrorCode.STALE_EPOCH
        if request.epoch == self.epoch and self._journal.lease.holder not in ("", request.holder):
            return ErrorCode.STALE_EPOCH
        if request.epoch > highest_next_epoch(self.epoch):
            return ErrorCode.EPOCH_TOO_HIGH
        if not now.mono_ns - self._ttl_ns <= request.seen_ns <= now.mono_ns:
            return ErrorCode.LEASE_STALE
        renewed = LeaseRecord(request.epoch, request.holder)
        if renewed != self._journal.lease:
            self._journal.set_lease(renewed)
        self._is_held = True
        self._until_mono_ns = self._lapses_mono_ns = self._enforce_mono_ns = now.mono_ns + self._ttl_ns
        return None

    def record_restart(self) -> None:
        """Record once that the gateway has restarted since the last renewal.

        If the gateway restarts again before a renewal, the lease lapses at once.
        """
        lease = self._journal.lease
        if lease.holder and not self._until_mono_ns and not lease.has_restarted:
            self._journal.set_lease(lease._replace(has_restarted=True))

    def assume_holder(self) -> None:
        """Assume that a client holds a lease, although the journal has none; it lapses like a recorded lease."""
        self._is_held = True

    def has_lapsed(self, now: Now) -> bool:
        """Whether a client held the lease and has not renewed it in time."""
        if not self._is_held:
            return False
        if self._lapses_mono_ns is None:
            self._lapses_mono_ns = now.mono_ns + (0 if self._had_restarted else self._ttl_ns)
            self._enforce_mono_ns = self._lapses_mono_ns
        return self._lapses_mono_ns <= now.mono_ns

    def note_enforced(self, *, is_complete: bool, now: Now) -> None:
        """Note an attempt to cancel the resting orders after a lapse; an incomplete attempt is repeated."""
        self._enforce_mono_ns = None if is_complete else now.mono_ns + ENFORCE_AGAIN_NS

    def next_timer(self) -> int | None:
        """Monotonic time at which to cancel resting orders after a lapse; None if there is nothing to cancel."""
        return self._enforce_mono_ns if self._is_held else None

    def expires_in_ms(self, now: Now) -> int:
        """Milliseconds until the lease lapses, >= 0."""
        return max(0, self._until_mono_ns - now.mono_ns) // MS_NS

    def refusal(self, epoch: int, *, opens: bool, now: Now) -> ErrorCode | None:
        """The error code for an order that the lease forbids; None for an allowed order.

        Args:
            epoch: the order's epoch; 0 for a client without a lease.
            opens: whether the order adds exposure.
            now: the current time.
        """
        if not epoch:
            return None
        if epoch < self.epoch:
            return ErrorCode.STALE_EPOCH
        if opens and (epoch > self.epoch or self._until_mono_ns <= now.mono_ns):
            return ErrorCode.LEASE_LAPSED
        return None
