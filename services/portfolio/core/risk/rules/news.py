"""No opening around the release of economic news about one of the symbol's two currencies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.time import DAY_NS, MINUTE_NS, NEVER_NS
from services.portfolio.core.risk.news import NewsEvent, news_events_between
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
)
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with NEWS from `news_before_min` minutes before a release until `news_after_min` minutes after it.

    `now_ns` is venue time.
    """
    limits = context.limits
    if not limits.news_calendar:
        return None
    for event in _events(order, context, now_ns, now_ns + limits.news_before_min * MINUTE_NS):
        limit = f"not {limits.news_before_min} minutes before to {limits.news_after_min} after {event.impact} impact"
        until_ns = event.time_ns + limits.news_after_min * MINUTE_NS
        return Denial("NEWS", limit, describe_news(event, now_ns), until_ns=until_ns)
    return None


def until(order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the next time at which the minutes around a release may begin or end (see `rule.Until`)."""
    limits, changes_ns = context.limits, []
    for event in _events(order, context, now_ns, NEVER_NS):
        begin_ns = event.time_ns - limits.news_before_min * MINUTE_NS
        if begin_ns > now_ns:
            changes_ns.append(begin_ns)
            break
        changes_ns.append(event.time_ns + limits.news_after_min * MINUTE_NS)
    return min(changes_ns, default=NEVER_NS)


def _events(order: OrderProposal, context: RiskContext, now_ns: int, until_ns: int) -> Iterator[NewsEvent]:
    """Yield the releases up to `until_ns` about the symbol of `order` whose minutes after the release are not over."""
    limits, terms = context.limits, order.instrument
    after_ns = now_ns - limits.news_after_min * MINUTE_NS
    for event in news_events_between(limits.news_calendar, after_ns=after_ns, until_ns=until_ns):
        is_of_symbol = event.currency in (terms.base_currency, terms.profit_currency)
        if is_of_symbol and event.impact.rank >= limits.news_impact_min.rank:
            yield event


def describe_news(event: NewsEvent, now_ns: int) -> str:
    """Describe the event and the whole minutes until or since its time; `now_ns` is venue time."""
    minutes = abs(event.time_ns - now_ns) // MINUTE_NS
    when = f"in {minutes} minutes" if event.time_ns > now_ns else f"{minutes} minutes ago"
    return f"{event.currency} {event.title}, {when}"


def _utilization(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    """Yield a row with the next event of each currency of the known symbols, if the event is at most a day ahead.

    An event remains the next one until its minutes after the release have ended.
    """
    limits, shown = context.limits, set[str]()
    traded = {currency for terms in context.book.instruments.values()
              for currency in (terms.base_currency, terms.profit_currency)}  # fmt: skip
    since_ns = now_ns - limits.news_after_min * MINUTE_NS
    for event in news_events_between(limits.news_calendar, after_ns=since_ns, until_ns=now_ns + DAY_NS):
        if event.currency in traded - shown and event.impact.rank >= limits.news_impact_min.rank:
            shown.add(event.currency)
            window = f"{limits.news_before_min} minutes before to {limits.news_after_min} after"
            denies = now_ns >= event.time_ns - limits.news_before_min * MINUTE_NS
            ends_ns = event.time_ns + limits.news_after_min * MINUTE_NS if denies else 0
            yield LimitUtilization("NEWS", event.currency, window, describe_news(event, now_ns), ends_ns=ends_ns)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "NEWS",
            "minutes before and after a release about one of the symbol's two currencies",
            "wait for the end of the minutes after the release",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=(RuleLimit("news_calendar"),),
    parameters=("news_before_min", "news_after_min", "news_impact_min"),
    can_be_excepted=True,
    utilization=_utilization,
    until=until,
)
