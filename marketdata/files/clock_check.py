"""Check of a file's clock by the end of the market's week and by the market's quiet hour; a wrong clock shifts both.

FX closes on Friday at 17:00 in New York. The quiet hour begins at 17:00 in New York on each day: spreads are widest, or
there are no quotes. 17:00 in New York is midnight of New-York-close time (`proto.trading.server_time`), in which this
module computes. The check makes one pass with bounded memory. If a file is too short or has too few ticks, the verdict
is `cannot_tell`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketdata.files.time_zones import SourceClock
from proto.time import DAY_NS, HOUR_NS, MINUTE_NS
from proto.trading import server_time
from proto.trading.instrument import Instrument
from proto.trading.server_time import FRIDAY, NEW_YORK_CLOSE

Verdict = Literal["fits", "probably_wrong", "cannot_tell"]
Season = Literal["summer_or_winter", "differing"]

EUROPEAN_SERVER: Final = "Europe/Athens"
"""Time zone of servers at UTC+2 that change to summer time (UTC+3) on Europe's dates."""

PAUSE_NS: Final = (44 * HOUR_NS, 51 * HOUR_NS)
"""Shortest and longest pause that counts as a weekend: 48 h, with a tolerance for clock changes and trading hours."""

CLOSE_SLACK_NS: Final = 2 * MINUTE_NS
"""Time after a full hour within which the last tick of a week still counts as before that hour."""

BUSY_TICKS: Final = 60
"""Ticks required in the hour before a pause. With fewer ticks, the last quote may be long before the close."""

HOURS_OFF_MAX: Final = 14
"""Largest distance, in hours, of the last tick of a week from the known close; a larger one is ignored."""

WEEKS_SURE: Final = 2
"""Week ends required to report that a clock is wrong by one hour, if the quiet hour does not confirm it.

A single week end may come from a truncated file.
"""

DAYS_SURE: Final = 3
"""Whole days from Monday to Thursday required to determine the quiet hour."""

DAY_HOURS_MIN: Final = 20
"""Hours with ticks that a day needs to be used as a whole day."""

WIDER_SHARE: Final = 1.1
"""Least ratio of the quiet hour's mean spread to that of every other hour except its two neighbors."""

EMPTY_SHARE: Final = 0.02
"""Share of the median hour's ticks below which an hour counts as closed."""

HOLIDAYS: Final = ((12, 20), (1, 5))
"""First and last day, as month and day, of the season in which markets close early."""

CLOSE_HOUR: Final = 17
"""Hour of the market's daily close in New York."""

FRIDAY_CLOSE_MIN: Final = (FRIDAY + 1) * 24 * 60
"""End of the market's week, in minutes from Monday 00:00 of New-York-close time."""


class _Offsets(NamedTuple):
    """Offsets from UTC, in hours, of a server and of New-York-close time at one time."""

    hours: int
    new_york_close_hours: int


@dataclass
class _Evidence:
    """Measurements of one season: the weeks in which New York and Europe agree on daylight saving, or the others."""

    week_ends: Counter[int] = field(default_factory=Counter)
    """Counts of week ends by the hours from the known close to the last tick, negative if the tick is earlier."""
    week_end_ahead: Counter[_Offsets] = field(default_factory=Counter)
    """Counts of week ends by the offset of the server that wrote the times."""
    day_ahead: Counter[_Offsets] = field(default_factory=Counter)
    """Counts of days by the offset of the clock with which the file is read."""
    days: int = 0
    ticks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(24, np.int64))
    """Number of ticks in each hour of the day, beginning with the hour after the known close."""
    spreads: NDArray[np.float64] = field(default_factory=lambda: np.zeros(24))
    """Sum of the spreads of these ticks."""

    def hours_off(self) -> tuple[int | None, bool]:
        """Hours by which times are late (None if unknown), and whether the evidence suffices to report them."""
        quiet = self.quiet_hour()
        if self.week_ends:
            [(hours, count)] = self.week_ends.most_common(1)
            if 2 * count <= self.week_ends.total():
                return None, False
            return hours, abs(hours) != 1 or count >= WEEKS_SURE or quiet == hours
        return quiet, quiet is not None and abs(quiet) != 1

    def server_ahead(self) -> Counter[_Offsets]:
        """Counts of the offsets of the server that wrote the times; empty if unknown."""
        quiet = self.quiet_hour()
        if self.week_end_ahead or quiet is None:
            return self.week_end_ahead
        return Counter({ahead._replace(hours=ahead.hours + quiet): days for ahead, days in self.day_ahead.items()})

    def quiet_hour(self) -> int | None:
        """Hours from the known close to the quiet hour; None if no hour differs clearly from the others."""
        if self.days < DAYS_SURE:
            return None
        empty = np.flatnonzero(self.ticks < EMPTY_SHARE * np.median(self.ticks))
        if len(empty) == 1:
            place = int(empty[0])
        elif len(empty):
            return None
        else:
            mean = self.spreads / self.ticks
            place = int(np.argmax(mean))
            others = np.delete(mean, [(place - 1) % 24, place, (place + 1) % 24])
            if mean[place] < WIDER_SHARE * others.max():
                return None
        return place if place <= 24 // 2 else place - 24


