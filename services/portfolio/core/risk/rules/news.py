"""No new position around a release that moves one of the symbol's currencies."""

from __future__ import annotations

from proto.trading.server_time import MINUTE_NS
from services.portfolio.core.risk.news import NewsEvent, news_events_between
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """NEWS from `news_before_min` minutes before such an event until `news_after_min` minutes after it."""
    limits = context.limits
    if not limits.news_calendar:
        return None
    near = news_events_between(
        limits.news_calendar,
        after_ns=now_ns - limits.news_after_min * MINUTE_NS,
        until_ns=now_ns + limits.news_before_min * MINUTE_NS,
    )
    terms, rank = order.instrument, limits.news_impact_min.rank
    for event in near:
        if event.currency in (terms.base_currency, terms.profit_currency) and event.impact.rank >= rank:
            limit = (
                f"not {limits.news_before_min} minutes before to {limits.news_after_min} after {event.impact} impact"
            )
            until_ns = event.time_ns + limits.news_after_min * MINUTE_NS
            return Denial("NEWS", limit, describe_news(event, now_ns), until_ns=until_ns)
    return None


def describe_news(event: NewsEvent, now_ns: int) -> str:
    """Which event, and how many whole minutes it is ahead or past."""
    minutes = abs(event.time_ns - now_ns) // MINUTE_NS
    when = f"in {minutes} minutes" if event.time_ns > now_ns else f"{minutes} minutes ago"
    return f"{event.currency} {event.title}, {when}"
