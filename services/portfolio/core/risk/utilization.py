"""What each limit stands at by now, for people: the numbers that the rules compare."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from proto.time import utc_text
from proto.trading.server_time import DAY_NS, MINUTE_NS, within_last_minute
from proto.trading.units import decimal_text
from services.portfolio.core.account.foreign_orders import describe_foreign_positions
from services.portfolio.core.risk.exposure import (
    buying_power,
    currency_exposures,
    exposures,
    gross_exposure,
    latest_equity,
    projected_margin,
)
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.news import news_events_between
from services.portfolio.core.risk.rules.daily_loss import daily_loss_pct
from services.portfolio.core.risk.rules.drawdown import drawdown_pct
from services.portfolio.core.risk.rules.news import describe_news
from services.portfolio.core.risk.rules.order_rate import orders_today
from services.portfolio.core.risk.rules.strategy_budget import strategy_volume
from services.portfolio.core.risk.rules.strategy_loss import strategy_daily_loss_pct
from services.portfolio.core.risk.types import RiskContext

_HELD_SHOWN: Final = 5
"""Foreign tickets that are named, so that the words stay a row of a table."""


class LimitUtilization(NamedTuple):
    """A rule's code, what it is about (a symbol, a currency, or nothing), its limit, what it stands at, and what is left.

    What is judged by each order's own numbers stands at nothing between them.
    """

    code: str
    subject: str
    limit: str
    now: str
    headroom: str = ""


def limit_utilization(context: RiskContext, now_ns: int) -> list[LimitUtilization]:
    """Every limit that is set and has something to show at venue time `now_ns`, news of the next day, and foreign orders."""
    return [
        *_losses(context, now_ns),
        *_orders(context, now_ns),
        *_exposures(context),
        *_budgets(context, now_ns),
        *_news(context, now_ns),
        *_per_order(context.limits),
        _foreign_orders(context),
    ]


def _left(amount: Decimal, most: Decimal, unit: str, decimals: str = "1") -> str:
    """How far it is to a limit that denies from `most` on, or beyond it."""
    left = (most - amount).quantize(Decimal(decimals))
    return f"{left:f} {unit}" if left > 0 else "none"


def _losses(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    limits, memory = context.limits, context.risk_state
    if limits.daily_loss_pct_max is not None:
        for since, pct in daily_loss_pct(context, now_ns).items():
            yield LimitUtilization(
                "DAILY_LOSS",
                f"from {since}",
                format_percent(limits.daily_loss_pct_max),
                format_percent(pct),
                _left(pct, limits.daily_loss_pct_max, "%", "0.01"),
            )
    fallen = drawdown_pct(context)
    levels = [limits.drawdown_warn_pct, limits.drawdown_reduce_pct, limits.drawdown_halt_pct]
    if fallen is not None and any(level is not None for level in levels):
        words = " / ".join("none" if level is None else format_percent(level) for level in levels)
        following = min((level for level in levels if level is not None and level > fallen), default=fallen)
        left = _left(fallen, following, "% to the next level", "0.01")
        yield LimitUtilization("DRAWDOWN", "", f"warn / reduce only / halt at {words}", format_percent(fallen), left)
    if limits.breaker_losses is not None:
        for symbol, breaker in sorted(memory.breakers.items()):
            pause = f", pause until {utc_text(breaker.until_ns)}" if now_ns < breaker.until_ns else ""
            now = f"{breaker.losses} in a row, {breaker.trials_left} trials left{pause}"
            left = "none" if pause else _left(Decimal(breaker.losses), Decimal(limits.breaker_losses), "losses")
            yield LimitUtilization("CIRCUIT_BREAKER", symbol, f"{limits.breaker_losses} losses in a row", now, left)


def _orders(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    limits, memory = context.limits, context.risk_state
    if limits.orders_per_minute_max is not None:
        seen = len(within_last_minute(memory.order_times_ns, now_ns))
        yield LimitUtilization(
            "ORDER_RATE", "", f"{limits.orders_per_minute_max} a minute", *_count(seen, limits.orders_per_minute_max)
        )
    if limits.orders_per_day_max is not None:
        counted = _count(orders_today(memory, now_ns), limits.orders_per_day_max)
        yield LimitUtilization("ORDER_RATE", "", f"{limits.orders_per_day_max} a day", *counted)
    if limits.rejects_per_minute_max is not None:
        seen = len(within_last_minute(memory.reject_times_ns, now_ns))
        counted = _count(seen, limits.rejects_per_minute_max, "rejects")
        yield LimitUtilization("REJECTS", "", f"fewer than {limits.rejects_per_minute_max} a minute", *counted)
    if limits.repeated_orders_max is not None:
        for symbol, run in sorted(memory.runs.items()):
            counted = _count(abs(run), limits.repeated_orders_max)
            yield LimitUtilization("REPEATED_ORDERS", symbol, f"{limits.repeated_orders_max} in a row", *counted)
    if limits.spread_factor_max is not None:
        for symbol, median in sorted(memory.spread_medians.items()):
            mark, terms = context.cursor.marks.get(symbol), context.book.instruments.get(symbol)
            if mark is not None and terms is not None:
                points = 10.0**terms.digits
                usual, present = max(median * points, 1.0), (mark.ask - mark.bid) * points
                limit = f"{decimal_text(limits.spread_factor_max)} times {usual:.1f} points"
                most = limits.spread_factor_max * Decimal(usual)
                left = _left(Decimal(present), most, "points", "0.1")
                yield LimitUtilization("SPREAD", symbol, limit, f"{present:.1f} points", left)


def _count(seen: int, most: int, unit: str = "orders") -> tuple[str, str]:
    """What a count stands at, and what is left of it."""
    return str(seen), _left(Decimal(seen), Decimal(most), unit)


def _exposures(context: RiskContext) -> Iterator[LimitUtilization]:
    limits, most, found = context.limits, buying_power(context), exposures(None, context)
    if context.book.stream is None or found is None:
        return
    currency = context.book.stream.currency
    named = (
        ("SYMBOL_EXPOSURE", limits.symbol_exposure_pct_of_power_max, most, found),
        ("CURRENCY_EXPOSURE", limits.currency_exposure_pct_of_power_max, most, currency_exposures(found, context)),
        ("GROSS_EXPOSURE", limits.gross_exposure_pct_of_power_max, most, {"": gross_exposure(None, context)}),
        ("MARGIN_USE", limits.margin_pct_of_equity_max, latest_equity(context), {"": projected_margin(None, context)}),
    )
    for code, most_pct, whole, amounts in named:
        if most_pct is not None:
            for subject, amount in sorted(amounts.items()):
                bound = whole * most_pct / 100
                limit = f"{bound:.0f} {currency}"
                if amount is None:
                    yield LimitUtilization(code, subject, limit, "no known rate")
                else:
                    left = _left(abs(amount), bound, currency)
                    yield LimitUtilization(code, subject, limit, f"{abs(amount):.0f} {currency}", left)


def _budgets(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    if context.book.stream is None:
        return
    for tag, strategy in context.plan.strategies.items():
        if strategy.volume_max is not None:
            limit, seen = f"{decimal_text(strategy.volume_max)} lots", strategy_volume(strategy, context)
            yield LimitUtilization("STRATEGY_VOLUME", tag, limit, f"{decimal_text(seen)} lots")
        if strategy.daily_loss_pct_max is not None:
            lost_of_day = strategy_daily_loss_pct(strategy, context, now_ns)
            shown = "not known" if lost_of_day is None else format_percent(lost_of_day)
            yield LimitUtilization("STRATEGY_LOSS", tag, f"{format_percent(strategy.daily_loss_pct_max)} a day", shown)


def _news(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    """The next event of each currency that a known symbol has."""
    limits, shown = context.limits, set[str]()
    traded = {currency for terms in context.book.instruments.values()
              for currency in (terms.base_currency, terms.profit_currency)}  # fmt: skip
    since_ns = now_ns - limits.news_after_min * MINUTE_NS
    for event in news_events_between(limits.news_calendar, after_ns=since_ns, until_ns=now_ns + DAY_NS):
        if event.currency in traded - shown and event.impact.rank >= limits.news_impact_min.rank:
            shown.add(event.currency)
            window = f"{limits.news_before_min} minutes before to {limits.news_after_min} after"
            yield LimitUtilization("NEWS", event.currency, window, describe_news(event, now_ns))


def _per_order(limits: Limits) -> Iterator[LimitUtilization]:
    """Limits on what an order or its quote is, which have nothing to stand at."""
    named = (
        ("ORDER_VOLUME", limits.order_volume_max, "{} lots an order opens"),
        ("ORDER_NOTIONAL", limits.order_notional_pct_of_power_max, "{} % of leveraged equity an order opens"),
        ("PRICE_COLLAR", limits.price_collar_fx_pct_max, "{} % from the fresh middle, FX"),
        ("PRICE_COLLAR", limits.price_collar_other_pct_max, "{} % from the fresh middle, other"),
        ("QUOTE_STALE", limits.quote_age_ms_max, "{} ms old"),
        ("ORDER_RATE", limits.orders_per_second_max, "{} a second of a symbol"),
        ("TRADING_HOURS", limits.trading_hours, "{} of the server's day"),
        ("ROLLOVER", limits.rollover_pause_min, "{} minutes from the rollover"),
        ("FRIDAY_CLOSE", limits.friday_close, "before {} on Friday"),
        ("CONFIDENCE", limits.confidence_min, "at least {}"),
    )
    for code, value, words in named:
        if value is not None:
            yield LimitUtilization(
                code, "", words.format(decimal_text(value) if isinstance(value, Decimal) else value), ""
            )


def _foreign_orders(context: RiskContext) -> LimitUtilization:
    """The policy, how many of their orders were let pass, and what is held of them on a hedging account."""
    held = describe_foreign_positions(context.book)
    shown = [f"{len(context.book.acknowledged)} orders let pass", *held[:_HELD_SHOWN]]
    if len(held) > _HELD_SHOWN:
        shown.append(f"{len(held) - _HELD_SHOWN} more tickets")
    return LimitUtilization("FOREIGN_ORDERS", "", context.limits.foreign_orders.value, "; ".join(shown))
