"""Check of the host's clock: synchronization, steps, the gateway's clock, and time zones."""

from __future__ import annotations

import ctypes
import ctypes.util
import zoneinfo
from typing import Final, NamedTuple

from common.clock_step_detector import ClockRecord
from proto.time import SECOND_NS
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Finding, Findings, check, fine, found

ZONES: Final = ("Europe/Athens", "America/New_York", "UTC")
"""Zones of which the first two are those of most brokers' servers."""

OFFSET_NS_MAX: Final = SECOND_NS
STA_UNSYNC: Final = 0x40
TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512
"""More than the size of the kernel's struct timex, of which only the status is read."""


class KernelClock(NamedTuple):
    """What the kernel reports about the clock; `max_error_us` is its own estimate of the greatest error."""

    is_synchronized: bool
    max_error_us: int


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * _TIMEX_BYTES),
    )


@check("clock")
def clock(desk: ExaminedDesk) -> Findings:
    """Synchronization of the clock, steps of it, its difference from the gateway's clock, and time zone data."""
    results = [*_zones(), *_steps(desk), *_offset(desk)]
    sync = _synchronization(desk)
    yield from [one for one in (sync, *results) if one.code != "OK"]
    if not results and sync.code == "OK":
        yield sync


def kernel_clock() -> KernelClock | None:
    """The kernel's report; None where the kernel gives none. Nothing is changed: modes is 0."""
    try:
        adjtimex = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True).adjtimex
    except (OSError, AttributeError, TypeError):
        return None
    report = _Timex()
    state = adjtimex(ctypes.byref(report))
    if state < 0:
        return None
    return KernelClock(state != TIME_ERROR and not report.status & STA_UNSYNC, int(report.maxerror))


def _synchronization(desk: ExaminedDesk) -> Finding:
    report = kernel_clock()
    if report is not None and report.is_synchronized:
        return fine(f"synchronized, greatest error {report.max_error_us / 1_000:.0f} ms by the kernel's estimate")
    text = "the kernel reports no synchronization" if report is not None else "the kernel gives no report"
    hello = desk.gateway.hello
    mode = hello.mode if hello is not None else desk.ledger.mode
    if report is None or mode in ("", "simulated"):
        return found("CLOCK_UNKNOWN", f"{text}; the venue is {mode or 'not known'}")
    return found("CLOCK_UNSYNCHRONIZED", f"{text}, and the account is {mode}")


def _zones() -> Findings:
    for name in ZONES:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
            yield found("TIME_ZONES_MISSING", f"{name} is not among the host's time zones")
            return


def _steps(desk: ExaminedDesk) -> Findings:
    record = ClockRecord.parse(desk.ledger.clocks)
    if record is None or desk.is_running:
        return
    if step_ns := ClockRecord.now().step_ns_since(record):
        yield found("CLOCK_STEP_AHEAD", f"a step of {step_ns / SECOND_NS:+.1f} s since the desk last ran")


def _offset(desk: ExaminedDesk) -> Findings:
    facts = desk.gateway
    if facts.hello is None or facts.hello.mode == "simulated":
        return  # a simulated venue has the time of its market
    offset_ns = facts.hello.now_ns - facts.now_at_ns
    if abs(offset_ns) > OFFSET_NS_MAX:
        yield found("CLOCK_OFFSET", f"the gateway's clock is {offset_ns / SECOND_NS:+.1f} s from this one")


CHECKS: Final[tuple[Check, ...]] = (clock,)
