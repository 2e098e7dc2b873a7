"""A case in both engines: what the run reached, and the first difference between the two, if there is one."""

from __future__ import annotations

import random
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.property.engines.cases import Case
from tests.property.engines.reach import reached
from tests.property.engines.runs import EVENTS, TICKS, Engine, Run, difference, outcome_of

MEMORY: Final = Path("/dev/shm")
"""Folder in memory. Most of a short run on a disk is waiting for the disk."""


COMMITS: Final = 6
"""A run that is to end early ends after one of so many first commits."""


class Comparison(NamedTuple):
    """The first difference as a text, empty without one; what happened in the run; and the ticks passed over."""

    difference: str
    reached: frozenset[str]
    passed: int


def compare(case: Case, *, variant: int = 0) -> Comparison:
    """Run a case tick by tick and by events.

    One of four variants forces the engine by events to process random ticks. Two of four end both runs at one of the
    first commits; the other engine continues the run by events, or the run by events continues that of the other.

    Raises:
        Exception: the run tick by tick fails, so that the case is none.
    """
    stop_after = 1 + variant // 4 % COMMITS
    dice = random.Random(variant)
    last = case.stream().last_ordinal
    visits = sorted(dice.sample(range(1, last + 1), dice.randrange(last)))
    expected_engines: tuple[Engine, ...] = (TICKS, TICKS)
    engines: tuple[Engine, ...]
    match variant % 4:
        case 0:
            expected_engines, engines = (TICKS,), (EVENTS,)
        case 1:
            expected_engines, engines = (TICKS,), (partial(EVENTS, extra_visits=visits),)
        case 2:
            engines = (EVENTS, TICKS)
        case _:
            engines = (TICKS, EVENTS)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        expected = outcome_of(case, Run(expected_engines, folder / "ticks", stop_after))
        try:
            found = outcome_of(case, Run(engines, folder / "events", stop_after))
        except Exception:  # any error of the second engine is a difference
            return Comparison(traceback.format_exc(limit=-8), frozenset(), 0)
    passed = last - found.visits if found.visits else 0
    return Comparison(difference(expected, found), frozenset(reached(case, expected)), passed)
