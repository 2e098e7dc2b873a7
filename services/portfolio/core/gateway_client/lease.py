"""Takes an epoch and renews the lease; the gateway refuses opening orders of a process without a lease.

Before a process requests the lease, it stores an epoch which is higher than every earlier epoch. The gateway then
refuses orders of lower epochs that are still in flight. A renewal contains the gateway's time from its latest reply, so
that a renewal delayed in a queue cannot revive a lapsed lease. After a restart of the gateway the process sends HELLO
before it renews the lease, because the gateway may have another journal.
"""

from __future__ import annotations

from typing import Final

from proto.gateway import (
    Buy,
    Cancel,
    ErrorCode,
    ErrorReply,
    HelloReply,
    Lease,
    LeaseReply,
    Modify,
    Reply,
    Request,
    Sell,
)
from proto.time import MS_NS
from services.portfolio.core.account.events import JournalChanged
from services.portfolio.core.gateway_client.doubt_limits import enforce_doubt_limits
from services.portfolio.core.gateway_client.effects import Pause, Reconnect
from services.portfolio.core.gateway_client.order_policy import LivePolicy
from services.portfolio.core.gateway_client.rollback import has_journal_gone_back
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.lease import LeaseState
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.warnings import Warnings

RENEW_EVERY_NS: Final = 1_000_000_000
RETRY_NS: Final = 250_000_000

RETRIED_ERRORS: Final = frozenset({ErrorCode.STORAGE, ErrorCode.INTERNAL_ERROR, ErrorCode.VENUE_BUSY})
"""Refusals of LEASE after which the lease is requested again.

If they continue, the lease expires and the condition LEASE_MISSING is set.
"""


def on_hello(state: PortfolioState, hello: HelloReply) -> None:
    """Record the gateway's journal and take an epoch. If the journal is not the known one, put open orders in doubt."""
    book = state.account.book
    has_gone_back = has_journal_gone_back(book, hello)
    is_other_journal = has_gone_back or book.journal_id not in ("", hello.journal_id)
    if has_gone_back or book.journal_id != hello.journal_id:
        state.account.emit(
            JournalChanged(
                journal_id=hello.journal_id,
                before=book.journal_id,
                doubtful=sorted(book.open_orders) if is_other_journal else [],
                time_ns=state.stream.now.domain_ns,
            )
        )
        enforce_doubt_limits(state.account, state.config)
    # A new epoch makes the gateway refuse requests in flight whose order ids the other journal may not contain.
    state.lease.on_hello(hello.epoch, hello.lease_now_ns, state.stream.now, is_other_journal=is_other_journal)


def renew_lease(state: PortfolioState, policy: LivePolicy) -> GatewayTask:
    """Renew the lease until this process stops leading the account; the task itself handles failures."""
    lease = state.lease
    while not lease.is_superseded:
        if policy.awaits_hello:
            yield Pause(RETRY_NS)
            continue
        lease_request = Lease(holder=f"portfolio {lease.boot_id}", epoch=lease.epoch, seen_ns=lease.seen_ns)
        requested_mono_ns = state.stream.now.mono_ns
        reply = yield lease_request
        if reply is None or lease_request.epoch != lease.epoch:
            yield Pause(RETRY_NS)
            continue
        if isinstance(reply, LeaseReply):
            _update_gateway_conditions(state.warnings, reply)
        if isinstance(reply, LeaseReply) and reply.error_code is None:
            until_mono_ns = requested_mono_ns + reply.expires_in_ms * MS_NS
            lease.on_grant(reply.lease_now_ns, until_mono_ns, state.stream.now.mono_ns)
        elif reply.error_code is ErrorCode.LEASE_STALE:
            if lease.refusal:
                yield Pause(RENEW_EVERY_NS)  # reopening the session after the previous refusal has not helped
            lease.on_refusal(_refusal_text(reply))
            yield Reconnect()
            continue
        elif not _on_refusal(lease, reply):
            return
        yield Pause(RENEW_EVERY_NS)


def _update_gateway_conditions(warnings: Warnings, reply: LeaseReply) -> None:
    """Set or clear the conditions for causes at the gateway that prevent the execution of orders."""
    warnings.conditions.update("GATEWAY_HALTED", reply.halt_reason)
    warnings.conditions.update("VENUE_UNAVAILABLE", reply.venue_problem)
    warnings.conditions.update("GATEWAY_STORAGE", reply.storage_problem)


def on_order_refused(lease: LeaseState, reply: ErrorReply, request: Request) -> bool:
    """Apply an order's refusal to the lease; False if the refusal does not concern the lease."""
    is_led = isinstance(request, Buy | Sell | Cancel | Modify) and request.epoch == lease.epoch
    match reply.error_code:
        case ErrorCode.STALE_EPOCH:
            # An order that was sent under an earlier epoch of this process is sent again under the current epoch.
            if is_led:
                lease.lose_leadership(reply.error or "")
        case ErrorCode.LEASE_LAPSED:
            if is_led:
                lease.on_order_lapsed()
        case _:
            return False
    return True


def _on_refusal(lease: LeaseState, reply: Reply) -> bool:
    """Apply a refusal of LEASE; returns whether to request the lease again.

    Unless the refusal is transient, this process stops requesting the lease. Where the gateway supports leases, the
    process also stops leading the account until a person resumes trading.
    """
    refusal = _refusal_text(reply)
    match reply.error_code:
        case ErrorCode.NOT_AVAILABLE | ErrorCode.UNKNOWN_ACTION:
            lease.on_unsupported(refusal)
            return False
        case ErrorCode.STALE_EPOCH:
            lease.on_refusal(refusal)
            lease.lose_leadership(reply.error or "")
            return False
        case code:
            lease.on_refusal(refusal)
            if code not in RETRIED_ERRORS:
                lease.stop_leading(refusal)
            return code in RETRIED_ERRORS


def _refusal_text(reply: Reply) -> str:
    return f"{reply.error_code} {reply.error}"
