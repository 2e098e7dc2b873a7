"""Compare the status of a desk at every second with the deals in the venue's book.

This module finds two kinds of violations, for each symbol of a strategy that trades at every tick. *Silent*: no deal
opened exposure for longer than GRACE_S, and the status had no condition in that time that prevents the symbol from
trading. *False alarm*: a deal opened exposure although such a condition had been in the status for longer than GRACE_S,
and the condition is still in the status GRACE_S after the deal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proto.control import Condition, Effect, headline

GRACE_S: Final = 3.0
"""Longest time without trades that does not require a condition in the status."""

LATENESS_S: Final = 0.5
"""Greatest time after a status sample at which a deal from before the sample is read from the book."""


NOW_AND_THEN: Final = ("SIGNAL_CATCHING_UP", "SIGNAL_CRASH_LOOPING")
"""Conditions of a symbol that trades seldom; a deal does not contradict them."""


class Breach(StrEnum):
    """The kinds of violations."""

    SILENT = "silent"
    FALSE_ALARM = "false alarm"
    SURFACES = "surfaces disagree"
    NO_ALERT = "no alert"
    SLOW = "slow recovery"
    PERSON = "needed a person"
    FAULT = "the fault itself"


@dataclass(frozen=True)
class StatusSample:
    """The conditions in the status at one time, or None without a reply; `fault` is the present fault."""

    at_s: float
    conditions: tuple[Condition, ...] | None
    fault: str = ""


@dataclass(frozen=True)
class OpeningDeal:
    """A deal of the venue that opened exposure; `at_s` is the time at which it was read from the book."""

    at_s: float
    symbol: str


@dataclass(frozen=True)
class Violation:
    """One violation at one time: the status (`shown`) and the facts that contradict it (`true`)."""

    at_s: float
    breach: Breach
    fault: str
    subject: str
    shown: str
    true: str

    def __str__(self) -> str:
        """The violation in one line of text."""
        subject = f" {self.subject}" if self.subject else ""
        where = f"{self.at_s:.1f} s, {self.fault or 'no fault'}"
        return f"{where}: {self.breach}{subject}: shown {self.shown}; true: {self.true}"


def find_violations(
    samples: Sequence[StatusSample], deals: Iterable[OpeningDeal], symbols: Sequence[str]
) -> list[Violation]:
    """All violations of kinds *silent* and *false alarm*, in the order of time.

    Args:
        samples: in the order of time; the desk traded every symbol just before the first sample.
        deals: in the order of time.
        symbols: the traded symbols.
    """
    times: dict[str, list[float]] = defaultdict(list)
    for deal in deals:
        times[deal.symbol].append(deal.at_s)
    found = [*_silences(samples, times, symbols), *_false_alarms(samples, times, symbols)]
    return sorted(found, key=lambda violation: violation.at_s)


def covers(condition: Condition, symbol: str) -> bool:
    """Whether a condition prevents the symbol from opening exposure."""
    if condition.effect is Effect.SYMBOL:
        return condition.subject == symbol
    return condition.effect is not Effect.NONE


def shown_as(conditions: Iterable[Condition] | None) -> str:
    """The headline and the conditions of a status in one line; `no answer` for None."""
    if conditions is None:
        return "no answer"
    listed = list(conditions)
    codes = [f"{one.code} {one.subject}".strip() for one in listed]
    return " ".join([headline(listed, ()), f"({', '.join(codes)})" if codes else ""]).strip()


def _silences(
    samples: Sequence[StatusSample], times: dict[str, list[float]], symbols: Sequence[str]
) -> Iterable[Violation]:
    first_s = samples[0].at_s if samples else 0.0
    covered_s = dict.fromkeys(symbols, first_s)
    for sample in samples:
        for symbol in symbols:
            if sample.conditions is None or any(covers(one, symbol) for one in sample.conditions):
                covered_s[symbol] = sample.at_s
                continue
            # A deal that was read shortly after this sample may have been made before it.
            latest_s = _latest(times[symbol], sample.at_s + LATENESS_S, first_s)
            idle_s = sample.at_s - max(latest_s, covered_s[symbol])
            if idle_s > GRACE_S:
                true = f"no deal opened exposure for {sample.at_s - latest_s:.1f} s"
                yield Violation(sample.at_s, Breach.SILENT, sample.fault, symbol, shown_as(sample.conditions), true)


def _false_alarms(
    samples: Sequence[StatusSample], times: dict[str, list[float]], symbols: Sequence[str]
) -> Iterable[Violation]:
    since_s: dict[tuple[str, str, str], float] = {}
    for sample in samples:
        shown = {
            _key(one): one
            for one in sample.conditions or ()
            if one.effect is not Effect.NONE and one.code not in NOW_AND_THEN
        }
        since_s = {key: since_s.get(key, sample.at_s) for key in shown}
        for key, one in shown.items():
            for symbol in symbols:
                if not covers(one, symbol):
                    continue
                # An order in flight at the beginning of the condition may be executed shortly afterwards.
                place = bisect_right(times[symbol], since_s[key] + GRACE_S + LATENESS_S)
                if place < len(times[symbol]) and sample.at_s - times[symbol][place] > GRACE_S:
                    after_s, ago_s = times[symbol][place] - since_s[key], sample.at_s - times[symbol][place]
                    true = f"a deal opened exposure {after_s:.1f} s after {one.code} was first shown, {ago_s:.1f} s ago"
                    yield Violation(
                        sample.at_s, Breach.FALSE_ALARM, sample.fault, symbol, shown_as(sample.conditions), true
                    )


def _key(condition: Condition) -> tuple[str, str, str]:
    """The identity of a condition over time; for a symbol it includes the text, which may name another order."""
    return condition.code, condition.subject, condition.text if condition.effect is Effect.SYMBOL else ""


def _latest(times: list[float], at_s: float, default_s: float) -> float:
    place = bisect_right(times, at_s)
    return max(times[place - 1], default_s) if place else default_s
