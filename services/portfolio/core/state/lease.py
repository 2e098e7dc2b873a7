"""Owner of the lease state: the epoch of this process, and whether the process leads the account."""

from __future__ import annotations

from typing import Final

from proto.control import TradingState
from proto.gateway.epochs import next_epoch
from proto.time import Now
from services.portfolio.core.account.events import EpochTaken
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.warnings import Warnings

GRANT_WAIT_NS: Final = 3_000_000_000
"""Time after HELLO until the lease counts as missing if the gateway has not granted it."""

LAPSED_REFUSALS_MAX: Final = 20
"""Number of consecutive orders refused for a missing lease after which this process stops leading the account.

A restart of the gateway causes fewer refusals.
"""


class LeaseState:
    """State of the lease and of the leadership of the account."""

    def __init__(self, account: AccountState, warnings: Warnings, *, boot_id: str) -> None:
        """Start without an epoch; `boot_id` identifies this process at the gateway."""
        self._account = account
        self._warnings = warnings
        self.boot_id = boot_id
        self.epoch = 0
        """Epoch in the orders of this process; 0 before HELLO and at a gateway without leases."""
        self.seen_ns = 0
        """Time of the gateway's lease clock in its last reply; the next renewal repeats this time."""
        self.is_superseded = False
        """Whether this process has stopped leading the account, and therefore sends no order."""
        self.is_granted = False
        """Whether the gateway has granted the lease since the last HELLO and the grant has not ended."""
        self.until_mono_ns = 0
        """Monotonic time from which the lease counts as missing: the end of the last grant or of the wait for it."""
        self.refusal = ""
        """Error of the last refused LEASE; empty after a grant."""
        self.problem = ""
        """Why the lease is missing; empty while it is in force. Without the lease no order may open exposure."""
        self.lapsed_refusals = 0
        """Number of consecutive orders refused for a missing lease although the gateway had granted the lease."""
        self.needs_epoch = False
        """Whether this process takes a new epoch with the next HELLO, because a person has resumed trading."""

    def on_hello(self, gateway_epoch: int, gateway_ns: int, now: Now, *, is_other_journal: bool) -> None:
        """Take a new epoch if one is needed, or lose the leadership to a higher epoch; then wait for a grant.

        Args:
            gateway_epoch: epoch of the process that leads the account at the gateway.
            gateway_ns: time of the gateway's lease clock.
            now: current time.
            is_other_journal: whether the gateway has another journal; a new epoch then makes the gateway refuse
                the orders that were sent under the old epoch.
        """
        if self.epoch and not self.needs_epoch and gateway_epoch > self.epoch:
            self.lose_leadership(f"epoch {gateway_epoch} leads the account, this portfolio has {self.epoch}")
        elif not self.epoch or self.needs_epoch or is_other_journal:
            epoch = next_epoch(self._account.book.epoch, gateway_epoch)
            self._account.emit(EpochTaken(epoch=epoch, time_ns=now.domain_ns))
            self.epoch = epoch
        if not self.refusal:
            self.until_mono_ns = now.mono_ns + GRANT_WAIT_NS
        self.lapsed_refusals = 0
        self.seen_ns = gateway_ns
        self.needs_epoch = self.is_granted = False

    def on_grant(self, gateway_ns: int, until_mono_ns: int, mono_ns: int) -> None:
        """Record that the gateway granted the lease.

        Args:
            gateway_ns: time of the gateway's lease clock.
            until_mono_ns: monotonic end of the grant.
            mono_ns: current monotonic time.
        """
        self.seen_ns, self.is_granted, self.refusal = gateway_ns, True, ""
        self.until_mono_ns = until_mono_ns
        self._warnings.conditions.clear("LEASE_UNSUPPORTED")
        self.watch(mono_ns)

    def on_refusal(self, refusal: str) -> None:
        """Record the error of a refused LEASE."""
        self.refusal = refusal

    def on_unsupported(self, refusal: str) -> None:
        """Record that the gateway has no leases: orders then contain no epoch and need no lease."""
        self.refusal, self.epoch = refusal, 0
        self._warnings.conditions.set("LEASE_UNSUPPORTED", f"the gateway refused LEASE: {refusal}")

    def on_order_taken(self) -> None:
        """Record that the gateway has accepted an order under the lease."""
        self.lapsed_refusals = 0

    def on_order_lapsed(self) -> None:
        """Count an order that the gateway refused for a missing lease; many consecutive ones end the leadership."""
        self.lapsed_refusals += self.is_granted
        if self.lapsed_refusals >= LAPSED_REFUSALS_MAX:
            count = self.lapsed_refusals
            self.stop_leading(f"the lease is granted, but {count} consecutive orders were refused for a missing lease")

    def watch(self, mono_ns: int) -> None:
        """Update whether the lease is in force at monotonic time `mono_ns`."""
        if self.epoch and not self.is_superseded and mono_ns >= self.until_mono_ns:
            self.is_granted = False
            text = f"the gateway grants no lease: {self.refusal or 'it does not answer'}"
            if text != self.problem:
                self.problem = text
                self._warnings.conditions.set("LEASE_MISSING", text)
        elif self.problem:
            self.problem = ""
            self._warnings.conditions.clear("LEASE_MISSING")

    def lose_leadership(self, why: str) -> None:
        """Halt, and send no order until a person resumes, because another portfolio leads the account."""
        self.is_superseded = True
        text = f"another portfolio leads this account: {why}"
        self._account.restrict_trading(TradingState.HALTED, "LEASE_LOST", text, by="lease")

    def stop_leading(self, why: str) -> None:
        """Halt, and send no order until a person resumes, because the gateway refuses the lease or orders under it."""
        self.is_superseded = True
        text = f"the gateway refused the lease: {why}"
        self._account.restrict_trading(TradingState.HALTED, "LEASE_REFUSED", text, by="lease")

    def reclaim_leadership(self) -> None:
        """Take a new epoch with the next HELLO if this process had stopped leading; called when a person resumes."""
        if self.is_superseded:
            self.is_superseded, self.needs_epoch = False, True
            self.refusal = ""
