"""What denials are told in, and the quote that several rules measure by."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from proto.trading.broker_time import MINUTE_NS, of_day_ns, weekday
from proto.trading.money import Quote
from proto.trading.units import exact, plain
from services.portfolio.core.accounting.valuation import Marks
from services.portfolio.core.risk.types import Account, Denial, Proposal

_HUNDREDTH: Final = Decimal("0.01")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def percent(value: Decimal) -> str:
    """To two decimals."""
    return f"{plain(value.quantize(_HUNDREDTH, rounding=ROUND_HALF_UP))} %"


def server_hour(time_ns: int) -> str:
    """To the minute, by the server's clock."""
    minutes = of_day_ns(time_ns) // MINUTE_NS
    return f"{minutes // 60:02d}:{minutes % 60:02d} server time"


def server_moment(time_ns: int) -> str:
    """The same with the day of the week."""
    return f"{_DAYS[weekday(time_ns)]} {server_hour(time_ns)}"


def newest_quote(order: Proposal, account: Account) -> Quote | None:
    """The latest quote of the order's symbol that the process has, else its mark; None where it was never quoted."""
    if account.newest is not None:
        bid, ask = account.newest
        return Quote(exact(bid), exact(ask))
    return Marks(account.cursor.marks).quote(order.instrument.symbol)


def beyond(code: str, amount: Decimal | None, whole: Decimal, most_pct: Decimal, account: Account) -> Denial | None:
    """The denial of an amount, of either sign, that is more than so many percent of a whole; None when it is not.

    An amount that is not known denies, too: nothing is guessed.
    """
    assert account.book.stream is not None
    currency, limit = account.book.stream.currency, whole * most_pct / 100
    words = f"{percent(most_pct)} of {whole:.0f} {currency}"
    if amount is None:
        return Denial(code, words, "no known rate")
    return None if abs(amount) <= limit else Denial(code, words, f"{abs(amount):.0f} {currency}")
