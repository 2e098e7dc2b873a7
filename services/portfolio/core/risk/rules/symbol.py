"""Orders need a symbol with known terms and a trade mode that allows the order. Opening also needs an open market."""

from __future__ import annotations

from typing import Final

from proto.time import DAY_NS, MINUTE_NS, NEVER_NS
from proto.trading.enums import TradeMode
from proto.trading.instrument import Instrument
from proto.trading.server_time import time_of_day_ns, weekday
from services.portfolio.core.risk.formatting import format_server_weekday_time
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, clock_time_ahead_ns
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

_WEEK_NS: Final = 7 * DAY_NS


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny any order with UNKNOWN_SYMBOL or TRADE_DISABLED, and an opening order with CLOSE_ONLY or MARKET_CLOSED.

    A close is not denied outside the sessions: a person's close is sent to the venue, and the desk's own closes wait
    for the next session. The market of a symbol without known sessions counts as open. `now_ns` is venue time.
    """
    terms = order.instrument
    if terms.symbol not in context.book.instruments:
        return Denial("UNKNOWN_SYMBOL", "a symbol whose terms the venue has sent", terms.symbol)
    if terms.trade_mode is TradeMode.DISABLED:
        return Denial("TRADE_DISABLED", f"trading in {terms.symbol}", terms.trade_mode)
    if order.opening_volume <= 0:
        return None
    if terms.trade_mode is TradeMode.CLOSE_ONLY:
        return Denial("CLOSE_ONLY", f"opening in {terms.symbol}", terms.trade_mode)
    return None if terms.is_traded(now_ns) else market_closed(terms.symbol, now_ns)


def market_closed(symbol: str, now_ns: int) -> Denial:
    """Return the denial outside the sessions of a symbol, at venue time `now_ns`."""
    return Denial("MARKET_CLOSED", f"a session of {symbol}", format_server_weekday_time(now_ns))


def until(order: OrderProposal, _context: RiskContext, now_ns: int) -> int:
    """Return the next change of the market's hours (see `rule.Until`).

    A change is the beginning or end of a session or holiday, or the symbol's expiry.
    """
    return min(_market_changes_ns(order.instrument, now_ns), default=NEVER_NS)


def _market_changes_ns(terms: Instrument, now_ns: int) -> list[int]:
    bounds_ns = [terms.expires_ns, *(bound for span in terms.holidays for bound in span)]
    found = [bound for bound in bounds_ns if bound > now_ns]
    if terms.sessions:
        in_week_ns = weekday(now_ns, terms.clock) * DAY_NS + time_of_day_ns(now_ns, terms.clock)
        minutes = {minute for span in terms.sessions for minute in span}
        ahead_ns = min((minute * MINUTE_NS - in_week_ns) % _WEEK_NS or _WEEK_NS for minute in minutes)
        found.append(clock_time_ahead_ns(now_ns, ahead_ns, terms.clock))
    return found


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "UNKNOWN_SYMBOL",
            "a symbol whose terms the venue has not sent",
            "the venue must send the symbol's terms",
        ),
        RuleCode(
            "TRADE_DISABLED",
            "any order while the venue's trade mode of the symbol forbids trading",
            "the venue must allow trading in the symbol again",
        ),
        RuleCode(
            "CLOSE_ONLY",
            "opening while the trade mode allows closing only",
            "the venue must allow opening in the symbol again; open positions may be closed",
        ),
        RuleCode(
            "MARKET_CLOSED",
            "opening outside the symbol's sessions, on holidays or after its expiry; a signal's close waits for the "
            "next session. Opening is also denied for a minute after the venue's retcode 10018",
            "wait for the symbol's next session",
        ),
    ),
    phases=Phase.BASE,
    check=check,
    until=until,
)
