"""Desks in which nothing prevents trading and nothing is traded."""

from __future__ import annotations

from proto.gateway import Fault, Simulate
from proto.trading.enums import OrderType
from services.portfolio.core.plan.plan import Entry, Plan
from tests.support.builders import a_signal
from tests.support.desk_harness import DeskHarness, a_live_desk

_NS_PER_S = 1_000_000_000


def holding_strategy(*, seconds: int) -> DeskHarness:
    """The strategy has bought at once, and has held for the given time."""
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.mono_ns += seconds * _NS_PER_S
    driven.answer_all(driven.deliver(a_signal(2, 0)))
    return driven


def resting_entry(*, seconds: int) -> DeskHarness:
    """A limit order half a figure below the market rests this long, while the strategy continues to buy."""
    driven = a_live_desk(plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.mono_ns += seconds * _NS_PER_S
    driven.state.stream.market.advance_clock(a_signal(1).time_ns + seconds * _NS_PER_S, driven.mono_ns)
    driven.answer_all(driven.deliver(a_signal(2, 1)))
    return driven


def held_back_order(*, seconds: int) -> DeskHarness:
    """The venue has accepted an order at the market, and its terminal holds it back for a minute."""
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.FILL_LATER, count=1, delay_ms=60_000), driven.now)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.mono_ns += seconds * _NS_PER_S
    return driven
