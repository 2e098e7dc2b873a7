"""Seeded quotes, and their text in the format of each source of ticks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

DAY: Final = datetime(2014, 5, 1, tzinfo=UTC)
DAY_NS: Final = 1_398_902_400_000_000_000


class Quote(NamedTuple):
    """Milliseconds since midnight UTC of `DAY`, and prices as text with five digits."""

    ms: int
    bid: str
    ask: str

    @property
    def tick(self) -> tuple[int, float, float]:
        """Time, bid and ask, as in a stream."""
        return DAY_NS + self.ms * 1_000_000, float(self.bid), float(self.ask)


def some_quotes(count: int = 300, seed: int = 1) -> list[Quote]:
    """A random walk within one day, in which often only the bid or only the ask changes."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.integers(1, 2_000, count)).tolist()
    quotes = []
    bid, ask = 138_710, 138_712
    for ms in times:
        side = random.integers(0, 3)
        bid += int(random.integers(-1, 2)) if side != 1 else 0
        ask = max(bid + 1, ask + (int(random.integers(-1, 2)) if side != 0 else 0))
        quotes.append(Quote(ms, f"{bid / 1e5:.5f}", f"{ask / 1e5:.5f}"))
    return quotes


def at(quote: Quote, form: str, *, hours: float = 0) -> str:
    """The time of a quote, truncated to milliseconds, on a clock `hours` ahead of UTC."""
    moment = DAY + timedelta(milliseconds=quote.ms, hours=hours)
    return moment.strftime(form).replace("%f", "") if "%f" not in form else moment.strftime(form)[:-3]


def truefx(quotes: list[Quote]) -> list[str]:
    return [f"EUR/USD,{at(quote, '%Y%m%d %H:%M:%S.%f')},{quote.bid},{quote.ask}" for quote in quotes]


def histdata(quotes: list[Quote]) -> list[str]:
    return [f"{at(quote, '%Y%m%d %H%M%S%f', hours=-5)},{quote.bid}0,{quote.ask}0,0" for quote in quotes]


def lean(quotes: list[Quote]) -> list[str]:
    """Rows of a day in UTC, like those of Oanda."""
    return [f"{quote.ms},{quote.bid},{quote.ask}" for quote in quotes]


def dukascopy(quotes: list[Quote]) -> list[str]:
    rows = [f"{at(quote, '%d.%m.%Y %H:%M:%S.%f')},{quote.ask},{quote.bid},1.5,0.75" for quote in quotes]
    return ["Gmt time,Ask,Bid,AskVolume,BidVolume", *rows]


def metatrader(quotes: list[Quote], *, hours: float = 0) -> list[str]:
    rows = []
    bid = ask = ""
    for quote in quotes:
        sides = ["" if quote.bid == bid else quote.bid, "" if quote.ask == ask else quote.ask]
        flags = 2 * bool(sides[0]) + 4 * bool(sides[1])
        time = at(quote, "%Y.%m.%d\t%H:%M:%S.%f", hours=hours)
        rows.append("\t".join([time, *sides, "", "", str(flags)]))
        bid, ask = quote.bid, quote.ask
    return ["<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>", *rows]


def iso(quotes: list[Quote]) -> list[str]:
    rows = [f"{at(quote, '%Y-%m-%d %H:%M:%S.%f', hours=2)}+02:00,{quote.bid},{quote.ask}" for quote in quotes]
    return ["timestamp,bid,ask", *rows]


class Sample(NamedTuple):
    """A layout by name, its writer, a file name, and the zone that it requires."""

    layout: str
    write: Callable[[list[Quote]], list[str]]
    file: str = "ticks.dat"
    zone: str | None = None


SAMPLES: Final = (
    Sample("TrueFX", truefx),
    Sample("HistData ASCII ticks", histdata),
    Sample("LEAN daily quotes", lean, file="20140501_quote.csv", zone="UTC"),
    Sample("Dukascopy", dukascopy),
    Sample("MetaTrader 5 tick export", metatrader, zone="+00:00"),
    Sample("table with a header", iso),
)
