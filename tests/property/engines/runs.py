"""Running a case in an engine, and all that the run left: ledger, commits, report, venue, and an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from common.errors import StartError
from research import backtest, event_backtest
from research.in_process_desk import InProcessDesk
from research.report import report_of
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event
from services.portfolio.core.state.persisted import PersistedState, row_of
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, open_ledger
from services.signal.core.strategy_fault import StrategyError
from tests.property.engines.cases import Case

Engine = Callable[..., InProcessDesk]

TICKS: Final[Engine] = backtest.Backtest
EVENTS: Final[Engine] = event_backtest.EventBacktest


class StoppedError(Exception):
    """The run ends at a commit, as if the process had been killed."""


class Commit(NamedTuple):
    """Tick of a commit, number of events in the ledger after it, and the stored state."""

    ordinal: int
    events: int
    state: bytes


class WatchedLedger(Ledger):
    """A ledger that keeps what each commit stored, and may end the run after one of them."""

    commits: list[Commit]
    stop_after: int = 0
    """Commit that ends the run; 0 for none."""

    def commit(self, events: list[Event], book: Book, state: PersistedState) -> None:
        """Commit, and keep a copy."""
        super().commit(events, book, state)
        self.commits.append(Commit(state.cursor.ordinal, self.event_count, msgspec.msgpack.encode(row_of(state))))
        if self.stop_after and len(self.commits) == self.stop_after:
            raise StoppedError


@dataclass
class Outcome:
    """All that a run left."""

    tables: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    """Rows of every table of the ledger."""
    commits: list[Commit] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    venue: str = ""
    """Hash of the venue's book, from its stored changes."""
    state: str = ""
    """State of the desk at the end, and why."""
    error: str = ""
    """Error of the strategy, or of the start."""
    visits: int = 0
    """Ticks that the last engine processed one by one, if it passes over others."""


@dataclass(frozen=True)
class Run:
    """A run in a folder. With two engines, the first ends after its commit `stop_after`, and the second continues."""

    engines: tuple[Engine, ...]
    folder: Path
    stop_after: int = 0


def outcome_of(case: Case, run: Run) -> Outcome:
    """Run a case to its end, and collect all that it left."""
    run.folder.mkdir()
    spec = case.spec(run.folder)
    outcome, store, journal = Outcome(), MemoryBookStore(), MemoryJournal("engines")
    with pytest.MonkeyPatch.context() as patch:
        for module in (backtest, event_backtest):
            patch.setattr(module, "COMMIT_EVERY_TICKS", case.commit_every_ticks)
        for number, engine in enumerate(run.engines, 1):
            ends_early = number < len(run.engines)
            with closing(WatchedLedger(run.folder / LEDGER_FILE_NAME)) as ledger:
                ledger.commits, ledger.stop_after = outcome.commits, run.stop_after if ends_early else 0
                if not _play(outcome, partial(engine, spec, case.stream(), ledger, journal, store)):
                    break
    outcome.venue = store.load().state_hash()
    outcome.tables = _tables(run.folder / LEDGER_FILE_NAME)
    if not outcome.error:
        outcome.report = report_of(run.folder, spec, mode="backtest")
    return outcome


def _play(outcome: Outcome, new_desk: Callable[[], InProcessDesk]) -> bool:
    """Run a desk; whether it ended early."""
    try:
        desk = new_desk()
        desk.run()
        outcome.visits = getattr(desk, "visits", 0)
    except (StrategyError, StartError) as error:
        outcome.error = f"{type(error).__name__}: {error}"
    except StoppedError:
        return True
    else:
        outcome.state = f"{desk.state.stream.desk_state}: {desk.state.stream.waiting_for}"
    return False


def _tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    if not path.exists():
        return {}
    with closing(open_ledger(path)) as db:
        names = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {name: [tuple(row) for row in db.execute(f"SELECT * FROM {name} ORDER BY 1, 2")] for name in names}


# ---------------------------------------------------------------------------------------------------------- comparison


def difference(expected: Outcome, found: Outcome) -> str:
    """The first difference between two outcomes as a text; empty if every byte is equal."""
    for name in ("error", "state", "venue"):
        if getattr(expected, name) != getattr(found, name):
            return f"{name}: expected {getattr(expected, name)}, found {getattr(found, name)}"
    if expected.tables.keys() != found.tables.keys():
        return f"tables: expected {sorted(expected.tables)}, found {sorted(found.tables)}"
    # The events come first, because most other differences follow from theirs.
    for name in sorted(expected.tables, key=lambda name: name != "events"):
        if found.tables[name] != expected.tables[name]:
            return f"table {name}, {_first(expected.tables[name], found.tables[name])}"
    # The end of the stream may be part of the commit of the last tick, or have its own.
    commits = [list({commit.ordinal: commit for commit in outcome.commits}.values()) for outcome in (expected, found)]
    if commits[0] != commits[1]:
        return f"commits, {_first(*commits)}"
    if expected.report != found.report:
        keys = [key for key in expected.report if expected.report[key] != found.report.get(key)]
        return f"report: {[(key, expected.report[key], found.report.get(key)) for key in keys]}"
    return ""


def _first(expected: Sequence[tuple[object, ...]], found: Sequence[tuple[object, ...]]) -> str:
    for number, (one, other) in enumerate(zip(expected, found, strict=False)):
        if one != other:
            return f"row {number}:\nexpected {_shown(one)}\nfound    {_shown(other)}"
    longer = expected if len(expected) > len(found) else found
    extra = _shown(longer[min(len(expected), len(found))])
    return f"{len(expected)} rows expected, {len(found)} found, the first without a partner is\n{extra}"


def _shown(row: tuple[object, ...]) -> str:
    return " | ".join(_text(value) for value in row if not (isinstance(value, bytes) and len(value) == 32))


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        try:
            return json.dumps(decode(value), default=str)
        except (msgspec.DecodeError, ValueError):
            continue
    return value.hex()
