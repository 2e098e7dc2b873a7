"""Opens the session with the gateway, for both kinds of stream."""

from __future__ import annotations

from collections.abc import Callable

from proto.control import DeskState
from proto.gateway import Hello, HelloReply
from services.portfolio.core.account.events import LeverageChanged, StreamOpened
from services.portfolio.core.gateway_client.instruments import request_instruments
from services.portfolio.core.gateway_client.rollback import require_every_deal, require_last_deal
from services.portfolio.core.gateway_client.scheduler import Scheduler
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.config import with_code_before
from services.portfolio.core.state.portfolio_state import PortfolioState


def open_session(state: PortfolioState, choose_scheduler: Callable[[HelloReply], Scheduler]) -> GatewayTask:
    """Send HELLO, accept the gateway's stream, request the symbols' terms, finish earlier work and reconcile.

    If a check fails, the desk state is FAILED afterwards.

    Args:
        state: the desk's state and configuration.
        choose_scheduler: returns the scheduler for the kind of stream in the reply to HELLO.
    """
    hello = yield Hello(client="portfolio")
    assert isinstance(hello, HelloReply)
    if not require_every_deal(state, hello):
        return
    scheduler = choose_scheduler(hello)
    if problem := _accept_stream(state, hello, scheduler):
        state.stream.fail_until_restart(problem)
        return
    scheduler.on_hello(hello)
    state.stream.set_desk_state(DeskState.RECONCILING, "the reconciliation with the gateway")
    if not (yield from require_last_deal(state)):
        return
    yield from request_instruments(state.account, state.warnings, *state.config.quoted)
    yield from scheduler.settle()


def _accept_stream(state: PortfolioState, hello: HelloReply, scheduler: Scheduler) -> str:
    """Continue the gateway's stream if it is the ledger's current stream, otherwise open it.

    Returns:
        The reason why the account cannot use the stream; empty if it can.
    """
    book, account = state.account.book, state.account
    if set(hello.sequences) != set(state.config.quoted):
        served = ", ".join(sorted(hello.sequences))
        return f"the gateway serves {served}, expected {', '.join(state.config.quoted)}"
    if problem := scheduler.stream_problem(hello):
        return problem
    if book.stream is not None:
        if book.stream.stream_id == hello.stream_id:
            if hello.leverage != book.stream.leverage:
                account.emit(LeverageChanged(leverage=hello.leverage, time_ns=hello.now_ns))
            return ""
        if hello.currency != book.stream.currency:
            return f"the account is in {hello.currency}, expected {book.stream.currency}"
        if hello.account_mode is not book.stream.account_mode:
            return f"the account is {hello.account_mode}, expected {book.stream.account_mode}"
    account.emit(
        StreamOpened(
            stream_id=hello.stream_id,
            incarnation=scheduler.incarnation(hello),
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
            settings=with_code_before(state.config.settings, {} if book.stream is None else book.stream.settings),
            leverage=hello.leverage,
        )
    )
    state.stream.open(hello.stream_id)
    return ""
