"""Reading of an instrument file, as `docs/instruments.md` specifies it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from proto.trading.enums import CalculationMode, GtcMode, SwapMode
from tests.venue_by_document.server_clock import SERVER, Clock
from tests.venue_by_document.terms import CommissionRow, SwapRow, SymbolTerms, TermsOf

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES: Final = 24 * 60
MIDNIGHT: Final = datetime.min.time()


def read_terms(path: Path) -> TermsOf:
    """Terms of every symbol in an instrument file, with exact numbers."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return {symbol: terms_of_table(symbol, table) for symbol, table in tables.items()}


def terms_text(tables: Mapping[str, dict[str, Any]]) -> str:
    """The text of an instrument file with these tables."""
    return "\n".join(
        "\n".join((f"[{symbol}]", *(f"{field} = {_text(value)}" for field, value in table.items())))
        for symbol, table in tables.items()
    )


def _text(value: Any) -> str:
    match value:
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case dict():
            return f"{{ {', '.join(f'{name} = {_text(part)}' for name, part in value.items())} }}"
        case _:
            return str(value)


def terms_of_table(symbol: str, table: dict[str, Any]) -> SymbolTerms:
    """Terms of one symbol from its table."""
    clock = _clock(table.get("clock", "new_york_close"))
    hedged, expires = table["margin_hedged"], table.get("expires", "never")
    return SymbolTerms(
        symbol=symbol,
        base_currency=table["base_currency"],
        profit_currency=table["profit_currency"],
        margin_currency=table["margin_currency"],
        digits=table["digits"],
        tick_size=Decimal(table["tick_size"]),
        tick_price=Decimal(table.get("tick_price", 0)),
        contract_size=Decimal(table["contract_size"]),
        volume_limit=Decimal(table.get("volume_limit", 0)),
        calculation_mode=CalculationMode(table["calculation_mode"]),
        margin_initial=Decimal(table.get("margin_initial", 0)),
        margin_maintenance=Decimal(table.get("margin_maintenance", 0)),
        margin_rates_long=_pair(table["margin_rates_long"]),
        margin_rates_short=_pair(table["margin_rates_short"]),
        margin_hedged=None if hedged == "larger" else Decimal(hedged),
        swaps=tuple(_swap(row) for row in _rows(table["swap"])),
        swap_weekdays=tuple(map(Decimal, table["swap_weekdays"])),
        commissions=tuple(_commission(row) for row in _rows(table["commission"])),
        clock=clock,
        sessions=tuple(_spans(table["trade_sessions"])),
        holidays=tuple(_holiday(holiday, clock) for holiday in table.get("holidays", ())),
        expires_ns=0 if expires == "never" else clock.utc_ns(datetime.fromisoformat(expires)),
        gtc_mode=GtcMode(table.get("gtc_mode", "GTC")),
        stops_level_points=table["stops_level"],
        freeze_level_points=table["freeze_level"],
    )


def _clock(name: str) -> Clock:
    return SERVER if name == "new_york_close" else Clock(name)


def _pair(numbers: list[Any]) -> tuple[Decimal, Decimal]:
    first, second = map(Decimal, numbers)
    return first, second


def _rows(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]


def _swap(row: dict[str, Any]) -> SwapRow:
    return SwapRow(
        since=row.get("from"),
        mode=SwapMode(row["mode"]),
        long=Decimal(row.get("long", 0)),
        short=Decimal(row.get("short", 0)),
    )


def _commission(row: dict[str, Any]) -> CommissionRow:
    return CommissionRow(since=row.get("from"), per_lot=Decimal(row["per_lot"]), currency=row.get("currency", ""))


def _spans(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Spans in minutes of the week from texts such as `Mon-Fri 01:00-23:15`."""
    for text in texts:
        days, hours = text.split()
        first, _, last = days.partition("-")
        begin, end = map(_minute, hours.split("-"))
        for day in range(DAYS.index(first), DAYS.index(last or first) + 1):
            yield day * MINUTES + begin, day * MINUTES + end


def _minute(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    return hours * 60 + minutes


def _holiday(value: Any, clock: Clock) -> tuple[int, int]:
    if isinstance(value, date):
        begin = datetime.combine(value, MIDNIGHT)
        return clock.utc_ns(begin), clock.utc_ns(begin + timedelta(days=1))
    begin, end = map(datetime.fromisoformat, value)
    return clock.utc_ns(begin), clock.utc_ns(end)
