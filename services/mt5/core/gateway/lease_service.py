"""LEASE in a live stream: renewals, and the cancellation of resting orders after a lapse."""

from __future__ import annotations

from proto.gateway import ErrorCode, Lease, LeaseReply, Reply
from proto.gateway.epochs import highest_next_epoch
from proto.time import Now
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.lease import AccountLease
from services.mt5.core.gateway.order_service import OrderService
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.ports.magic import desk_id_of
from services.mt5.core.ports.terminal import Terminal


class LeaseService:
    """Answers LEASE, and cancels resting orders after a lapse; in a live stream only."""

    def __init__(
        self,
        *,
        journal: Journal,
        orders: OrderService,
        terminal: Terminal,
        header: ReplyHeader,
        is_live: bool,
        ttl_ms: int,
    ) -> None:
        """Continue the lease of the journal.

        Args:
            journal: stores the lease.
            orders: cancels resting orders.
            terminal: shows the resting orders.
            header: the fields common to all replies.
            is_live: whether the stream is live; a lock-step stream has no leases.
            ttl_ms: how long after a renewal the lease lapses.
        """
        self.account_lease = AccountLease(journal, ttl_ms=ttl_ms)
        self._ttl_ms = ttl_ms
        self._journal = journal
        self._orders = orders
        self._terminal = terminal
        self._header = header
        self._is_live = is_live
        self._is_journal_compared = False
        self.storage_problem = ""
        """Why the gateway cannot write, for replies to LEASE; set by the storage guard."""

    def handle(self, request: Lease, now: Now) -> Reply:
        """Grant or renew a client's lease of the account, or refuse it."""
        if not self._is_live:
            return self._header.not_available(request)
        lease = self.account_lease
        refused = lease.renew(request, now)
        fields = self._header.fields(request.request_id)
        if refused is not None:
            text = f"epoch {request.epoch} of {request.holder}, the highest leased epoch is {lease.epoch}"
            if refused is ErrorCode.EPOCH_TOO_HIGH:
                text = f"{text}, expected at most {highest_next_epoch(lease.epoch)}"
            elif refused is ErrorCode.LEASE_STALE:
                text = f"seen_ns is {request.seen_ns}, expected lease_now_ns of a reply in the last {self._ttl_ms} ms"
            fields |= {"status": "ERROR", "error_code": refused, "error": text}
        trouble = self._terminal.unavailable(now)
        return LeaseReply(
            **fields,
            epoch=lease.epoch,
            lease_now_ns=now.mono_ns,
            expires_in_ms=lease.expires_in_ms(now),
            halt_reason=self._journal.halt_reason,
            venue_problem="" if trouble is None else trouble.message[:512],
            storage_problem=self.storage_problem[:512],
        )

    def on_timer(self, now: Now) -> None:
        """Cancel resting orders once the lease has lapsed, even if the journal that had the lease was lost."""
        if not self._is_live:
            return
        if not self._is_journal_compared and self._terminal.unavailable(now) is None:
            self._is_journal_compared = True
            if self._has_forgotten_orders(now):
                self.account_lease.assume_holder()
        if self.account_lease.has_lapsed(now):
            is_complete = self._orders.cancel_all("the lease of the portfolio has lapsed", now)
            self.account_lease.note_enforced(is_complete=is_complete, now=now)

    def next_timer(self) -> int | None:
        """Monotonic time at which to cancel resting orders after a lapse; None if there is nothing to cancel."""
        return self.account_lease.next_timer() if self._is_live else None

    def record_restart(self) -> None:
        """Record that the gateway has restarted since the last renewal; the journal may raise a disk error."""
        if self._is_live:
            self.account_lease.record_restart()

    def _has_forgotten_orders(self, now: Now) -> bool:
        """Whether a resting order has a desk's id that the journal lacks, because an earlier journal was lost."""
        magics = (resting.magic for resting in self._terminal.resting(now))
        return any(desk_id_of(magic) is not None and self._journal.order_id_of(magic) is None for magic in magics)
