"""Leading the account: the epoch that orders carry, and the lease without which the gateway opens nothing for us.

Each process durably takes an epoch above every one before, within what the gateway grants, before it requests the
lease; orders of an earlier process that are still on their way are void then. A renewal repeats what the gateway's
clock showed last, so that one that waited in a queue revives no lease. After a restart of the gateway HELLO comes
first: its journal may be another one.
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
from proto.gateway.epochs import next_epoch
from services.portfolio.core.account.events import EpochTaken, JournalChanged
from services.portfolio.core.gateway_client.doubt_limits import enforce_doubt_limits
from services.portfolio.core.gateway_client.rollback import has_journal_gone_back
from services.portfolio.core.gateway_client.task_runner import GatewayTask, Pause
from services.portfolio.core.state.desk import Desk

RENEW_EVERY_NS: Final = 1_000_000_000
RETRY_NS: Final = 250_000_000

GRANT_WAIT_NS: Final = 3_000_000_000
"""How long after the gateway was met the first grant is waited for before the lease counts as missing."""

LAPSED_REFUSALS_MAX: Final = 20
"""Orders refused in a row for want of a lease that was granted: more than a restart of the gateway brings about."""

RETRIED_ERRORS: Final = frozenset({ErrorCode.STORAGE, ErrorCode.INTERNAL_ERROR, ErrorCode.VENUE_BUSY})
"""Refusals of LEASE that pass by themselves; while they last, the lease runs out and LEASE_MISSING holds."""

_MS: Final = 1_000_000


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
        epoch = next_epoch(book.epoch, hello.epoch)
        desk.emit(EpochTaken(epoch=epoch, time_ns=desk.now.domain_ns))
        desk.epoch = epoch
    if not desk.lease_refusal:
        desk.lease_until_mono_ns = desk.now.mono_ns + GRANT_WAIT_NS
    desk.lapsed_refusals = 0
    desk.lease_seen_ns = hello.lease_now_ns
    desk.needs_hello = desk.needs_epoch = desk.has_lease = False


def renew_lease(desk: Desk) -> GatewayTask:
    """Renew the lease for as long as this portfolio leads; the task handles failures."""
    while not desk.is_superseded and not desk.needs_hello:
        asked = Lease(holder=f"portfolio {desk.boot_id}", epoch=desk.epoch, seen_ns=desk.lease_seen_ns)
        asked_mono_ns = desk.now.mono_ns
        reply = yield asked
        if reply is None or asked.epoch != desk.epoch:
            yield Pause(RETRY_NS)
            continue
        if isinstance(reply, LeaseReply):
            _show_gateway(desk, reply)
        if isinstance(reply, LeaseReply) and reply.error_code is None:
            desk.lease_seen_ns, desk.has_lease, desk.lease_refusal = reply.lease_now_ns, True, ""
            desk.lease_until_mono_ns = asked_mono_ns + reply.expires_in_ms * _MS
            desk.conditions.clear("LEASE_UNSUPPORTED")
            watch_lease(desk)
        elif reply.error_code is ErrorCode.LEASE_STALE:
            if desk.lease_refusal:
                yield Pause(RENEW_EVERY_NS)  # the gateway was met for it already
            desk.lease_refusal, desk.needs_hello = _refusal_text(reply), True
            return
        elif not _on_refusal(desk, reply):
            return
        yield Pause(RENEW_EVERY_NS)


def _show_gateway(desk: Desk, reply: LeaseReply) -> None:
    """Conditions of what keeps the gateway itself from executing orders."""
    desk.conditions.update("GATEWAY_HALTED", reply.halt_reason)
    desk.conditions.update("VENUE_UNAVAILABLE", reply.venue_problem)
    desk.conditions.update("GATEWAY_STORAGE", reply.storage_problem)


def watch_lease(desk: Desk) -> None:
    """Note whether the lease is in force by this desk's clock: without it nothing that opens is made."""
    is_missing = desk.epoch and not desk.is_superseded and desk.now.mono_ns >= desk.lease_until_mono_ns
    if is_missing:
        desk.has_lease = False
        text = f"the gateway grants no lease: {desk.lease_refusal or 'it does not answer'}"
        if text != desk.lease_problem:
            desk.lease_problem = text
            desk.conditions.set("LEASE_MISSING", text)
    elif desk.lease_problem:
        desk.lease_problem = ""
        desk.conditions.clear("LEASE_MISSING")


def on_order_refused(desk: Desk, reply: ErrorReply, request: Request) -> bool:
    """Deal with an order that was refused because of the lease; False where it was refused for something else."""
    is_led = isinstance(request, Buy | Sell | Cancel | Modify) and request.epoch == desk.epoch
    match reply.error_code:
        case ErrorCode.STALE_EPOCH:
            # An epoch that this desk itself has left is no news: the order goes out again under the present one.
            if is_led:
                desk.lose_leadership(reply.error or "")
        case ErrorCode.LEASE_LAPSED:
            desk.lapsed_refusals += is_led and desk.has_lease
            if desk.lapsed_refusals >= LAPSED_REFUSALS_MAX:
                desk.stop_leading(f"it is granted, and {desk.lapsed_refusals} orders in a row were refused without it")
        case _:
            return False
    return True


def _on_refusal(desk: Desk, reply: Reply) -> bool:
    """Deal with a LEASE that was refused; whether to ask again.

    What is not known to pass by itself ends the lead until a person resumes: nothing is asked for ever in silence.
    """
    desk.lease_refusal = _refusal_text(reply)
    match reply.error_code:
        case ErrorCode.STALE_EPOCH:
            desk.lose_leadership(reply.error or "")
            return False
        case ErrorCode.NOT_AVAILABLE | ErrorCode.UNKNOWN_ACTION:
            # A gateway that leases nothing serves clients without a lease.
            desk.epoch = 0
            desk.conditions.set("LEASE_UNSUPPORTED", f"the gateway refused LEASE: {desk.lease_refusal}")
            return False
        case code if code in RETRIED_ERRORS:
            return True
        case _:
            desk.stop_leading(desk.lease_refusal)
            return False


def _refusal_text(reply: Reply) -> str:
    return f"{reply.error_code} {reply.error}"
