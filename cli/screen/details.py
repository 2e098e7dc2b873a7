"""What the pages show beyond the status: the reading of each page, with its time and its problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.open_alerts import AlertsReading
from orchestration.process_states import ProcessesReading
from proto.control.views import OrderRow, PositionRow, RiskRow


@dataclass(frozen=True, kw_only=True)
class EventLine:
    """An event of the ledger: its number, venue time in nanoseconds (0 for none), symbol and text."""

    number: int
    time_ns: int
    symbol: str
    text: str


class Beat(NamedTuple):
    """A process's heartbeat: whether the process has started and not ended, and the age of its last beat in seconds."""

    is_running: bool
    age_s: float


@dataclass(frozen=True, kw_only=True)
class DeskDetails:
    """The latest readings; `None` before the first one of a kind.

    `read_s` is the monotonic time in seconds of the last answer to the page's queries, `problem` the reason why a later
    one failed, empty if none did. `totals` has the number of all rows by kind, `limits` the name of the set of limits.
    `beats` are the heartbeats by process. `desk_problem` is the reason why the desk's address cannot be known, else it
    is empty.
    """

    positions: Sequence[PositionRow] | None = None
    open_orders: Sequence[OrderRow] | None = None
    risk: Sequence[RiskRow] | None = None
    limits: str = ""
    events: Sequence[EventLine] | None = None
    processes: ProcessesReading | None = None
    beats: Mapping[str, Beat] = field(default_factory=dict)
    alerts: AlertsReading | None = None
    totals: Mapping[str, int] = field(default_factory=dict)
    read_s: float = 0.0
    problem: str = ""
    desk_problem: str = ""
