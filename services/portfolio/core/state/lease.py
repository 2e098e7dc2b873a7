"""Owner of the lease: the epoch that orders carry, and whether this process leads the account."""

from __future__ import annotations

from proto.control import TradingState
from services.portfolio.core.state.account import AccountState


class LeaseState:
    """Leadership of the account at the gateway."""

    def __init__(self, account: AccountState, *, boot_id: str) -> None:
        """Start without an epoch; `boot_id` distinguishes this process from every other at the gateway."""
        self._account = account
        self.boot_id = boot_id
        self.epoch = 0
        """In the orders of this process; 0 before it has one, and at a gateway that leases nothing."""
        self.seen_ns = 0
        """The gateway's clock in its last reply; the next renewal repeats it."""
        self.is_superseded = False
        """Another portfolio leads the account."""
        self.is_granted = False
        """The gateway has granted this process the lease since the last hello."""
        self.until_mono_ns = 0
        """When the last grant ends, or before one when the wait for it ends."""
        self.refusal = ""
        """Why LEASE was refused last; empty since it was granted."""
        self.problem = ""
        """Why nothing may be opened for want of the lease; empty while it is in force."""
        self.lapsed_refusals = 0
        """Orders refused in a row for want of the lease while it was granted."""
        self.needs_epoch = False
        """Another portfolio led, and a person has resumed this one."""

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
        """Take the next epoch at the next hello, if this process had stopped leading: a person has resumed it."""
        if self.is_superseded:
            self.is_superseded, self.needs_epoch = False, True
            self.refusal = ""
