"""Clocks of LEAN's quote files by security type, market and symbol, which are the names of the folders.

Source: `dataTimeZone` in LEAN's market-hours database (`Data/market-hours/market-hours-database.json`, repository
QuantConnect/Lean at 004849ff, read on 2026-11-29). `_MARKETS` has only markets whose rows are time, bid and ask.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from marketdata.files.time_zones import EASTERN, UTC

RESOLUTIONS: Final = ("tick", "second", "minute", "hour", "daily")

_MARKETS: Final = {
    ("forex", "fxcm"): EASTERN,
    ("forex", "oanda"): UTC.name,
    ("cfd", "fxcm"): EASTERN,
    ("cfd", "oanda"): UTC.name,
}
_SYMBOLS: Final = {
    ("cfd", "fxcm"): dict.fromkeys(
        (
            *("AU200AUD", "BCOUSD", "CH20CHF", "DE10YBEUR", "DE30EUR", "DXYUSD", "ES35EUR", "EU50EUR", "FR40EUR"),
            *("HK33HKD", "IT40EUR", "JP225JPY", "NAS100USD", "NATGASUSD", "SPX500USD", "UK100GBP", "US30USD"),
            *("WTICOUSD", "XAGUSD", "XAUUSD", "XCUUSD", "XPDUSD", "XPTUSD"),
        ),
        UTC.name,
    )
}
"""Symbols whose clock differs from the clock of their market."""


class LeanClock(NamedTuple):
    """Time zone of the files in a folder, and the source of the time zone as text."""

    zone: str
    source: str


def lean_clock(path: Path) -> LeanClock | None:
    """The clock of a file at `TYPE/MARKET/[RESOLUTION/]SYMBOL/FILE`; None for any other path or market."""
    folders = [part.lower() for part in path.absolute().parts[:-1]]
    if len(folders) > 1 and folders[-2] in RESOLUTIONS:
        del folders[-2]
    if len(folders) < 3:
        return None
    kind, market, symbol = folders[-3:]
    clock = _MARKETS.get((kind, market))
    if clock is None:
        return None
    clock = _SYMBOLS.get((kind, market), {}).get(symbol.upper(), clock)
    return LeanClock(clock, f"LEAN's {kind}/{market}/{symbol}")
