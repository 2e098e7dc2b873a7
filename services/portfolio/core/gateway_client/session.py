"""The start of a session with the gateway, live or stepped, and the reconciliation of a stepped stream."""

from __future__ import annotations

from proto.control import DeskState
from proto.gateway import Confirm, Hello, HelloReply
from proto.time import utc_text
from services.portfolio.core.account.events import LeverageChanged, Reconciled, StreamOpened
from services.portfolio.core.account.foreign_orders import foreign_policy_problem
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.instruments import request_instruments
from services.portfolio.core.gateway_client.lease import on_hello
from services.portfolio.core.gateway_client.live_reconciliation import Reconciler
from services.portfolio.core.gateway_client.reconciliation import find_differences
from services.portfolio.core.gateway_client.rollback import check_ids, require_every_deal, require_last_deal
from services.portfolio.core.gateway_client.stepped_orders import query_open_orders, resend_open_requests
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState


def open_session(state: PortfolioState, reconciler: Reconciler) -> GatewayTask:
    """Meet the gateway, settle what is open, book what was missed, reconcile; then the desk may trade.

    A live desk trades beside its open orders: each of them blocks its own symbol until it is settled.
    """
    hello = yield Hello(client="portfolio")
    assert isinstance(hello, HelloReply)
    if not require_every_deal(state, hello) or not _open_stream(state, hello):
        return
    state.stream.window = hello.window
    if state.stream.window == 0 and (
        problem := foreign_policy_problem(state.config.limits.foreign_orders, hello.account_mode)
    ):
        state.stream.fail_until_restart(problem)
        return
    if state.stream.window == 0:
        state.stream.market.advance_clock(hello.now_ns, state.stream.now.mono_ns)
        check_ids(state, hello)
        on_hello(state, hello)
    state.stream.set_desk_state(DeskState.RECONCILING, "the reconciliation with the gateway")
    if not (yield from require_last_deal(state)):
        return
    yield from request_instruments(state.account, state.warnings, *state.config.quoted)
    if state.stream.window:
        yield from resend_open_requests(state)
        if state.stream.cursor.ordinal:
            # One from before the start may be on its way: the venue must not step between what is asked of it below.
            yield Confirm(stream_id=state.stream.cursor.stream_id, ordinal=state.stream.cursor.ordinal)
    yield from pull_deals(state)
    if state.warnings.venue_fault:
        return
    if state.stream.window:
        # The venue may stand a tick further than the desk, which has ended orders.
        yield from query_open_orders(state)
        yield from reconcile(state, at_end=state.account.book.ended is not None)
    else:
        yield from reconciler.run(is_start=True)
    if state.stream.desk_state is DeskState.FAILED:
        return
    if state.account.book.ended is not None:
        state.stream.set_desk_state(DeskState.FINISHED)
    elif state.stream.window and state.stream.cursor.ordinal == 0:
        state.stream.set_desk_state(DeskState.WAITING_FOR_SIGNALS, "a signal process for every symbol")
    else:
        state.stream.set_desk_state(DeskState.RUNNING)


def _open_stream(state: PortfolioState, hello: HelloReply) -> bool:
    """Take up the gateway's stream, the same one or a new one; False when the account cannot go on with it."""
    book, cursor = state.account.book, state.stream.cursor
    if set(hello.sequences) != set(state.config.quoted):
        state.stream.fail_until_restart(
            f"the gateway serves {', '.join(sorted(hello.sequences))}, expected {', '.join(state.config.quoted)}"
        )
        return False
    if book.stream is not None:
        if book.stream.stream_id == hello.stream_id:
            if hello.window == 0:
                state.account.renew_incarnation(hello.now_ns)
            if hello.leverage != book.stream.leverage:
                state.account.emit(LeverageChanged(leverage=hello.leverage, time_ns=hello.now_ns))
            return True
        if hello.currency != book.stream.currency:
            state.stream.fail_until_restart(f"the account is in {hello.currency}, expected {book.stream.currency}")
            return False
        if hello.account_mode is not book.stream.account_mode:
            state.stream.fail_until_restart(f"the account is {hello.account_mode}, expected {book.stream.account_mode}")
            return False
        if hello.window and hello.first_time_ns <= cursor.time_ns:
            state.stream.fail_until_restart(
                f"the stream begins at {utc_text(hello.first_time_ns)}, expected it after the account's last tick at "
                f"{utc_text(cursor.time_ns)}"
            )
            return False
    state.account.emit(
        StreamOpened(
            stream_id=hello.stream_id,
            incarnation=hello.stream_id[:8] if hello.window else state.account.incarnation,
            orders_before=len(book.orders),
            deals_before=book.deal_cursor,
            account=hello.account,
            mode=hello.mode,
            fills=hello.fills,
            account_mode=hello.account_mode,
            currency=hello.currency,
            currency_digits=hello.currency_digits,
            data_sha256=hello.data_sha256,
            first_time_ns=hello.first_time_ns,
            settings=state.config.settings,
            leverage=hello.leverage,
        )
    )
    state.stream.open(hello.stream_id)
    return True


def reconcile(state: PortfolioState, *, at_end: bool) -> GatewayTask:
    """Compare the ledger with the venue, keep what came of it, and halt on a difference."""
    differences = yield from find_differences(state.account.book, state.stream.cursor)
    state.account.emit(
        Reconciled(
            ordinal=state.stream.cursor.ordinal,
            at_end=at_end,
            balance=state.account.book.balance,
            differences=differences,
        )
    )
    if differences:
        first = differences[0]
        state.stream.fail_until_restart(
            f"{len(differences)} differences from the venue, the first: {first.kind} {first.subject}: "
            f"ledger {first.ledger}, venue {first.venue}"
        )
