"""A case in both engines: what the run reached, and the first difference between the two, if there is one."""

from __future__ import annotations

import tempfile
import traceback
from pathlib import Path
from typing import Final, NamedTuple

from tests.property.engines.cases import Case
from tests.property.engines.reach import reached
from tests.property.engines.runs import EVENTS, TICKS, Run, difference, outcome_of

MEMORY: Final = Path("/dev/shm")
"""Folder in memory. Most of a short run on a disk is waiting for the disk."""


COMMITS: Final = 6
"""A run that is to end early ends after one of so many first commits."""


class Comparison(NamedTuple):
    """The first difference as a text, empty without one, and what happened in the run."""

    difference: str
    reached: frozenset[str]


def compare(case: Case, *, variant: int = 0) -> Comparison:
    """Run a case tick by tick and by events.

    Two of four variants end both runs at one of the first commits. The other engine continues the run by events, or the
    run by events continues that of the other engine.

    Raises:
        Exception: the run tick by tick fails, so that the case is none.
    """
    stop_after = 1 + variant // 4 % COMMITS
    expected_engines, engines = {
        2: ((TICKS, TICKS), (EVENTS, TICKS)),
        3: ((TICKS, TICKS), (TICKS, EVENTS)),
    }.get(variant % 4, ((TICKS,), (EVENTS,)))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        expected = outcome_of(case, Run(expected_engines, folder / "ticks", stop_after))
        try:
            found = outcome_of(case, Run(engines, folder / "events", stop_after))
        except Exception:  # any error of the second engine is a difference
            return Comparison(traceback.format_exc(limit=-8), frozenset())
    return Comparison(difference(expected, found), frozenset(reached(case, expected)))
