"""Checks of the doctor on facts that a test cannot plant in a real host or at a real broker."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from proto.gateway import AccountReply, HelloReply
from proto.trading.enums import TradeMode
from tests.support.builders import an_instrument
from verification.doctor import ExaminedDesk, check_clock, check_disk, check_gateway, check_packages, check_processes
from verification.doctor.check_clock import KernelClock
from verification.doctor.findings import Check
from verification.doctor.gateway_facts import GatewayFacts
from verification.doctor.ledger_facts import LedgerFacts

HEADER: dict[str, Any] = {"status": "OK", "venue": "broker", "account": "5001234", "boot_id": "b"}


@pytest.fixture
def desk(tmp_path: Path) -> ExaminedDesk:
    """A stopped desk whose gateway answers as that of a demo account."""
    desk = ExaminedDesk(tmp_path)
    desk.ledger = LedgerFacts(True, account="5001234", currency="USD", journal_id="j", mode="demo", epoch=3)
    desk.gateway = a_gateway()
    desk.symbols = ("EURUSD",)
    desk.is_running = False
    return desk


def a_hello(**fields: Any) -> HelloReply:
    given: dict[str, Any] = {
        **HEADER,
        "mode": "demo",
        "stream_id": "s",
        "journal_id": "j",
        "now_ns": time.time_ns(),
        "window": 0,
        "published": 1,
        "confirmed": 0,
        "sequences": {"EURUSD": 1},
        "first_time_ns": 1,
        "currency": "USD",
        "currency_digits": 2,
        "data_sha256": "",
        "fills": "terminal",
        "epoch": 3,
    }
    return HelloReply(**{**given, **fields})


def a_gateway(*, account: str = "", instrument: dict[str, Any] | None = None, **hello: Any) -> GatewayFacts:
    from decimal import Decimal

    reply = AccountReply(
        **HEADER,
        mode="demo",
        currency="USD",
        currency_digits=2,
        balance=Decimal(1),
        equity=Decimal(1),
        deal_cursor=0,
        ordinal=0,
    )
    terms = structs.replace(an_instrument(), **(instrument or {}))
    return GatewayFacts(
        "tcp://broker:5555",
        hello=a_hello(**hello),
        now_at_ns=time.time_ns(),
        account=account or reply,
        instruments=(("EURUSD", terms),),
    )


def codes(check: Check, desk: ExaminedDesk) -> list[str]:
    return [one.code for one in check.run(desk)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (a_gateway(), "OK"),
        (a_gateway(mode="live"), "ACCOUNT_REAL"),
        (a_gateway(account="VENUE_DISCONNECTED: no connection"), "VENUE_DOWN"),
        (a_gateway(currency="EUR"), "ACCOUNT_OTHER"),
        (a_gateway(journal_id="k"), "JOURNAL_OTHER"),
        (a_gateway(epoch=9), "LEASE_OF_OTHER"),
        (a_gateway(is_halted=True), "GATEWAY_HALTED"),
        (GatewayFacts("tcp://x:1", "it answers with noise", is_other=True), "NO_GATEWAY"),
        (GatewayFacts("tcp://x:1", "it does not answer"), "GATEWAY_UNREACHABLE"),
    ],
)
def test_the_gateway_is_judged_by_its_replies(desk: ExaminedDesk, facts: GatewayFacts, expected: str) -> None:
    desk.gateway = facts
    assert codes(check_gateway.gateway, desk) == [expected]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (a_gateway(), "OK"),
        (a_gateway(sequences={}), "SYMBOL_UNKNOWN"),
        (a_gateway(sequences={"EURUSD": 0}), "SYMBOL_WITHOUT_TICKS"),
        (a_gateway(instrument={"trade_mode": TradeMode.CLOSE_ONLY}), "SYMBOL_NOT_TRADED"),
        (a_gateway(instrument={"filling": ()}), "NO_FILLING"),
        (a_gateway()._replace(instruments=(("EURUSD", "UNKNOWN_SYMBOL: none"),)), "SYMBOL_UNKNOWN"),
    ],
)
def test_symbols_are_judged_by_their_terms(desk: ExaminedDesk, facts: GatewayFacts, expected: str) -> None:
    desk.gateway = facts
    assert codes(check_gateway.symbols, desk) == [expected]


def test_a_clock_that_differs_from_the_gateways_is_named_for_a_real_venue_only(
    desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_clock, "kernel_clock", lambda: KernelClock(True, 900))
    assert codes(check_clock.clock, desk) == ["OK"]
    desk.gateway = a_gateway(now_ns=time.time_ns() - 5_000_000_000)
    assert codes(check_clock.clock, desk) == ["CLOCK_OFFSET"]
    desk.gateway = a_gateway(now_ns=1, mode="simulated")
    assert codes(check_clock.clock, desk) == ["OK"]


def test_an_unsynchronized_clock_matters_at_a_broker(desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_clock, "kernel_clock", lambda: KernelClock(False, 16_000_000))
    assert codes(check_clock.clock, desk) == ["CLOCK_UNSYNCHRONIZED"]
    desk.gateway = a_gateway(mode="simulated")
    assert codes(check_clock.clock, desk) == ["CLOCK_UNKNOWN"]


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex is a call of Linux")
def test_the_kernel_reports_its_clock() -> None:
    report = check_clock.kernel_clock()
    assert report is not None
    assert report.max_error_us >= 0


def test_missing_time_zones_are_named(desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_clock, "ZONES", ("Europe/Nowhere",))
    assert "TIME_ZONES_MISSING" in codes(check_clock.clock, desk)


def test_little_space_and_memory_are_warnings(desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_disk, "DISK_LOW_BYTES", 1 << 62)
    monkeypatch.setattr(check_disk, "MEMORY_LOW_BYTES", 1 << 62)
    assert set(codes(check_disk.disk, desk)) == {"DISK_LOW", "MEMORY_LOW"}


@pytest.mark.parametrize(("version", "is_old"), [("3.51.2", True), ("3.51.3", False), ("3.9.0", True), ("4.0", False)])
def test_sqlite_versions_are_compared_as_numbers(version: str, is_old: bool) -> None:
    assert (check_packages.sqlite_number(version) < check_packages.SQLITE_MIN) is is_old


def test_an_old_sqlite_and_an_unsupported_python_are_named(desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_packages, "SQLITE_MIN", (99,))
    monkeypatch.setattr(check_packages, "PYTHON_LAST", (3, 10))
    assert codes(check_packages.sqlite, desk) == ["SQLITE_OLD"]
    assert "PYTHON_VERSION" in codes(check_packages.python, desk)


def test_a_lock_that_cannot_be_read_is_unknown(desk: ExaminedDesk) -> None:
    desk.root = desk.data_dir
    assert codes(check_packages.python, desk) == ["LOCK_UNREADABLE"]


def test_only_the_packages_of_this_platform_are_expected() -> None:
    lock = (
        "one==1.0 \\\n    --hash=sha256:0\n"
        f"two==2.0 ; sys_platform == '{sys.platform}' \\\n"
        f"three==3.0 ; sys_platform != '{sys.platform}' \\\n"
        "four==4.0 ; sys_platform == 'elsewhere' \\\n"
    )
    assert [one.name for one in check_packages.locked_packages(lock)] == ["one", "two"]


def test_every_line_of_the_lock_is_understood() -> None:
    from common.project_root import PROJECT_ROOT

    text = (PROJECT_ROOT / "requirements" / "base.lock").read_text()
    names = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    here = check_packages.locked_packages(text)
    elsewhere = [line for line in names if line.partition("==")[0] not in {one.name for one in here}]
    assert all(" ; " in line for line in elsewhere), elsewhere
    assert len(here) > 30


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        ("BACKOFF", 0, ["PROCESS_BACKOFF"]),
        ("FATAL", 1, ["PROCESS_FATAL"]),
        ("EXITED", 2, ["PROCESS_REFUSED"]),
        ("EXITED", 3, []),
        ("EXITED", 0, ["PROCESS_ENDED"]),
        ("STOPPED", 0, ["PROCESS_ENDED"]),
        ("RUNNING", 0, []),
        ("STARTING", 0, []),
    ],
)
def test_programs_are_judged_by_their_state(
    desk: ExaminedDesk, monkeypatch: pytest.MonkeyPatch, state: str, status: int, expected: list[str]
) -> None:
    desk.programs = [{"name": "signal", "statename": state, "exitstatus": status, "pid": 0}]
    monkeypatch.setattr(check_processes, "_configuration", lambda _path: [])
    assert [code for code in codes(check_processes.processes, desk) if code != "OK"] == expected
