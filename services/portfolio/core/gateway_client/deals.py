"""Pulls the venue's deals by number and books each once; a live venue may show a deal after higher-numbered ones."""

from __future__ import annotations

from typing import Final

from proto.gateway import ROWS_LIMIT_MAX, DealsReply, GetDeals, VenueDeal
from services.portfolio.core.gateway_client.instruments import request_instruments
from services.portfolio.core.gateway_client.reply_events import deal_booked
from services.portfolio.core.gateway_client.rollback import require_same_deal
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState

HISTORY_FINAL_AFTER_NS: Final = 120_000_000_000
"""Age from which the venue's records are final: twice the longest delay of the venue's history."""


def pull_deals(state: PortfolioState, first: int, *, last: int | None = None) -> GatewayTask:
    """Book the deals that the ledger lacks, from number `first` + 1 to `last`, or to the venue's newest deal."""
    book = state.account.book
    after: int | None = first
    while after is not None and (last is None or after < last):
        limit = ROWS_LIMIT_MAX if last is None else min(last - after, ROWS_LIMIT_MAX)
        reply = yield GetDeals(after=after, limit=limit)
        assert isinstance(reply, DealsReply)
        for deal in reply.deals:
            if deal.symbol and deal.symbol not in book.instruments and not book.has_deal(deal.deal):
                yield from request_instruments(state.account, state.warnings, deal.symbol)
            # Another task may have booked the deal while this task waited for the reply.
            booked = book.deal(deal.deal)
            if booked is None:
                _book(state, deal)
            else:
                require_same_deal(state, booked, deal)
                if state.warnings.venue_fault:
                    return
        after = reply.next


def _book(state: PortfolioState, deal: VenueDeal) -> None:
    booked = deal_booked(state.account.book, deal)
    state.account.emit(booked)
    state.latencies.on_deal(booked.order_id)


def last_settled_deal(state: PortfolioState) -> int:
    """Return the number up to which a live venue has shown every deal.

    The booked deals with higher numbers are at most `HISTORY_FINAL_AFTER_NS` old, so that deals between them may still
    be missing.
    """
    horizon_ns = state.stream.domain_ns(state.stream.now.mono_ns) - HISTORY_FINAL_AFTER_NS
    after = state.account.book.deal_cursor
    for deal in reversed(state.account.book.deals):
        if deal.time_ns < horizon_ns:
            break
        after = deal.deal - 1
    return after
