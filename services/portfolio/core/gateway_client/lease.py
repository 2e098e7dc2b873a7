"""Leading the account: the epoch that orders carry, and the lease without which the gateway opens nothing for us.

Each process takes an epoch above every one before, durably, before it asks for the lease; orders of an earlier process
that are still on their way are void then. A renewal repeats what the gateway's clock showed last, so that one that waited in a
queue revives nobody. A gateway that has started anew is met anew first: its journal may be another one.
"""

from __future__ import annotations

from typing import Final

from proto.gateway import ErrorCode, HelloReply, Lease, LeaseReply
from services.portfolio.core.account.events import EpochTaken, JournalChanged
from services.portfolio.core.gateway_client.doubt_limits import enforce_doubt_limits
from services.portfolio.core.gateway_client.rollback import has_journal_gone_back
from services.portfolio.core.gateway_client.task_runner import GatewayTask, Pause
from services.portfolio.core.state.desk import Desk

RENEW_EVERY_NS: Final = 1_000_000_000
RETRY_NS: Final = 250_000_000


def on_hello(desk: Desk, hello: HelloReply) -> None:
    """Adopt the gateway's journal and take an epoch; orders of another journal become in doubt."""
    book = desk.book
    has_gone_back = has_journal_gone_back(book, hello)
    is_other_journal = has_gone_back or book.journal_id not in ("", hello.journal_id)
    if has_gone_back or book.journal_id != hello.journal_id:
        desk.emit(
            JournalChanged(
                journal_id=hello.journal_id,
                before=book.journal_id,
                doubtful=sorted(book.open_orders) if is_other_journal else [],
                time_ns=desk.now.domain_ns,
            )
        )
        enforce_doubt_limits(desk)
    if desk.epoch and not desk.needs_epoch and hello.epoch > desk.epoch:
        desk.lose_leadership(f"epoch {hello.epoch} leads the account, this portfolio has {desk.epoch}")
    elif not desk.epoch or desk.needs_epoch or is_other_journal:
        # What was sent under the old epoch and is still on its way must not reach a journal that knows nothing of it.
        epoch = max(book.epoch, hello.epoch) + 1
        desk.emit(EpochTaken(epoch=epoch, time_ns=desk.now.domain_ns))
        desk.epoch = epoch
    desk.lease_seen_ns = hello.lease_now_ns
    desk.needs_hello = desk.needs_epoch = desk.has_lease = False


def renew_lease(desk: Desk) -> GatewayTask:
    """Renew the lease for as long as this portfolio leads; the task handles failures."""
    while not desk.is_superseded and not desk.needs_hello:
        asked = Lease(holder=f"portfolio {desk.boot_id}", epoch=desk.epoch, seen_ns=desk.lease_seen_ns)
        reply = yield asked
        if reply is None or asked.epoch != desk.epoch:
            yield Pause(RETRY_NS)
            continue
        if isinstance(reply, LeaseReply):
            _show_gateway(desk, reply)
        if isinstance(reply, LeaseReply) and reply.error_code is None:
            desk.lease_seen_ns, desk.has_lease = reply.lease_now_ns, True
        elif reply.error_code is ErrorCode.STALE_EPOCH:
            desk.lose_leadership(reply.error or "")
            return
        elif reply.error_code is ErrorCode.LEASE_STALE:
            desk.needs_hello = True
            return
        elif reply.error_code in (ErrorCode.NOT_AVAILABLE, ErrorCode.UNKNOWN_ACTION):
            # A gateway that leases nothing serves clients without a lease.
            desk.epoch = 0
            return
        yield Pause(RENEW_EVERY_NS)


def _show_gateway(desk: Desk, reply: LeaseReply) -> None:
    """Conditions of what keeps the gateway itself from executing orders."""
    desk.conditions.update("GATEWAY_HALTED", reply.halt_reason)
    desk.conditions.update("VENUE_UNAVAILABLE", reply.venue_problem)
