"""Deals are pulled from the gateway by cursor and booked once; a live venue may show one late, below others."""

from __future__ import annotations

from proto.gateway import DealsReply, GetDeals, VenueDeal
from services.portfolio.core.gateway_client.instruments import request_instruments
from services.portfolio.core.gateway_client.live_reconciliation import HISTORY_FINAL_AFTER_NS
from services.portfolio.core.gateway_client.reply_events import deal_booked
from services.portfolio.core.gateway_client.rollback import require_same_deal
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.desk import Desk


def pull_deals(desk: Desk) -> GatewayTask:
    """Book every deal that the venue has and the ledger has not; a live venue may show one late, below others."""
    after: int | None = desk.book.deal_cursor if desk.window else _overlap(desk)
    while after is not None:
        reply = yield GetDeals(after=after)
        assert isinstance(reply, DealsReply)
        for deal in reply.deals:
            if not desk.book.has_deal(deal.deal) and deal.symbol and deal.symbol not in desk.book.instruments:
                yield from request_instruments(desk, deal.symbol)
            # Another task may have booked it while this one asked.
            booked = desk.book.deal(deal.deal)
            if booked is None:
                _book(desk, deal)
            else:
                require_same_deal(desk, booked, deal)
                if desk.venue_fault:
                    return
        after = reply.next
    desk.deal_pulls += 1


def _book(desk: Desk, deal: VenueDeal) -> None:
    booked = deal_booked(desk.book, deal)
    desk.emit(booked)
    published_mono_ns = desk.published_mono_ns.pop(booked.order_id, None)
    if published_mono_ns is not None:
        desk.ticks_filled_mono_ns.append(published_mono_ns)


def _overlap(desk: Desk) -> int:
    """The number of a deal so old that the venue has shown all up to it, or before those that a comparison missed."""
    horizon_ns = desk.now.domain_ns - HISTORY_FINAL_AFTER_NS
    after = desk.book.deal_cursor
    for deal in reversed(desk.book.deals):
        if deal.time_ns < horizon_ns:
            break
        after = deal.deal - 1
    missed, desk.refetch_deals_after = desk.refetch_deals_after, None
    return after if missed is None else min(after, missed)
