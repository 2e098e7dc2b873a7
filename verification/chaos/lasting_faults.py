"""Faults with a duration: each is injected into a running desk, kept for some seconds and undone."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from common.storage import DATABASE_SUFFIXES
from orchestration.supervisor import DeskSupervisor
from proto.codec import decode_reply
from proto.gateway import Hello, HelloReply, Lease
from verification.chaos.faults import (
    PROCESSES,
    FaultInjector,
    limit_file_size,
    restore_file_size,
    send_signal,
    write_whole,
)
from verification.chaos.faulty_strategy import MISBEHAVIOURS, OVER_BY_THEMSELVES
from verification.chaos.zmtp_flood import send_pings_and_reset

RECOVERY_S: Final = 5.0
RECOVERY_OF_DOUBT_S: Final = 25.0
"""After the loss of the journal, orders are in doubt for two minutes of market time: 15 s at eightfold speed."""

HOLD_S: Final = 6.0
"""Duration of a fault: twice `GRACE_S` of verification/chaos/status_truth.py."""

PAUSE_S: Final = 2.0
"""Duration of a hang that is too short for the watchdog."""

HANG_MAX_S: Final = 15.0
CLOCK_STEP_NS: Final = 7_000_000_000
FLOOD_PINGS: Final = 2_000
"""Number of PINGs on one connection: twice as many as a socket queues before it stops reading."""

FLOOD_CONNECTIONS: Final = 20
SECOND_OWNER_S: Final = 25.0
"""Time for a second process to end; it waits 15 s for the lock of the first process before it gives up."""

EPOCH_OF_WIRE_MAX: Final = 2**53 - 1
EXIT_REFUSED: Final = 2
COMMAND_S: Final = 20.0
BURST_PACE: Final = "live:2000"
"""Pace of a burst: about 20,000 ticks a second with four symbols in the busy hours of the generated market."""

BURST_TICKS: Final = 20_000
BURST_MAX_S: Final = 30.0
TRADE_MAX_S: Final = 45.0
_POLL_S: Final = 0.05


class FaultFailedError(Exception):
    """A fault could not be injected or undone as planned: a command failed, or the watchdog did not end a hang."""


@dataclass(frozen=True)
class LastingFault:
    """One fault.

    `play` injects the fault and undoes it. The fault may restrict the trading state with the codes in `causes`. A
    person must then resume the desk. Every symbol must trade again within `recovery_s` after the end of the fault or
    the resume.
    """

    name: str
    play: Callable[[], None]
    causes: frozenset[str] = frozenset()
    recovery_s: float = RECOVERY_S


@dataclass
class LastingFaults:
    """The faults that can be injected into one desk; `catalogue` lists them."""

    desk: DeskSupervisor
    data_dir: Path
    environment: Mapping[str, str]
    faults: FaultInjector
    clock: Path
    strategy: Path
    taken_orders: set[str] = field(default_factory=set)
    """Orders that the ledger lost when it was replaced by an older copy; only the venue has them."""

    def catalogue(self) -> list[LastingFault]:
        """All faults, each with its name."""
        return [
            *self._of_processes(),
            *self._of_strategies(),
            *self._of_people(),
            *self._of_files(),
            *self._of_clocks(),
        ]

    def _of_processes(self) -> Iterator[LastingFault]:
        for name in PROCESSES:
            yield LastingFault(f"kill {name}", partial(self._kill, name))
            yield LastingFault(f"hang {name}", partial(self._hang, name))
            yield LastingFault(f"pause {name}", partial(self._pause, name))
        yield LastingFault("kill supervisord", self._kill_supervisord)
        yield LastingFault("stop signal", lambda: self._stop("signal"))
        yield LastingFault("pings and resets", self._flood)
        yield LastingFault("burst of ticks", self._burst)

    def _of_strategies(self) -> Iterator[LastingFault]:
        for name in MISBEHAVIOURS:
            yield LastingFault(f"strategy {name}", partial(self._misbehave, name))

    def _of_people(self) -> Iterator[LastingFault]:
        by_person = frozenset({"PERSON"})
        for command in ("halt", "reduce-only", "flatten"):
            yield LastingFault(command, partial(self._person, command), by_person)
        yield LastingFault("halt at gateway", self._halt_at_gateway)
        yield LastingFault("forged lease", self._forge_lease, frozenset({"LEASE_LOST"}))
        yield LastingFault("garbage", self.faults.flood)

    def _of_files(self) -> Iterator[LastingFault]:
        for name in ("portfolio", "mt5", "signal"):
            yield LastingFault(f"disk full {name}", partial(self._fill_disk, name))
        for name, path in (("ledger", self.data_dir / "ledger.db"), ("journal", self.data_dir / "venue" / "journal.db"),
                           ("book", self.data_dir / "venue" / "book.db")):  # fmt: skip
            yield LastingFault(f"{name} replaced", partial(self._replace_file, path))
        yield LastingFault(
            "journal removed",
            lambda: self._remove(self.data_dir / "venue" / "journal.db"),
            recovery_s=RECOVERY_OF_DOUBT_S,
        )
        yield LastingFault(
            "older ledger",
            self._roll_ledger_back,
            frozenset({"LEDGER_ROLLED_BACK", "LEDGER_TAIL_MISSING", "RECONCILIATION"}),
        )
        yield LastingFault("older book", self._roll_book_back, frozenset({"VENUE_ROLLED_BACK", "RECONCILIATION"}))
        yield LastingFault("locks removed", self._remove_locks)

    def _of_clocks(self) -> Iterator[LastingFault]:
        stepped = frozenset({"CLOCK_STEPPED"})
        yield LastingFault("clock forward", lambda: self._step_clock(CLOCK_STEP_NS), stepped)
        yield LastingFault("clock back", lambda: self._step_clock(-CLOCK_STEP_NS), stepped)
        yield LastingFault("clock while portfolio is down", self._step_clock_while_down, stepped)

    # -------------------------------------------------------------------------------------------------------- processes

    def _kill(self, name: str) -> None:
        if self.faults.kill(name) is None:
            raise FaultFailedError(f"{name} does not run")

    def _hang(self, name: str) -> None:
        pid = self._pid(name)
        if pid is None:
            raise FaultFailedError(f"{name} does not run")
        send_signal(pid, signal.SIGSTOP)
        try:
            if not _until(lambda: self._pid(name) != pid, HANG_MAX_S):
                raise FaultFailedError(f"{name} hung for {HANG_MAX_S:.0f} s and the watchdog did not end it")
        finally:
            send_signal(pid, signal.SIGCONT)

    def _pause(self, name: str) -> None:
        pid = self._pid(name)
        if pid is None:
            raise FaultFailedError(f"{name} does not run")
        send_signal(pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        send_signal(pid, signal.SIGCONT)

    def _stop(self, name: str) -> None:
        with self._stopped(name):
            time.sleep(HOLD_S)

    def _kill_supervisord(self) -> None:
        self._replace_supervisord({})

    def _replace_supervisord(self, changed: Mapping[str, str]) -> None:
        pid = self.desk.supervisord_pid()
        if pid is not None:
            send_signal(pid, signal.SIGKILL)
            _until(lambda: self.desk.supervisord_pid() is None, HANG_MAX_S)
        self.desk.replace({**self.environment, **changed})

    def _flood(self) -> None:
        gateway = Path(self.faults.gateway.removeprefix("ipc://"))
        for _ in range(FLOOD_CONNECTIONS):
            with suppress(OSError):  # the gateway may refuse a connection; the loop opens the next one
                send_pings_and_reset(gateway, count=FLOOD_PINGS)

    def _burst(self) -> None:
        before = self._hello().published
        self._replace_supervisord({"MT5_PACE": BURST_PACE})
        if not _until(lambda: self._hello().published > before + BURST_TICKS, BURST_MAX_S):
            raise FaultFailedError(
                f"{self._hello().published - before} ticks in {BURST_MAX_S:.0f} s, expected {BURST_TICKS}"
            )
        time.sleep(HOLD_S)
        self._replace_supervisord({})

    # ------------------------------------------------------------------------------------------------------- strategies

    def _misbehave(self, fault: str) -> None:
        """Put a fault into the strategy, and later correct the strategy.

        Unless the strategy then recovers by itself, the signal process is stopped and started, as a person would do.
        """
        write_whole(self.strategy, fault)
        time.sleep(2 * HOLD_S)
        if fault in OVER_BY_THEMSELVES:
            write_whole(self.strategy, "")
            return
        with self._stopped("signal"):
            write_whole(self.strategy, "")

    # ----------------------------------------------------------------------------------------------------------- people

    def _person(self, command: str) -> None:
        self._command(command, "--reason", "the run acts for a person")
        time.sleep(HOLD_S)
        self._command("resume", "--reason", "the run acts for a person")

    def _halt_at_gateway(self) -> None:
        self._command("halt", "--at-gateway", "--reason", "the run acts for a person")
        try:
            time.sleep(HOLD_S)
        finally:
            self._command("resume", "--at-gateway", "--reason", "the run acts for a person")

    def _command(self, *arguments: str) -> None:
        """Run a command of `paperdesk` on the desk.

        Raises:
            FaultFailedError: the command failed.
        """
        done = _paperdesk(*arguments, "--data-dir", str(self.data_dir))
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise FaultFailedError(
                f"paperdesk {arguments[0]} ended with {done.returncode}: {lines[-1] if lines else 'nothing'}"
            )

    def _forge_lease(self) -> None:
        """Request the lease as another client, first with the highest possible epoch, then with the next epoch.

        The gateway refuses the first request and grants the second.

        Raises:
            FaultFailedError: the gateway does not answer.
        """
        hello = self._hello()
        for epoch in (EPOCH_OF_WIRE_MAX, hello.epoch + 1):
            self.faults.ask_gateway(Lease(holder="nobody", epoch=epoch, seen_ns=hello.lease_now_ns))
        time.sleep(HOLD_S)

    def _hello(self) -> HelloReply:
        """The gateway's reply to HELLO of an independent client.

        Raises:
            FaultFailedError: the gateway does not answer.
        """
        deadline = time.monotonic() + HANG_MAX_S
        while time.monotonic() < deadline:
            answer = self.faults.ask_gateway(Hello(client="nobody"))
            if answer is not None and isinstance(hello := decode_reply(answer), HelloReply):
                return hello
        raise FaultFailedError(f"the gateway did not answer HELLO for {HANG_MAX_S:.0f} s")

    # ------------------------------------------------------------------------------------------------------------ files

    def _fill_disk(self, name: str) -> None:
        pid = self._pid(name)
        hard = None if pid is None else limit_file_size(pid)
        if pid is None or hard is None:
            raise FaultFailedError(f"{name} does not run")
        time.sleep(HOLD_S)
        restore_file_size(pid, hard)

    def _replace_file(self, path: Path) -> None:
        """Replace a database in use by another file with the same content.

        During the copy a read transaction prevents SQLite from emptying the write-ahead log, which has the commits that
        the copy lacks. Without them the copy would be a damaged database, which is refused.
        """
        copy = path.with_name(path.name + ".copy")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as db:
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            shutil.copy(path, copy)
            copy.replace(path)

    def _remove(self, path: Path) -> None:
        for suffix in DATABASE_SUFFIXES:
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _roll_ledger_back(self) -> None:
        """Replace the ledger by an older copy, after the desk has made further orders."""
        ledger = self.data_dir / "ledger.db"
        older = ledger.with_name("older-ledger.copy")
        with self._stopped("portfolio"):
            self._copy_database(ledger, older)
            newest_deal = self._newest_deal()
        self._wait_for_deal(newest_deal)
        with self._stopped("portfolio"):
            self.taken_orders |= _order_ids(ledger) - _order_ids(older)
            self._remove(ledger)
            self._copy_database(older, ledger)

    def _roll_book_back(self) -> None:
        """Start the desk with an older copy of the simulated broker's book, and later with the newest book again.

        Signal is stopped while the gateway has the older book. The generated market publishes the ticks of that time
        again with the newest book.
        """
        book = self.data_dir / "venue" / "book.db"
        older, newest = (book.with_name(f"{age}-book.copy") for age in ("older", "newest"))
        with self._stopped("portfolio"), self._stopped("mt5"):
            self._copy_database(book, older)
            newest_deal = self._newest_deal()
        self._wait_for_deal(newest_deal)
        with self._stopped("signal"):
            with self._stopped("portfolio"), self._stopped("mt5"):
                self._copy_database(book, newest)
                self._remove(book)
                self._copy_database(older, book)
            time.sleep(2 * HOLD_S)
            with self._stopped("portfolio"), self._stopped("mt5"):
                self._remove(book)
                self._copy_database(newest, book)

    def _wait_for_deal(self, before: int) -> None:
        """Wait until the venue has made a deal with a number above `before`.

        Raises:
            FaultFailedError: there was no such deal within TRADE_MAX_S.
        """
        if not _until(lambda: self._newest_deal() > before, TRADE_MAX_S):
            raise FaultFailedError(f"no deal in {TRADE_MAX_S:.0f} s")
        time.sleep(PAUSE_S)

    def _newest_deal(self) -> int:
        try:
            with closing(sqlite3.connect(f"file:{self.data_dir}/venue/book.db?mode=ro", uri=True)) as db:
                return int(db.execute("SELECT max(deal) FROM deals").fetchone()[0])
        except sqlite3.Error:  # the gateway is opening it
            return 0

    def _copy_database(self, source: Path, target: Path) -> None:
        for suffix in DATABASE_SUFFIXES:
            path = source.with_name(source.name + suffix)
            if path.exists():
                shutil.copy(path, target.with_name(target.name + suffix))

    def _remove_locks(self) -> None:
        """Remove the lock files, and check that a second portfolio or gateway still refuses to start.

        Raises:
            FaultFailedError: the second process did not refuse.
        """
        for lock in self.data_dir.rglob("*.lock"):
            lock.unlink()
        for name in ("portfolio", "mt5"):
            command = [sys.executable, "-m", f"services.{name}", *(("--venue", "setting") if name == "mt5" else ())]
            try:
                done = subprocess.run(
                    command, capture_output=True, env=dict(self.environment), timeout=SECOND_OWNER_S, check=False
                )
            except subprocess.TimeoutExpired:
                raise FaultFailedError(f"a second {name} did not end within {SECOND_OWNER_S:.0f} s") from None
            if done.returncode != EXIT_REFUSED:
                raise FaultFailedError(f"a second {name} ended with {done.returncode}, expected {EXIT_REFUSED}")

    # ----------------------------------------------------------------------------------------------------------- clocks

    def _step_clock(self, step_ns: int) -> None:
        write_whole(self.clock, str(self._stepped_ns() + step_ns))
        time.sleep(HOLD_S)

    def _step_clock_while_down(self) -> None:
        with self._stopped("portfolio"):
            write_whole(self.clock, str(self._stepped_ns() + CLOCK_STEP_NS))

    def _stepped_ns(self) -> int:
        return int(self.clock.read_text(encoding="ascii")) if self.clock.exists() else 0

    # ---------------------------------------------------------------------------------------------------------- helpers

    def audit(self) -> dict[str, int]:
        """Exit codes of `paperdesk verify` and `paperdesk reconcile` on the stopped desk, by command."""
        return {name: _paperdesk(name, "--data-dir", str(self.data_dir)).returncode for name in ("verify", "reconcile")}

    @contextmanager
    def _stopped(self, name: str) -> Iterator[None]:
        """Keep a program stopped during the block, as with `supervisorctl stop`."""
        self.desk.stop_program(name)
        try:
            yield
        finally:
            self.desk.start_program(name)

    def _pid(self, name: str) -> int | None:
        return self.faults.pid_of(name)


def _paperdesk(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "paperdesk"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)


def _order_ids(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return {order_id for (order_id,) in db.execute("SELECT order_id FROM orders")}


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition is true, for at most `seconds`.

    Returns:
        Whether the condition became true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
