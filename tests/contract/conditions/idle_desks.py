"""Desks that may trade but do not."""

from __future__ import annotations

from proto.gateway import Fault, Simulate
from proto.trading.enums import OrderType
from services.portfolio.core.plan.plan import Entry, Plan
from tests.support.builders import a_signal
from tests.support.desk_harness import DeskHarness, a_live_desk

_NS_PER_S = 1_000_000_000


def holding_strategy(*, seconds: int) -> DeskHarness:
    """A desk whose strategy bought at its first signal and has held the position for `seconds`."""
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.mono_ns += seconds * _NS_PER_S
    driven.answer_all(driven.deliver(a_signal(2, 0)))
    return driven


def resting_entry(*, seconds: int) -> DeskHarness:
    """A desk whose limit order has rested 5,000 points below the market for `seconds`, with a new BUY signal."""
    driven = a_live_desk(plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.mono_ns += seconds * _NS_PER_S
    driven.state.stream.market.advance_clock(a_signal(1).time_ns + seconds * _NS_PER_S, driven.mono_ns)
    driven.answer_all(driven.deliver(a_signal(2, 1)))
    return driven


def held_back_order(*, seconds: int) -> DeskHarness:
    """A desk whose market order was accepted `seconds` ago; the venue's terminal holds the order back for a minute."""
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.FILL_LATER, count=1, delay_ms=60_000), driven.now)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.mono_ns += seconds * _NS_PER_S
    return driven
