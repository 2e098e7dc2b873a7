"""The quote at which orders are executed, with a wider spread around the server's midnight."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from tests.venue_by_document.money import Quote
from tests.venue_by_document.profile import Profile
from tests.venue_by_document.server_clock import MINUTE_NS, SERVER
from tests.venue_by_document.terms import SymbolTerms


def widened(quote: Quote, time_ns: int, *, terms: SymbolTerms, profile: Profile) -> Quote:
    """The quote at which orders are executed.

    Around the server's midnight the spread is multiplied, with the same mid price. The widening of each side is rounded
    up to whole ticks.
    """
    if profile.rollover_factor == 1 or not _is_rollover(time_ns, profile):
        return quote
    tick = Fraction(terms.tick_size)
    added = (quote.ask - quote.bid) * (profile.rollover_factor - 1) / 2
    added = ceil(added / tick) * tick
    return Quote(quote.bid - added, quote.ask + added)


def _is_rollover(time_ns: int, profile: Profile) -> bool:
    day = SERVER.day(time_ns)
    since, until = time_ns - SERVER.midnight_ns(day), SERVER.midnight_ns(day + 1) - time_ns
    return since < profile.rollover_minutes_after * MINUTE_NS or until <= profile.rollover_minutes_before * MINUTE_NS
