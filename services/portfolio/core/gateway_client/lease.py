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
from services.portfolio.core.gateway_client.effects import Pause, Reconnect
from services.portfolio.core.gateway_client.order_policy import LivePolicy
from services.portfolio.core.gateway_client.rollback import has_journal_gone_back
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState

RENEW_EVERY_NS: Final = 1_000_000_000
RETRY_NS: Final = 250_000_000

GRANT_WAIT_NS: Final = 3_000_000_000
"""How long after the gateway was met the first grant is waited for before the lease counts as missing."""

LAPSED_REFUSALS_MAX: Final = 20
"""Orders refused in a row for want of a lease that was granted: more than a restart of the gateway brings about."""

RETRIED_ERRORS: Final = frozenset({ErrorCode.STORAGE, ErrorCode.INTERNAL_ERROR, ErrorCode.VENUE_BUSY})
"""Refusals of LEASE that pass by themselves; while they last, the lease runs out and LEASE_MISSING holds."""

_MS: Final = 1_000_000


def on_hello(state: PortfolioState, hello: HelloReply) -> None:
    """Adopt the gateway's journal and take an epoch; orders of another journal become in doubt."""
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
        enforce_doubt_limits(state)
    if state.lease.epoch and not state.lease.needs_epoch and hello.epoch > state.lease.epoch:
        state.lease.lose_leadership(f"epoch {hello.epoch} leads the account, this portfolio has {state.lease.epoch}")
    elif not state.lease.epoch or state.lease.needs_epoch or is_other_journal:
        # What was sent under the old epoch and is still on its way must not reach a journal that knows nothing of it.
        epoch = next_epoch(book.epoch, hello.epoch)
        state.account.emit(EpochTaken(epoch=epoch, time_ns=state.stream.now.domain_ns))
        state.lease.epoch = epoch
    if not state.lease.refusal:
        state.lease.until_mono_ns = state.stream.now.mono_ns + GRANT_WAIT_NS
    state.lease.lapsed_refusals = 0
    state.lease.seen_ns = hello.lease_now_ns
    state.lease.needs_epoch = state.lease.is_granted = False


def renew_lease(state: PortfolioState, policy: LivePolicy) -> GatewayTask:
    """Renew the lease for as long as this portfolio leads; the task handles failures."""
    while not state.lease.is_superseded:
        if policy.is_hello_due:
            yield Pause(RETRY_NS)
            continue
        asked = Lease(holder=f"portfolio {state.lease.boot_id}", epoch=state.lease.epoch, seen_ns=state.lease.seen_ns)
        asked_mono_ns = state.stream.now.mono_ns
        reply = yield asked
        if reply is None or asked.epoch != state.lease.epoch:
            yield Pause(RETRY_NS)
            continue
        if isinstance(reply, LeaseReply):
            _show_gateway(state, reply)
        if isinstance(reply, LeaseReply) and reply.error_code is None:
            state.lease.seen_ns, state.lease.is_granted, state.lease.refusal = reply.lease_now_ns, True, ""
            state.lease.until_mono_ns = asked_mono_ns + reply.expires_in_ms * _MS
            state.warnings.conditions.clear("LEASE_UNSUPPORTED")
            watch_lease(state)
        elif reply.error_code is ErrorCode.LEASE_STALE:
            if state.lease.refusal:
                yield Pause(RENEW_EVERY_NS)  # the gateway was met for it already
            state.lease.refusal = _refusal_text(reply)
            yield Reconnect()
            continue
        elif not _on_refusal(state, reply):
            return
        yield Pause(RENEW_EVERY_NS)


def _show_gateway(state: PortfolioState, reply: LeaseReply) -> None:
    """Conditions of what keeps the gateway itself from executing orders."""
    state.warnings.conditions.update("GATEWAY_HALTED", reply.halt_reason)
    state.warnings.conditions.update("VENUE_UNAVAILABLE", reply.venue_problem)
    state.warnings.conditions.update("GATEWAY_STORAGE", reply.storage_problem)


def watch_lease(state: PortfolioState) -> None:
    """Note whether the lease is in force by this desk's clock: without it nothing that opens is made."""
    is_missing = (
        state.lease.epoch and not state.lease.is_superseded and state.stream.now.mono_ns >= state.lease.until_mono_ns
    )
    if is_missing:
        state.lease.is_granted = False
        text = f"the gateway grants no lease: {state.lease.refusal or 'it does not answer'}"
        if text != state.lease.problem:
            state.lease.problem = text
            state.warnings.conditions.set("LEASE_MISSING", text)
    elif state.lease.problem:
        state.lease.problem = ""
        state.warnings.conditions.clear("LEASE_MISSING")


def on_order_refused(state: PortfolioState, reply: ErrorReply, request: Request) -> bool:
    """Deal with an order that was refused because of the lease; False where it was refused for something else."""
    is_led = isinstance(request, Buy | Sell | Cancel | Modify) and request.epoch == state.lease.epoch
    match reply.error_code:
        case ErrorCode.STALE_EPOCH:
            # An epoch that this desk itself has left is no news: the order goes out again under the present one.
            if is_led:
                state.lease.lose_leadership(reply.error or "")
        case ErrorCode.LEASE_LAPSED:
            state.lease.lapsed_refusals += is_led and state.lease.is_granted
            if state.lease.lapsed_refusals >= LAPSED_REFUSALS_MAX:
                state.lease.stop_leading(
                    f"it is granted, and {state.lease.lapsed_refusals} orders in a row were refused without it"
                )
        case _:
            return False
    return True


def _on_refusal(state: PortfolioState, reply: Reply) -> bool:
    """Deal with a LEASE that was refused; whether to ask again.

    What is not known to pass by itself ends the lead until a person resumes: nothing is asked for ever in silence.
    """
    state.lease.refusal = _refusal_text(reply)
    match reply.error_code:
        case ErrorCode.STALE_EPOCH:
            state.lease.lose_leadership(reply.error or "")
            return False
        case ErrorCode.NOT_AVAILABLE | ErrorCode.UNKNOWN_ACTION:
            # A gateway that leases nothing serves clients without a lease.
            state.lease.epoch = 0
            state.warnings.conditions.set("LEASE_UNSUPPORTED", f"the gateway refused LEASE: {state.lease.refusal}")
            return False
        case code if code in RETRIED_ERRORS:
            return True
        case _:
            state.lease.stop_leading(state.lease.refusal)
            return False


def _refusal_text(reply: Reply) -> str:
    return f"{reply.error_code} {reply.error}"
