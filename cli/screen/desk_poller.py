"""Queries of a desk that another process runs, in a thread, so that a silent desk never blocks the keys.

The thread polls portfolio's status and what the chosen page shows twice a second, and supervisord once a second. Each
reading replaces the one before; a part that does not answer keeps its last reading, with its age.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from cli.open_alerts import read_desk_alerts
from cli.running_desks import page_url_of
from cli.screen.controls import PageName
from cli.screen.details import Beat, DeskDetails
from cli.screen.ledger_tail import LedgerTail
from common import heartbeat
from common.control_client import ControlClient
from common.errors import StartError
from orchestration.address_files import is_listening
from orchestration.desk_view import DeskRunSpec, DeskView
from orchestration.process_states import ProcessesReading, read_processes, runtime_folder
from proto.control import ControlReply, ControlRequest, OrdersQuery, PositionsQuery, RiskQuery, StatusQuery, StatusReply
from proto.control.views import PAGE_ROWS_MAX, OrdersReply, PositionsReply, RiskReply
from proto.time import SECOND_NS

POLL_EVERY_S: Final = 0.5
PROCESSES_EVERY_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = 0.4
"""Wait for a reply; a later one is dropped, and the next poll asks again."""

SUPERVISOR_TIMEOUT_S: Final = 0.3

R = TypeVar("R", bound=ControlReply)


@dataclass(frozen=True, kw_only=True)
class WatchedDesk:
    """The desk to poll.

    `find_url` returns portfolio's control socket, None while it is unknown; it is called again while the desk is
    silent, because a new start of a private desk has another address. `data_dir` is None if it is unknown.
    """

    find_url: Callable[[], str | None]
    data_dir: Path | None


class DeskPoller(threading.Thread):
    """Polls a desk until `stop`."""

    def __init__(
        self,
        desk: WatchedDesk,
        *,
        page: Callable[[], PageName],
        on_details: Callable[[DeskDetails], None],
        on_view: Callable[[DeskView], None] | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Prepare the thread.

        Args:
            desk: the desk.
            page: returns the page whose readings are wanted.
            on_details: called with new readings for the pages.
            on_view: called with the state of the desk; None if another thread polls the status.
            on_error: called with the error that ends the thread; None to raise it, for a call of `run` in this thread.
        """
        super().__init__(name="desk-poller", daemon=True)
        self.url: str | None = None
        """Portfolio's control socket at the last poll."""
        self._desk = desk
        self._page = page
        self._on_details = on_details
        self._on_view = on_view
        self._on_error = on_error
        self._has_ended = threading.Event()
        self._hurry = threading.Event()
        self._client: ControlClient | None = None
        self._status: StatusReply | None = None
        self._answered_s = time.monotonic()
        self._is_silent = True
        self._processes = ProcessesReading(problem="not read yet")
        self._processes_s = 0.0
        self._supervisor_answered_s = time.monotonic()
        self._details = DeskDetails()
        self._tail = None if desk.data_dir is None else LedgerTail(desk.data_dir)
        self._ages = heartbeat.BeatAges()

    def hurry(self) -> None:
        """Poll at once, because another page was chosen or a command was sent."""
        self._hurry.set()

    def stop(self) -> None:
        """End the thread, and wait for it."""
        self._has_ended.set()
        self._hurry.set()
        self.join()

    def run(self) -> None:
        """Poll until `stop`."""
        try:
            while not self._has_ended.is_set():
                begin_s = time.monotonic()
                self.poll()
                self._hurry.wait(max(0.0, begin_s + POLL_EVERY_S - time.monotonic()))
                self._hurry.clear()
        except BaseException as error:  # raised again in the thread that draws
            if self._on_error is None:
                raise
            self._on_error(error)
        finally:
            self._connect(None)

    def poll(self) -> None:
        """One round of queries; called by the thread, and by a screen without keys."""
        if self._is_silent or self.url is None:
            self._find()
        if time.monotonic() - self._processes_s >= PROCESSES_EVERY_S:
            self._processes_s = time.monotonic()
            self._processes = read_processes(self.url, timeout_s=SUPERVISOR_TIMEOUT_S)
            if self._processes.states:
                self._supervisor_answered_s = time.monotonic()
        if self._on_view is not None:
            self._poll_status()
            self._on_view(self._view())
        self._poll_details()
        self._on_details(self._details)

    def _find(self) -> None:
        """Connect to the desk's present address; while it cannot be known, the former address is kept."""
        try:
            url, problem = self._desk.find_url(), ""
        except StartError as error:  # such as a second desk that has started
            url, problem = self.url, str(error)
        self._details = replace(self._details, desk_problem=problem)
        self._connect(url)

    def _connect(self, url: str | None) -> None:
        if url == self.url and self._client is not None:
            return
        if self._client is not None:
            self._client.__exit__(None, None, None)
        self.url, self._client = url, None if url is None else ControlClient(url)

    def _ask(self, request: ControlRequest, expected: type[R]) -> R | None:
        """The reply; None without one, or if nothing listens.

        Raises:
            StartError: portfolio refuses the request, or is of another version.
        """
        if self._client is None or self.url is None or not is_listening(self.url):
            return None
        return self._client.request(request, expected, timeout_s=ANSWER_TIMEOUT_S)

    def _poll_status(self) -> None:
        try:
            status = self._ask(StatusQuery(), StatusReply)
        except StartError as error:
            status = None
            self._details = replace(self._details, problem=str(error))
        self._is_silent = status is None
        if status is not None:
            self._status, self._answered_s = status, time.monotonic()
            self._details = replace(self._details, desk_problem="")

    def _view(self) -> DeskView:
        now_s, status, states = time.monotonic(), self._status, self._processes.states
        folder = self._desk.data_dir
        page = None if folder is None or not folder.is_dir() else page_url_of(folder)
        web, portfolio = states.get("web"), states.get("portfolio")
        is_listened_to = self.url is not None and is_listening(self.url)
        return DeskView(
            plan=DeskRunSpec(
                data_dir=folder or Path(),
                settings={},
                market="",
                strategy="",
                symbols=() if status is None else tuple(status.symbols),
                page_url=page or "",
            ),
            up_s=0.0 if portfolio is None else portfolio.up_s,
            status=status,
            silent_s=0.0 if not self._is_silent else now_s - self._answered_s,
            processes=self._processes.trading,
            before=None,
            web=None if web is None or web.is_elsewhere else web,
            is_page_up=page is not None and web is not None and web.state == "RUNNING",
            is_own=False,
            is_gone=not is_listened_to and not states,
        )

    # --------------------------------------------------------------------------------------------- details of the page

    def _poll_details(self) -> None:
        try:
            found = self._read_page()
        except StartError as error:
            self._details = replace(self._details, problem=str(error))
            return
        if found is None:
            self._details = replace(self._details, problem="portfolio does not answer")
        else:
            self._details = replace(found, read_s=time.monotonic(), problem="")

    def _read_page(self) -> DeskDetails | None:
        """The details with new readings of the chosen page; None without an answer."""
        before = self._details
        match self._page():
            case PageName.POSITIONS:
                positions = self._ask(PositionsQuery(after=0, limit=PAGE_ROWS_MAX), PositionsReply)
                query = OrdersQuery(after=0, limit=PAGE_ROWS_MAX, open_only=True, newest=False)
                orders = None if positions is None else self._ask(query, OrdersReply)
                if positions is None or orders is None:
                    return None
                totals = {"open_orders": orders.total, "positions": positions.total}
                return replace(before, positions=positions.rows, open_orders=orders.rows, totals=totals)
            case PageName.RISK:
                risk = self._ask(RiskQuery(after=0, limit=PAGE_ROWS_MAX), RiskReply)
                return None if risk is None else replace(before, risk=risk.rows, limits=risk.limits)
            case PageName.EVENTS if self._tail is not None:
                return replace(before, events=self._tail.read())
            case PageName.PROCESSES:
                return replace(before, processes=self._processes, beats=self._read_beats())
            case PageName.ALERTS:
                return replace(before, alerts=read_desk_alerts(self._desk.data_dir, open_only=False))
            case _:
                return before

    def _read_beats(self) -> dict[str, Beat]:
        """The heartbeat of each process; its age is the time since it was first read with its number."""
        runtime = runtime_folder(self.url)
        if runtime is None:
            return {}
        now_ns = time.monotonic_ns()
        beats = {}
        for name in self._processes.states:
            beat = heartbeat.read(runtime, name)
            if beat is None:
                continue
            age_s = self._ages.age_ns(name, beat, now_ns) / SECOND_NS
            beats[name] = Beat(beat.phase is heartbeat.Phase.RUNNING, age_s)
        return beats
