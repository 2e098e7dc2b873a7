"""Kill notify at random moments while events flow, and check what arrived at its targets.

The run writes events to a real ledger and records to a real alert log, and lets a real notify process send them to a
webhook and a mail server that fail at random. At the end each event must have arrived at each target. A message may
have arrived more than once: after a lost answer, and once for each kill and target, with the same key and text.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
from msgspec import Struct

from common.clock import wall_ns
from common.errors import StartError
from common.project_root import PROJECT_ROOT
from orchestration.environment import desk_environment
from proto.alert_record import PROCESS_ALERTS, AlertPhase, AlertRecord
from proto.control import CONDITION_KINDS, StateCause, TradingState
from services.notify.store import open_notify
from services.portfolio.core.account.events import Event, OrderDenied, TradingStateChanged
from services.portfolio.core.account.orders import Cause
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.watchdog.alert_log import AlertLog
from verification.chaos.alert_servers import LOST, AlertServer, Behaviour, Receipt, start_mail_server, start_webhook

EVENT_PAUSE_S: Final = (0.05, 0.3)
"""Shortest and longest pause between two events."""

KILL_AFTER_S: Final = 0.5
"""Longest time from the first message of a process to its kill."""

EARLY_KILLS: Final = 0.2
"""Share of the kills at a random moment of the start."""

START_S_MAX: Final = 20.0
"""Time within which a process must send a message or be ready."""

EARLY_S: Final = 1.0
"""Time after the start of a process within which an early kill happens."""

ARRIVAL_S_MAX: Final = 120.0
"""Time within which everything must have arrived after the last kill."""

PAUSE_S: Final = 0.01

CONDITIONS: Final = ("FEED_STALE", "GATEWAY_SILENT", "STORAGE", "MARGIN_CALL")

RULES: Final = """
desk = "chaos"
[targets.hook]
url_env = "NOTIFY_URL_HOOK"
[targets.mail]
url_env = "NOTIFY_URL_MAIL"
[[rules]]
name = "at-once"
events = ["DENIAL", "TRADING_STATE", "PROCESS_LOST", "FEED_STALE", "GATEWAY_SILENT", "STORAGE", "MARGIN_CALL"]
targets = ["hook"]
group_s = 0
rate_max = 1000
rate_s = 1
[[rules]]
name = "grouped"
events = ["DENIAL", "TRADING_STATE", "PROCESS_LOST", "FEED_STALE", "GATEWAY_SILENT", "STORAGE", "MARGIN_CALL"]
targets = ["mail"]
group_s = 1
rate_max = 1000
rate_s = 1
"""


class TargetResult(Struct, frozen=True, kw_only=True):
    """What arrived at one target.

    `messages` is the number of different keys and `receipts` that of complete messages. `lost_answers` are receipts
    whose answer the server lost, and `repeated_by_kills` those that were repeated although they had been answered.
    `failures` counts the failures of the server.
    """

    target: str
    messages: int
    receipts: int
    lost_answers: int
    repeated_by_kills: int
    failures: int


class AlertKillsResult(Struct, frozen=True, kw_only=True):
    """The result of a run; `wrong` has a text for each event that was lost and each repeat that must not be."""

    seed: int
    kills: int
    early_kills: int
    events: int
    targets: list[TargetResult]
    wrong: list[str]


class _Desk:
    """The files of a desk, to which events and records are written; each has a text that no other one has."""

    def __init__(self, data_dir: Path, draw: random.Random) -> None:
        self._draw = draw
        self._ledger = Ledger(data_dir / LEDGER_FILE_NAME)
        self._book, self._state = self._ledger.load()
        self._log = AlertLog(data_dir)
        self._log.open()
        self._lasting: dict[str, str] = {}
        self.markers: list[str] = []
        """Texts that must arrive."""
        self.ended: list[str] = []
        """Texts of conditions whose end must arrive, too."""

    def close(self) -> None:
        self._ledger.close()
        self._log.close()

    def happen(self) -> None:
        """Write one to three events, some of them in one commit."""
        match self._draw.randrange(5):
            case 0:
                self._record(AlertPhase.MOMENT, "PROCESS_LOST", self._marker())
            case 1 | 2:
                self._change_condition()
            case _:
                self._commit([self._event() for _ in range(self._draw.randint(1, 3))])

    def end_conditions(self) -> None:
        """End every condition that lasts."""
        for code in list(self._lasting):
            self._end(code)

    def _marker(self) -> str:
        marker = f"marker-{len(self.markers) + 1:06}."
        self.markers.append(marker)
        return marker

    def _event(self) -> Event:
        marker = self._marker()
        now_ns = wall_ns()
        if self._draw.random() < 0.2:
            cause = StateCause("PERSON", "person", marker)
            return TradingStateChanged(
                state=TradingState.HALTED, reason=marker, by="person", time_ns=now_ns, causes=[cause]
            )
        return OrderDenied(  # of a person's command, because repeated denials of signals are one alert
            symbol="EURUSD",
            direction=1,
            ordinal=0,
            time_ns=now_ns,
            code="SPREAD",
            limit="2 points",
            observed=marker,
            cause=Cause.MANUAL,
        )

    def _commit(self, events: list[Event]) -> None:
        for event in events:
            self._book.apply(event)
        self._ledger.commit(events, self._book, self._state)

    def _change_condition(self) -> None:
        code = self._draw.choice(CONDITIONS)
        if code in self._lasting:
            self._end(code)
        else:
            self._lasting[code] = self._marker()
            self._record(AlertPhase.BEGAN, code, self._lasting[code])

    def _end(self, code: str) -> None:
        marker = self._lasting.pop(code)
        self.ended.append(marker)
        self._record(AlertPhase.ENDED, code, marker)

    def _record(self, phase: AlertPhase, code: str, text: str) -> None:
        severity = PROCESS_ALERTS[code] if code in PROCESS_ALERTS else CONDITION_KINDS[code].severity
        subject = "signal" if code in PROCESS_ALERTS else ""
        record = AlertRecord(
            time_ns=wall_ns(), phase=phase, code=code, subject=subject, severity=severity, text=f"{code}: {text}"
        )
        self._log.write([record])


class _Notify:
    """The notify process, which is killed and started again."""

    def __init__(self, data_dir: Path, runtime: Path, settings: dict[str, str]) -> None:
        self._environment = desk_environment(os.environ, settings, runtime=runtime, data_dir=data_dir)
        self._log = data_dir / "notify.log"
        self._process = self._started()

    def require_alive(self) -> None:
        if self._process.poll() is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise StartError(f"notify ended with exit code {self._process.returncode}: {''.join(lines)}")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def start(self) -> None:
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "services.notify"],
                env=self._environment,
                cwd=PROJECT_ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )


def run_alert_kills(
    data_dir: Path, *, kills: int, seed: int, on_progress: Callable[[str], None] = lambda _: None
) -> AlertKillsResult:
    """Kill notify at random moments, let everything arrive, and check it.

    Args:
        data_dir: an empty or new folder for the files of the desk.
        kills: number of kills.
        seed: seed of events, kills and failures; their times depend on the machine.
        on_progress: called with a line of text after each kill.

    Raises:
        StartError: notify does not start, or ended by itself.
    """
    draw = random.Random(seed)  # noqa: S311 - faults, no secrets
    data_dir.mkdir(parents=True, exist_ok=True)
    rules = data_dir / "notify.toml"
    rules.write_text(RULES, encoding="utf-8")
    ending = threading.Event()
    servers = [start_webhook(seed + 1, ending), start_mail_server(seed + 2, ending)]
    hook, mail = servers
    timeouts = "cto=1&rto=1"
    settings = {
        "NOTIFY_FILE": str(rules),
        "NOTIFY_URL_HOOK": f"json://127.0.0.1:{hook.port}/?{timeouts}",
        "NOTIFY_URL_MAIL": f"mailto://127.0.0.1:{mail.port}/?from=desk@desk.test&to=joe@desk.test&{timeouts}",
    }
    early = 0
    with tempfile.TemporaryDirectory(prefix="pd-") as runtime, closing(_Desk(data_dir, draw)) as desk:
        notify = _Notify(data_dir, Path(runtime), settings)
        try:
            _wait_until_it_follows(notify, data_dir)
            for number in range(1, kills + 1):
                is_early = draw.random() < EARLY_KILLS
                early += is_early
                _live(desk, notify, servers, draw, is_early=is_early)
                for server in servers:
                    server.incarnation = number
                notify.kill()
                notify.start()
                on_progress(f"{number} of {kills} kills, {len(desk.markers)} events")
            for server in servers:
                server.fails = False
            desk.end_conditions()
            _wait_for_arrival(desk, notify, servers)
        finally:
            notify.kill()
            ending.set()
            for server in servers:
                server.close()
        wrong = [text for server in servers for text in _faults(server, desk)]
        return AlertKillsResult(
            seed=seed,
            kills=kills,
            early_kills=early,
            events=len(desk.markers) + len(desk.ended),
            targets=[_result(server) for server in servers],
            wrong=wrong,
        )


def _wait_until_it_follows(notify: _Notify, data_dir: Path) -> None:
    """Wait until notify has stored its first place in ledger and alert log, because it sends no older events."""
    deadline_s = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline_s:
        notify.require_alive()
        try:
            with closing(open_notify(data_dir)) as db:
                if len(db.execute("SELECT name FROM kept WHERE name IN ('ledger', 'watchdog')").fetchall()) == 2:
                    return
        except (StartError, apsw.Error):
            pass  # the file does not exist yet
        time.sleep(PAUSE_S)
    raise StartError(f"notify did not begin to follow within {START_S_MAX:g} s, expected it to; see notify.log")


def _live(desk: _Desk, notify: _Notify, servers: list[AlertServer], draw: random.Random, *, is_early: bool) -> None:
    """Let events happen until the moment of the next kill."""
    started_s = time.monotonic()
    received = sum(len(server.receipts) for server in servers)
    kill_s = started_s + draw.uniform(0, EARLY_S) if is_early else None
    next_event_s = started_s
    while True:
        now_s = time.monotonic()
        if kill_s is None and sum(len(server.receipts) for server in servers) > received:
            kill_s = now_s + draw.uniform(0, KILL_AFTER_S)
        if kill_s is not None and now_s >= kill_s:
            return
        notify.require_alive()
        if now_s - started_s > START_S_MAX:
            raise StartError(f"notify sent nothing for {START_S_MAX:g} s, expected messages; see notify.log")
        if now_s >= next_event_s:
            desk.happen()
            next_event_s = now_s + draw.uniform(*EVENT_PAUSE_S)
        time.sleep(PAUSE_S)


def _wait_for_arrival(desk: _Desk, notify: _Notify, servers: list[AlertServer]) -> None:
    """Wait until every event has arrived, or the time is over, and then for further repeats."""
    deadline_s = time.monotonic() + ARRIVAL_S_MAX
    while time.monotonic() < deadline_s and any(_missing(server, desk) for server in servers):
        notify.require_alive()
        time.sleep(0.2)
    time.sleep(2.0)


def _missing(server: AlertServer, desk: _Desk) -> list[str]:
    """The events that have not arrived at a server."""
    texts = [receipt.text for receipt in list(server.receipts)]
    everything = "\n".join(texts)
    ends = "\n".join(text for text in texts if "ended at" in text)
    found = [f"{server.name}: {marker} did not arrive" for marker in desk.markers if marker not in everything]
    return found + [f"{server.name}: the end of {marker} did not arrive" for marker in desk.ended if marker not in ends]


def _faults(server: AlertServer, desk: _Desk) -> list[str]:
    """What is wrong at a server: missing events, and repeats that no kill and no lost answer explains."""
    faults = _missing(server, desk)
    for key, receipts in _by_key(server).items():
        if not key:
            faults.append(f"{server.name}: {len(receipts)} messages without a key")
        if len({receipt.text for receipt in receipts}) > 1:
            faults.append(f"{server.name}: the messages with key {key} differ")
    by_incarnation: dict[int, int] = defaultdict(int)
    for receipt in _repeated_although_answered(server):
        by_incarnation[receipt.incarnation] += 1
    for incarnation, count in sorted(by_incarnation.items()):
        if count > 1:
            faults.append(f"{server.name}: {count} answered messages were repeated after kill {incarnation + 1}")
    return faults


def _repeated_although_answered(server: AlertServer) -> list[Receipt]:
    """The receipts whose message was answered with success and came again."""
    return [one for receipts in _by_key(server).values() for one in receipts[:-1] if one.was_answered]


def _by_key(server: AlertServer) -> dict[str, list[Receipt]]:
    found: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in server.receipts:
        found[receipt.key].append(receipt)
    return found


def _result(server: AlertServer) -> TargetResult:
    return TargetResult(
        target=server.name,
        messages=len(_by_key(server)),
        receipts=len(server.receipts),
        lost_answers=sum(server.counts[one] for one in LOST),
        repeated_by_kills=len(_repeated_although_answered(server)),
        failures=sum(count for one, count in server.counts.items() if one is not Behaviour.ACCEPT),
    )
