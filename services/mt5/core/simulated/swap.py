"""What positions earn or cost over the nights.

A night is charged at the server's midnight, 17:00 in New York, to what is open then. Value dates skip the weekend: its two
nights are charged beforehand, on the triple day, so that a week has seven.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from proto.trading.instrument import Instrument
from proto.trading.money import Quotes, conversion_rate
from proto.trading.server_time import server_day, weekday
from proto.trading.units import round_money

_DAYS_OF_WEEK: Final = 7
SATURDAY: Final = 5
TRIPLE: Final = 3


def nights_charged(from_ns: int, to_ns: int, triple_weekday: int) -> int:
    """Nights that a position held from `from_ns` to `to_ns` (UTC, not before it) is charged for.

    Those whose midnight lies after `from_ns` and not after `to_ns`: the night that follows `triple_weekday` (0 Monday) counts
    three, those that follow another Saturday or Sunday none, and each other one.
    """
    assert from_ns <= to_ns, (from_ns, to_ns)
    weeks, rest = divmod(server_day(to_ns) - server_day(from_ns), _DAYS_OF_WEEK)
    first = weekday(from_ns)
    of_week = [_weight((first + day) % _DAYS_OF_WEEK, triple_weekday) for day in range(_DAYS_OF_WEEK)]
    return weeks * sum(of_week) + sum(of_week[:rest])


def _weight(evening: int, triple_weekday: int) -> int:
    if evening == triple_weekday:
        return TRIPLE
    return 0 if evening >= SATURDAY else 1


def swap_of(
    *,
    signed_volume: Decimal,
    nights: int,
    instrument: Instrument,
    currency: str,
    currency_digits: int,
    instruments: Mapping[str, Instrument],
    quotes: Quotes,
) -> Decimal | None:
    """What `signed_volume` lots (> 0 long) earn (> 0) or cost (< 0) over so many nights, in account currency.

    Formula: points x point x contract size x lots x nights, in the profit currency; converted at the side that is against the
    holder and rounded to the account's digits.

    Returns:
        The amount; None when no rate is known.
    """
    points = instrument.swap_long_points if signed_volume > 0 else instrument.swap_short_points
    gross = points * instrument.point * instrument.contract_size * abs(signed_volume) * nights
    if not gross:
        return Decimal(0)
    rate = conversion_rate(
        1 if gross > 0 else -1,
        source=instrument.profit_currency,
        target=currency,
        instruments=instruments,
        quotes=quotes,
    )
    return None if rate is None else round_money(gross * rate, currency_digits)
