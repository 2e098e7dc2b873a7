"""What each limit stands at by now, for people: the numbers that the rules compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proto.server_time import last_minute
from proto.units import plain
from services.portfolio.core.risk.exposure import by_currency, equity, exposures, gross, margin, power
from services.portfolio.core.risk.rules.daily_loss import lost_pct
from services.portfolio.core.risk.rules.drawdown import drawdown_pct
from services.portfolio.core.risk.rules.order_rate import of_this_day
from services.portfolio.core.risk.terms import Account
from services.portfolio.core.risk.words import instant, percent


class Reading(NamedTuple):
    """A rule's code, what it is about (a symbol, a currency, or nothing), its limit, and what it stands at."""

    code: str
    subject: str
    limit: str
    now: str


def readings(account: Account, now_ns: int) -> list[Reading]:
    """Every limit that is set and has something to show at venue time `now_ns`."""
    return [*_losses(account, now_ns), *_orders(account, now_ns), *_exposures(account)]


def _losses(account: Account, now_ns: int) -> Iterator[Reading]:
    limits, memory = account.limits, account.cursor.risk
    if limits.daily_loss_pct_max is not None:
        for since, pct in lost_pct(account, now_ns).items():
            yield Reading("DAILY_LOSS", f"from {since}", percent(limits.daily_loss_pct_max), percent(pct))
    fallen = drawdown_pct(account)
    levels = [limits.drawdown_warn_pct, limits.drawdown_reduce_pct, limits.drawdown_halt_pct]
    if fallen is not None and any(level is not None for level in levels):
        words = " / ".join("none" if level is None else percent(level) for level in levels)
        yield Reading("DRAWDOWN", "", f"warn / reduce only / halt at {words}", percent(fallen))
    if limits.breaker_losses is not None:
        for symbol, breaker in sorted(memory.breakers.items()):
            pause = f", pause until {instant(breaker.until_ns)}" if now_ns < breaker.until_ns else ""
            now = f"{breaker.losses} in a row, {breaker.trials_left} trials left{pause}"
            yield Reading("CIRCUIT_BREAKER", symbol, f"{limits.breaker_losses} losses in a row", now)


def _orders(account: Account, now_ns: int) -> Iterator[Reading]:
    limits, memory = account.limits, account.cursor.risk
    if limits.orders_per_minute_max is not None:
        seen = len(last_minute(memory.order_times_ns, now_ns))
        yield Reading("ORDER_RATE", "", f"{limits.orders_per_minute_max} a minute", str(seen))
    if limits.orders_per_day_max is not None:
        yield Reading("ORDER_RATE", "", f"{limits.orders_per_day_max} a day", str(of_this_day(memory, now_ns)))
    if limits.rejects_per_minute_max is not None:
        seen = len(last_minute(memory.reject_times_ns, now_ns))
        yield Reading("REJECTS", "", f"fewer than {limits.rejects_per_minute_max} a minute", str(seen))
    if limits.repeated_orders_max is not None:
        for symbol, run in sorted(memory.runs.items()):
            yield Reading("REPEATED_ORDERS", symbol, f"{limits.repeated_orders_max} in a row", str(abs(run)))
    if limits.spread_factor_max is not None:
        for symbol, median in sorted(memory.spread_medians.items()):
            mark, terms = account.cursor.marks.get(symbol), account.book.instruments.get(symbol)
            if mark is not None and terms is not None:
                points = 10.0**terms.digits
                limit = f"{plain(limits.spread_factor_max)} times {max(median * points, 1.0):.1f} points"
                yield Reading("SPREAD", symbol, limit, f"{(mark.ask - mark.bid) * points:.1f} points")


def _exposures(account: Account) -> Iterator[Reading]:
    limits, most, found = account.limits, power(account), exposures(None, account)
    if account.book.stream is None or found is None:
        return
    currency = account.book.stream.currency
    named = (
        ("SYMBOL_EXPOSURE", limits.symbol_exposure_pct_of_power_max, most, found),
        ("CURRENCY_EXPOSURE", limits.currency_exposure_pct_of_power_max, most, by_currency(found, account)),
        ("GROSS_EXPOSURE", limits.gross_exposure_pct_of_power_max, most, {"": gross(found)}),
        ("MARGIN_USE", limits.margin_pct_of_equity_max, equity(account), {"": margin(None, account)}),
    )
    for code, most_pct, whole, amounts in named:
        if most_pct is not None:
            for subject, amount in sorted(amounts.items()):
                limit = f"{whole * most_pct / 100:.0f} {currency}"
                yield Reading(
                    code, subject, limit, "no known rate" if amount is None else f"{abs(amount):.0f} {currency}"
                )
