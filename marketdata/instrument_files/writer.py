"""Writing of instruments to the text of an instrument file, in which an unknown term is "?"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from marketdata.instrument_files.fields import DAY_MINUTES, DAYS, LARGER, NEVER
from marketdata.instrument_files.loader import UNKNOWN
from proto.time import SECOND_NS
from proto.trading.enums import SwapMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms
from proto.trading.server_time import server_ns
from proto.trading.units import decimal_text

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instruments_text(instruments: Iterable[Instrument], comment: str) -> str:
    """The text of an instrument file; `comment` becomes its first line."""
    tables = ("\n".join(_table(one)) for one in instruments)
    return "\n\n".join([f"# {comment}", *tables]) + "\n"


def _table(one: Instrument) -> Iterator[str]:
    yield f"[{one.symbol if _BARE_KEY.fullmatch(one.symbol) else json.dumps(one.symbol)}]"
    for field, name, text in _values(one):
        yield f"{field} = {_quoted(UNKNOWN) if name in one.untold else text}"


def _values(one: Instrument) -> Iterator[tuple[str, str, str]]:
    """Yield each field of the file: its name, its name in `Instrument`, and its value as TOML."""
    for name in ("digits", "tick_size", "tick_price", "contract_size"):
        yield name, name, _text(getattr(one, name))
    for name in ("volume_min", "volume_max", "volume_step", "volume_limit"):
        yield name, name, _text(getattr(one, name))
    for name in ("base_currency", "profit_currency"):
        yield name, name, _quoted(getattr(one, name))
    yield "margin_currency", "margin_currency", _quoted(one.margin_currency or one.base_currency)
    yield "calculation_mode", "calculation_mode", _quoted(one.calculation_mode)
    for name in ("margin_initial", "margin_maintenance", "margin_rates_long", "margin_rates_short"):
        yield name, name, _text(getattr(one, name))
    yield "margin_hedged", "margin_hedged", _quoted(LARGER) if one.margin_hedged is None else _text(one.margin_hedged)
    yield "swap", "swaps", _rows(map(_swap, one.swaps or (SwapTerms(mode=SwapMode.DISABLED),)))
    yield "swap_weekdays", "swap_weekdays", _text(one.swap_weekdays)
    yield "commission", "commissions", _rows(map(_commission, one.commissions or (CommissionTerms(),)))
    yield "clock", "clock", _quoted(one.clock)
    yield "trade_sessions", "sessions", _list(_quoted(text) for text in _sessions(one.sessions))
    yield "quote_sessions", "quote_sessions", _list(_quoted(text) for text in _sessions(one.quote_sessions))
    yield "holidays", "holidays", _list(_list(_local(moment, one.clock) for moment in span) for span in one.holidays)
    yield "expires", "expires_ns", _local(one.expires_ns, one.clock) if one.expires_ns else _quoted(NEVER)
    yield "stops_level", "stops_level_points", str(one.stops_level_points)
    yield "freeze_level", "freeze_level_points", str(one.freeze_level_points)
    yield "filling", "filling", _list(map(_quoted, one.filling))
    yield "gtc_mode", "gtc_mode", _quoted(one.gtc_mode)
    yield "trade_mode", "trade_mode", _quoted(one.trade_mode)


def _quoted(text: str) -> str:
    return json.dumps(str(text))


def _list(parts: Iterable[str]) -> str:
    return f"[{', '.join(parts)}]"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return _list(map(_text, value))
    return decimal_text(value) if not isinstance(value, int) else str(value)  # type: ignore[arg-type]


def _rows(rows: Iterable[str]) -> str:
    found = list(rows)
    return found[0] if len(found) == 1 else "[\n" + "".join(f"    {row},\n" for row in found) + "]"


def _swap(row: SwapTerms) -> str:
    begin = "" if row.since is None else f"from = {row.since}, "
    sides = "" if row.mode is SwapMode.DISABLED else f", long = {_text(row.long)}, short = {_text(row.short)}"
    return f"{{ {begin}mode = {_quoted(row.mode)}{sides} }}"


def _commission(row: CommissionTerms) -> str:
    begin = "" if row.since is None else f"from = {row.since}, "
    currency = f", currency = {_quoted(row.currency)}" if row.currency else ""
    return f"{{ {begin}per_lot = {_text(row.per_lot)}{currency} }}"


def _sessions(spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield the sessions as texts, such as "Mon-Fri 00:00-24:00".

    A session over midnight is split into one span for each day. Successive days with equal spans become one range.
    """
    of_day: dict[int, list[str]] = {}
    for begin, end in spans:
        for day in range(begin // DAY_MINUTES, (end - 1) // DAY_MINUTES + 1):
            first, last = max(begin - day * DAY_MINUTES, 0), min(end - day * DAY_MINUTES, DAY_MINUTES)
            of_day.setdefault(day, []).append(f"{_clock(first)}-{_clock(last)}")
    days = sorted(of_day)
    while days:
        first = last = days.pop(0)
        while days and days[0] == last + 1 and of_day[days[0]] == of_day[first]:
            last = days.pop(0)
        name = DAYS[first] if first == last else f"{DAYS[first]}-{DAYS[last]}"
        yield from (f"{name} {span}" for span in of_day[first])


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _local(time_ns: int, clock: str) -> str:
    """Text of the local date and time of `clock` at a UTC time."""
    return (_EPOCH + timedelta(seconds=server_ns(time_ns, clock) // SECOND_NS)).strftime("%Y-%m-%dT%H:%M:%S")