class ClockFinding(NamedTuple):
    """The verdict on the clock with which a file was read."""

    verdict: Verdict
    hours_off: int | None
    """Hours by which times are late, negative if they are early; None if unknown."""
    text: str
    summer_time: Literal["new_york", "europe", "cannot_tell"] | None
    """Whose daylight-saving dates the server follows; None if its offset is unknown or is not always +2 or +3 hours."""
    summer_time_text: str


class ClockCheck:
    """Checks the clock of one symbol's ticks, which are added in order of time."""

    def __init__(self, instrument: Instrument | None, clock: SourceClock) -> None:
        """Start without ticks.

        Args:
            instrument: terms of the symbol; without them the verdict is `cannot_tell`.
            clock: clock with which the file is read.
        """
        sessions = () if instrument is None else instrument.sessions
        self._has_known_close = bool(sessions) and max(end for _, end in sessions) == FRIDAY_CLOSE_MIN
        self._clock = clock
        self._european = SourceClock(EUROPEAN_SERVER)
        self._evidence: dict[Season, _Evidence] = {"summer_or_winter": _Evidence(), "differing": _Evidence()}
        self._tail = np.zeros(0, dtype=np.int64)
        self._day: int | None = None
        self._is_whole_day = False
        self._day_ticks = np.zeros(24, np.int64)
        self._day_spreads = np.zeros(24)

    def add(self, time_ns: NDArray[np.int64], spread: NDArray[np.float64]) -> None:
        """Add the next ticks.

        Args:
            time_ns: UTC times, a 1-D array in ascending order.
            spread: ask - bid in units of price, a 1-D array of the same length.
        """
        if not self._has_known_close or not len(time_ns):
            return
        times = np.concatenate([self._tail, time_ns])
        gaps = np.diff(times)
        for place in np.flatnonzero((gaps >= PAUSE_NS[0]) & (gaps <= PAUSE_NS[1])).tolist():
            if place >= len(self._tail) - 1 and place >= BUSY_TICKS - 1:
                self._add_week_end(int(times[place]), int(times[place - BUSY_TICKS + 1]))
        self._tail = times[-BUSY_TICKS:]
        hours = time_ns // HOUR_NS
        starts = np.concatenate([[0], np.flatnonzero(np.diff(hours)) + 1])
        sums = np.add.reduceat(np.maximum(spread, 0.0), starts)
        counts = np.diff(np.append(starts, len(hours)))
        for hour, total, count in zip(hours[starts].tolist(), sums.tolist(), counts.tolist(), strict=True):
            self._add_hour(hour * HOUR_NS, total, count)

    def finding(self) -> ClockFinding:
        """The verdict on the ticks added so far."""
        if not self._has_known_close:
            text = "cannot tell: the closes of the symbol are not known"
            return ClockFinding("cannot_tell", None, text, None, "")
        usual, differing = (self._evidence[season] for season in ("summer_or_winter", "differing"))
        hours, is_sure = usual.hours_off()
        other, is_other_sure = differing.hours_off()
        # One week end in the differing weeks suffices if the week ends of the other weeks confirm the clock.
        is_other_sure = is_other_sure or (bool(differing.week_ends) and other is not None and hours == 0)
        seen = "; ".join(filter(None, (_measured_text(usual, ""), _measured_text(differing, _DIFFERING))))
        seen = seen and f"in New York {seen}; FX closes at {CLOSE_HOUR}:00"
        summer_time, summer_time_text = self._summer_time()
        if hours and is_sure:
            return ClockFinding(
                "probably_wrong",
                hours,
                f"probably wrong: {_hours_off_text(hours)}: {seen}",
                summer_time,
                summer_time_text,
            )
        fitting = _FITTING.get(summer_time or "", "")
        if other and (is_other_sure or (fitting and not hours)):
            text = f"probably wrong{_DIFFERING}: {_hours_off_text(other)}: {seen}" + (
                f"; {fitting} fits" if fitting else ""
            )
            return ClockFinding("probably_wrong", other, text, summer_time, summer_time_text)
        if (hours == 0 or other == 0) and not hours and not other:
            return ClockFinding("fits", 0, f"fits: {seen}", summer_time, summer_time_text)
        days = max(usual.days, differing.days)
        few = (
            f"{days} whole days, fewer than {DAYS_SURE}"
            if days < DAYS_SURE
            else "no hour that is clearly the quiet one"
        )
        reason = seen or f"the file has no end of a week after a busy hour, and {few}"
        return ClockFinding("cannot_tell", None, f"cannot tell: {reason}", summer_time, summer_time_text)

    def _summer_time(self) -> tuple[Literal["new_york", "europe", "cannot_tell"] | None, str]:
        usual, differing = (self._evidence[season].server_ahead() for season in ("summer_or_winter", "differing"))
        if not (usual or differing) or any(ahead.hours not in (2, 3) for ahead in (*usual, *differing)):
            return None, ""
        if not differing:
            return "cannot_tell", (
                "cannot tell: the file has no end of a week in which only New York or only Europe has summer time, "
                f"so {NEW_YORK_CLOSE} and {EUROPEAN_SERVER} give the same times"
            )
        count = sum(weeks for ahead, weeks in differing.items() if ahead.hours == ahead.new_york_close_hours)
        if 2 * count == differing.total():
            return "cannot_tell", "cannot tell: the weeks in which New York and Europe differ contradict each other"
        if 2 * count > differing.total():
            return "new_york", f"the server changes on New York's dates, which {NEW_YORK_CLOSE} fits"
        return "europe", f"the server changes on Europe's dates, which {EUROPEAN_SERVER} fits"

    def _offsets(self, utc_ns: int, hours_late: int = 0) -> _Offsets:
        return _Offsets(
            self._clock.ahead_ns(utc_ns) // HOUR_NS + hours_late, (server_time.server_ns(utc_ns) - utc_ns) // HOUR_NS
        )

    def _season(self, utc_ns: int) -> _Evidence:
        is_same = server_time.server_ns(utc_ns) - utc_ns == self._european.ahead_ns(utc_ns)
        return self._evidence["summer_or_winter" if is_same else "differing"]

    def _add_week_end(self, last_ns: int, earlier_ns: int) -> None:
        if last_ns - earlier_ns > HOUR_NS or _is_holiday(last_ns):
            return
        after_close_ns = _time_of_week_ns(last_ns) - FRIDAY_CLOSE_MIN * MINUTE_NS
        hours = -((CLOSE_SLACK_NS - after_close_ns) // HOUR_NS)
        if abs(hours) > HOURS_OFF_MAX:
            return
        evidence = self._season(last_ns)
        evidence.week_ends[hours] += 1
        evidence.week_end_ahead[self._offsets(last_ns, hours)] += 1

    def _add_hour(self, utc_ns: int, spread: float, count: int) -> None:
        server_ns = server_time.server_ns(utc_ns)
        day, hour = server_ns // DAY_NS, server_ns % DAY_NS // HOUR_NS
        if day != self._day:
            self._end_day()
            self._is_whole_day, self._day = self._day is not None, day
        self._day_ticks[hour] += count
        self._day_spreads[hour] += spread

    def _end_day(self) -> None:
        """Add the past day to the evidence if it is whole and from Monday to Thursday."""
        if self._day is not None and self._is_whole_day and np.count_nonzero(self._day_ticks) >= DAY_HOURS_MIN:
            noon_ns = self._day * DAY_NS + DAY_NS // 2
            if server_time.weekday(noon_ns) < FRIDAY:
                evidence = self._season(noon_ns)
                evidence.days += 1
                evidence.day_ahead[self._offsets(noon_ns)] += 1
                evidence.ticks += self._day_ticks
                evidence.spreads += self._day_spreads
        self._day_ticks = np.zeros(24, np.int64)
        self._day_spreads = np.zeros(24)


_FITTING: Final[dict[str, str]] = {"new_york": NEW_YORK_CLOSE, "europe": EUROPEAN_SERVER}
_DIFFERING: Final = " in the weeks in which only New York or only Europe has summer time"


def _time_of_week_ns(utc_ns: int) -> int:
    return server_time.weekday(utc_ns) * DAY_NS + server_time.time_of_day_ns(utc_ns)


def _is_holiday(utc_ns: int) -> bool:
    day = np.datetime64(utc_ns, "ns").astype("datetime64[D]").item()
    return (day.month, day.day) >= HOLIDAYS[0] or (day.month, day.day) <= HOLIDAYS[1]


def _measured_text(evidence: _Evidence, when: str) -> str:
    parts = []
    if evidence.week_ends:
        count = evidence.week_ends.total()
        ends = ", ".join(
            f"{_clock_text(hours)} ({weeks} of {count})" for hours, weeks in evidence.week_ends.most_common(2)
        )
        parts.append(f"the week ends on Friday {ends}")
    quiet = evidence.quiet_hour()
    if quiet is not None:
        parts.append(f"the quiet hour of {evidence.days} days begins {_clock_text(quiet)}")
    return " and ".join(parts) + (when if parts else "")


def _clock_text(hours: int) -> str:
    return f"at {(CLOSE_HOUR + hours) % 24:02d}:00"


def _hours_off_text(hours: int) -> str:
    count = f"{abs(hours)} hour{'s' if abs(hours) > 1 else ''}"
    return f"times are {count} {'late' if hours > 0 else 'early'}"
