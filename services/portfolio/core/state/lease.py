"""Owner of the lease: the epoch of orders, and whether this process leads the account."""

from __future__ import annotations

from typing import Final

from proto.control import TradingState
from proto.gateway.epochs import next_epoch
from proto.time import Now
from services.portfolio.core.account.events import EpochTaken
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.warnings import Warnings

GRANT_WAIT_NS: Final = 3_000_000_000
"""How long after HELLO the first grant is awaited before the lease counts as missing."""

LAPSED_REFUSALS_MAX: Final = 20
"""Orders refused in a row without the lease: more than a restart of the gateway causes."""


class LeaseState:
    """Leadership of the account at the gateway."""

    def __init__(self, account: AccountState, warnings: Warnings, *, boot_id: str) -> None:
        """Start without an epoch; `boot_id` identifies this process at the gateway."""
        self._account = account
        self._warnings = warnings
        self.boot_id = boot_id
        self.epoch = 0
        """Epoch in the orders of this process; 0 before the first and at a gateway without leases."""
        self.seen_ns = 0
        """The gateway's clock in its last reply; the next renewal repeats it."""
        self.is_superseded = False
        """Another portfolio leads the account, or the gateway refused this one: no order is sent."""
        self.is_granted = False
        """The gateway has granted this process the lease since the last HELLO."""
        self.until_mono_ns = 0
        """Monotonic end of the last grant; before the first grant, the end of the wait for it."""
        self.refusal = ""
        """Why LEASE was refused last; empty since it was granted."""
        self.problem = ""
        """Why the missing lease forbids opening; empty while the lease is in force."""
        self.lapsed_refusals = 0
        """Orders refused in a row without the lease although it was granted."""
        self.needs_epoch = False
        """A person has resumed this portfolio after another one led: it takes an epoch with the next HELLO."""

    def on_hello(self, gateway_epoch: int, gateway_ns: int, now: Now, *, is_other_journal: bool) -> None:
        """Take an epoch where one is needed, and wait for the first grant.

        `gateway_epoch` leads the account at the gateway, whose lease clock shows `gateway_ns`. With another
        journal (`is_other_journal`) a new epoch is taken, so that orders sent under the old one have no effect.
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
        """The gateway granted the lease until `until_mono_ns`; its lease clock is at `gateway_ns`."""
        self.seen_ns, self.is_granted, self.refusal = gateway_ns, True, ""
        self.until_mono_ns = until_mono_ns
        self._warnings.conditions.clear("LEASE_UNSUPPORTED")
        self.watch(mono_ns)

    def on_refusal(self, refusal: str) -> None:
        """The gateway has refused the lease."""
        self.refusal = refusal

    def on_unsupported(self, refusal: str) -> None:
        """The gateway has no leases: orders carry no epoch and need no lease."""
        self.refusal, self.epoch = refusal, 0
        self._warnings.conditions.set("LEASE_UNSUPPORTED", f"the gateway refused LEASE: {refusal}")

    def on_order_taken(self) -> None:
        """The gateway has taken an order under the lease."""
        self.lapsed_refusals = 0

    def on_order_lapsed(self) -> None:
        """An order of this epoch was refused without the lease; many in a row end the lead."""
        self.lapsed_refusals += self.is_granted
        if self.lapsed_refusals >= LAPSED_REFUSALS_MAX:
            self.stop_leading(f"it is granted, and {self.lapsed_refusals} orders in a row were refused without it")

    def watch(self, mono_ns: int) -> None:
        """Update whether the lease is in force by this host's clock: without it nothing is opened."""
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
        """Send no order until a person resumes: another portfolio leads the account."""
        self.is_superseded = True
        text = f"another portfolio leads this account: {why}"
        self._account.restrict_trading(TradingState.HALTED, "LEASE_LOST", text, by="lease")

    def stop_leading(self, why: str) -> None:
        """Send no order until a person resumes: the gateway refuses the lease, or orders under it."""
        self.is_superseded = True
        text = f"the gateway refused the lease: {why}"
        self._account.restrict_trading(TradingState.HALTED, "LEASE_REFUSED", text, by="lease")

    def reclaim_leadership(self) -> None:
        """Lead again from the next HELLO on if this process had stopped leading; called when a person resumes."""
        if self.is_superseded:
            self.is_superseded, self.needs_epoch = False, True
            self.refusal = ""
