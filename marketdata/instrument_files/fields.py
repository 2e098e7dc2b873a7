"""Parsing of the fields of an instrument file: one reader for each kind of value.

A reader takes the name and the value of a field, and refuses an invalid value with an error that has the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sized
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, TypeVar

from proto.time import EPOCH, SECOND_NS
from proto.trading.enums import SwapMode
from proto.trading.instrument import HOLIDAYS_MAX, ROWS_MAX, SESSIONS_MAX, CommissionTerms, SwapTerms
from proto.trading.server_time import NEW_YORK_CLOSE, is_clock, utc_times_of
from proto.trading.units import MAX_DECIMAL_DIGITS, MAX_DECIMAL_EXPONENT, is_exact

NEVER: Final = "never"
LARGER: Final = "larger"
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES: Final = 24 * 60
WHOLE_WEEK: Final = (0, 7 * DAY_MINUTES)
DIGITS_MAX: Final = 10
POINTS_MAX: Final = 1_000_000
FILLINGS: Final = ("FOK", "IOC", "RETURN")

MONEY_EXPECTED: Final = "a number of 0 or more"
POSITIVE_EXPECTED: Final = "a number above 0"
CURRENCY_EXPECTED: Final = "3 to 8 capital letters or digits, such as USD"
RATES_EXPECTED: Final = "two numbers of 0 or more, initial and maintenance, such as [1, 1]"
WEEKDAYS_EXPECTED: Final = "seven numbers of 0 or more, from Monday, such as [1, 1, 3, 1, 1, 0, 0]"
FILLINGS_EXPECTED: Final = 'a list of one or more of "FOK", "IOC", "RETURN"'
SESSIONS_EXPECTED: Final = 'spans such as ["Mon-Fri 01:00-24:00"], [] for always'
HOLIDAYS_EXPECTED: Final = 'days such as "2025-12-25" or spans such as ["2025-12-24 19:00", "2025-12-26 01:00"]'
EXPIRY_EXPECTED: Final = f'"{NEVER}", or a time such as "2026-03-20 22:00"'
CLOCK_EXPECTED: Final = f"{NEW_YORK_CLOSE}, UTC, or a zone such as Europe/Athens"
DATE_EXPECTED: Final = "a date such as 2025-01-31"

_DAY = "|".join(DAYS)
_SPAN = re.compile(rf"(?P<first>{_DAY})(?:-(?P<last>{_DAY}))? (?P<from>[0-2]\d:[0-5]\d)-(?P<to>[0-2]\d:[0-5]\d)")
_CURRENCY = re.compile(r"[A-Z0-9]{3,8}")


class FieldError(ValueError):
    """A field has an invalid value; the text has the name, the value and the expectation."""


M = TypeVar("M", bound=StrEnum)


def refused(name: str, value: object, expected: str) -> FieldError:
    """The error for the invalid value of field `name`."""
    shown = str(value) if isinstance(value, Decimal | date) else repr(value)
    return FieldError(f"{name} is {shown}, expected {expected}")


def _number(name: str, value: object, expected: str) -> Decimal:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if is_exact(number):
            return number
        expected = f"{expected}, of at most {MAX_DECIMAL_DIGITS} digits and {MAX_DECIMAL_EXPONENT} decimals"
    raise refused(name, value, expected)


def amount(name: str, value: object) -> Decimal:
    """Parse a number of 0 or more.

    Raises:
        FieldError: `value` is not such a number.
    """
    number = _number(name, value, MONEY_EXPECTED)
    if number < 0:
        raise refused(name, value, MONEY_EXPECTED)
    return number


def positive(name: str, value: object) -> Decimal:
    """Parse a number above 0.

    Raises:
        FieldError: `value` is not such a number.
    """
    number = amount(name, value)
    if not number:
        raise refused(name, value, POSITIVE_EXPECTED)
    return number


def _whole(name: str, value: object, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    raise refused(name, value, f"a whole number from 0 to {most}")


def digits(name: str, value: object) -> int:
    """Parse the number of decimals of a price, 0 to 10."""
    return _whole(name, value, DIGITS_MAX)


def points(name: str, value: object) -> int:
    """Parse a distance in points."""
    return _whole(name, value, POINTS_MAX)


def currency(name: str, value: object) -> str:
    """Parse the code of a currency, or of an asset that is traded like a currency.

    Raises:
        FieldError: `value` is not such a code.
    """
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return value
    raise refused(name, value, CURRENCY_EXPECTED)


def member(kind: type[M], unsupported: Mapping[str, str]) -> Callable[[str, object], M]:
    """Create a reader of the members of an enumeration.

    Args:
        kind: the enumeration.
        unsupported: names of MetaTrader's enumeration that are not simulated, and the reason of each.

    Raises:
        FieldError: raised by the reader if the value is not the name of a member.
    """

    def read(name: str, value: object) -> M:
        if isinstance(value, str) and value in kind.__members__:
            return kind[value]
        why = (
            f": {unsupported[value]}, which is not simulated" if isinstance(value, str) and value in unsupported else ""
        )
        raise refused(name, value, f"one of {', '.join(kind)}{why}")

    return read


def _numbers(name: str, value: object, count: int, expected: str) -> tuple[Decimal, ...]:
    if not isinstance(value, list) or len(value) != count:
        raise refused(name, value, expected)
    return tuple(amount(name, part) for part in value)


def rates(name: str, value: object) -> tuple[Decimal, ...]:
    """Parse the margin rates of a side: initial and maintenance."""
    return _numbers(name, value, 2, RATES_EXPECTED)


def weekdays(name: str, value: object) -> tuple[Decimal, ...]:
    """Parse the swap multiples of the seven nights, beginning with the night after Monday."""
    return _numbers(name, value, 7, WEEKDAYS_EXPECTED)


def hedged(name: str, value: object) -> Decimal | None:
    """Parse `margin_hedged`: the contract size of a hedged lot, or None for the margin of the larger side."""
    return None if value == LARGER else amount(name, value)


def fillings(name: str, value: object) -> tuple[str, ...]:
    """Parse the filling modes that the venue accepts for market orders.

    Raises:
        FieldError: `value` is not a list of different filling modes.
    """
    if isinstance(value, list) and value and len(set(map(str, value))) == len(value) and set(value) <= set(FILLINGS):
        return tuple(value)
    raise refused(name, value, FILLINGS_EXPECTED)


def clock(name: str, value: object) -> str:
    """Parse the name of a clock.

    Raises:
        FieldError: `value` names neither the server's clock nor a time zone.
    """
    if isinstance(value, str) and is_clock(value):
        return value
    raise refused(name, value, CLOCK_EXPECTED)


# ------------------------------------------------------------------------------------------------------- dated tables


def swaps(unsupported: Mapping[str, str]) -> Callable[[str, object], tuple[SwapTerms, ...]]:
    """Create a reader of the field `swap`: one table of swap terms, or a list of tables with dates.

    Raises:
        FieldError: raised by the reader if the value is invalid.
    """
    mode_of = member(SwapMode, unsupported)

    def read(name: str, value: object) -> tuple[SwapTerms, ...]:
        rows = []
        for row in _rows(name, value, ("mode", "long", "short")):
            mode = mode_of(f"{name}, mode", row.get("mode"))
            needed = () if mode is SwapMode.DISABLED else ("long", "short")
            for side in needed:
                if side not in row:
                    raise FieldError(f"{name}, {side} is missing, expected a number, above 0 when earned")
            long, short = (
                _number(f"{name}, {side}", row.get(side, 0), "a number, above 0 when earned")
                for side in ("long", "short")
            )
            rows.append(SwapTerms(_since(name, row), mode, long, short))
        return _dated(name, rows)

    return read


def commissions(name: str, value: object) -> tuple[CommissionTerms, ...]:
    """Parse the field `commission`: one table of commission terms, or a list of tables with dates.

    Raises:
        FieldError: the value is invalid.
    """
    rows = []
    for row in _rows(name, value, ("per_lot", "currency")):
        if "per_lot" not in row:
            raise FieldError(f"{name}, per_lot is missing, expected an amount of 0 or more")
        text = row.get("currency")
        code = "" if text is None else currency(f"{name}, currency", text)
        rows.append(CommissionTerms(_since(name, row), amount(f"{name}, per_lot", row["per_lot"]), code))
    return _dated(name, rows)


def _rows(name: str, value: object, known: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise refused(name, value, f"a table with {', '.join(known)}, or a list of such tables with dates")
    for row in rows:
        for key in row:
            if key not in (*known, "from"):
                raise FieldError(f"{name}, {key} is unknown, expected {', '.join(known)} or from")
    return rows


R = TypeVar("R", SwapTerms, CommissionTerms)


def _dated(name: str, rows: list[R]) -> tuple[R, ...]:
    """Check that the first row has no date and that the other rows have ascending dates.

    Raises:
        FieldError: a date is missing, not allowed or not ascending, or there are too many rows.
    """
    _require_few(name, rows, ROWS_MAX, "rows")
    for place, row in enumerate(rows):
        if place and row.since is None:
            raise FieldError(f"{name}, from of row {place + 1} is missing, expected {DATE_EXPECTED}")
        if not place and row.since is not None:
            raise FieldError(f"{name}, from of row 1 is {row.since}, expected none: the first row has no date")
        before = rows[place - 1].since
        if place > 1 and row.since is not None and before is not None and row.since <= before:
            raise FieldError(f"{name}, from of row {place + 1} is {row.since}, expected a date after {before}")
    return tuple(rows)


def _since(name: str, row: Mapping[str, object]) -> date | None:
    return _date(f"{name}, from", row["from"]) if "from" in row else None


def _date(name: str, value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise refused(name, value, DATE_EXPECTED)


# ----------------------------------------------------------------------------------------------------- hours and days


def sessions(name: str, value: object) -> tuple[tuple[int, int], ...]:
    """Parse sessions to ascending spans in minutes from Monday 00:00; adjacent spans are joined.

    Raises:
        FieldError: the value is not a list of spans, or spans overlap.
    """
    if not isinstance(value, list):
        raise refused(name, value, SESSIONS_EXPECTED)
    spans = sorted(span for text in value for span in _spans(name, text))
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and begin < joined[-1][1]:
            raise FieldError(
                f"{name}, {span_text(begin, end)} overlaps another span, expected spans that do not overlap"
            )
        if joined and begin == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    _require_few(name, joined, SESSIONS_MAX, "spans")
    return tuple(joined)


def _spans(name: str, text: object) -> list[tuple[int, int]]:
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise refused(name, text, SESSIONS_EXPECTED)
    first, last = DAYS.index(match["first"]), DAYS.index(match["last"] or match["first"])
    begin, end = (int(clock_time[:2]) * 60 + int(clock_time[3:]) for clock_time in (match["from"], match["to"]))
    if not (first <= last and begin < end <= DAY_MINUTES):
        raise refused(name, text, f"{SESSIONS_EXPECTED}, from an earlier to a later time")
    return [(day * DAY_MINUTES + begin, day * DAY_MINUTES + end) for day in range(first, last + 1)]


def span_text(begin: int, end: int) -> str:
    """Text of a span of the week.

    Args:
        begin: minutes from Monday 00:00.
        end: minutes from Monday 00:00, excluded.
    """
    (day, minute), (last, until) = divmod(begin, DAY_MINUTES), divmod(end - 1, DAY_MINUTES)
    to = f"{(until + 1) // 60:02d}:{(until + 1) % 60:02d}"
    return f"{DAYS[day]} {minute // 60:02d}:{minute % 60:02d}-{'' if last == day else DAYS[last] + ' '}{to}"


def holidays(name: str, value: object, clock: str) -> tuple[tuple[int, int], ...]:
    """Parse holidays, which are local times of `clock`, to ascending spans in UTC nanoseconds.

    Raises:
        FieldError: the value is not a list of days or spans, or spans overlap.
    """
    if not isinstance(value, list):
        raise refused(name, value, HOLIDAYS_EXPECTED)
    spans = sorted(_holiday(name, entry, clock) for entry in value)
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            raise FieldError(f"{name} overlap at {_utc_text(after[0])} UTC, expected spans that do not")
    _require_few(name, spans, HOLIDAYS_MAX, "spans")
    return tuple(spans)


def _require_few(name: str, found: Sized, most: int, what: str) -> None:
    if len(found) > most:
        raise FieldError(f"{name} has {len(found)} {what}, expected at most {most}")


def _holiday(name: str, entry: object, clock: str) -> tuple[int, int]:
    if isinstance(entry, list) and len(entry) == 2:
        begin, end = (_moment(name, part, clock, HOLIDAYS_EXPECTED) for part in entry)
    else:
        day = datetime.combine(_date(name, entry), datetime.min.time())
        begin, end = (_moment(name, one, clock, HOLIDAYS_EXPECTED) for one in (day, day + timedelta(days=1)))
    if begin >= end:
        raise refused(name, entry, f"{HOLIDAYS_EXPECTED}, from an earlier to a later time")
    return begin, end


def expiry(name: str, value: object, clock: str) -> int:
    """Parse the local time of `clock` at which trading ends, to UTC nanoseconds; 0 for never."""
    return 0 if value == NEVER else _moment(name, value, clock, EXPIRY_EXPECTED)


def _moment(name: str, value: object, clock: str, expected: str) -> int:
    """Parse a local time of `clock` to UTC nanoseconds; of two possible times, the earlier one."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise refused(name, value, expected) from None
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise refused(name, value, expected)
    local_ns = int((value.replace(tzinfo=UTC) - EPOCH).total_seconds()) * SECOND_NS
    found = utc_times_of(local_ns, clock)
    if not found:
        raise refused(name, value.isoformat(" "), f"a local time that exists in {clock}")
    return found[0]


def _utc_text(time_ns: int) -> str:
    return (EPOCH + timedelta(seconds=time_ns // SECOND_NS)).strftime("%Y-%m-%d %H:%M")


BY_CLOCK: Final = (holidays, expiry)
"""Readers that also take the name of the symbol's clock."""
