"""What a deal makes of the guard of a position: its stops, the stop that follows, and the time that is up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proto.gateway import DealEntry
from proto.units import Side
from services.portfolio.core.orders import Order
from services.portfolio.core.protection import Protection, guard_after
from tests.support.builders import an_order
from tests.unit.mt5.dealing.desk import Dealing

HELD = Protection(
    symbol="EURUSD",
    position=0,
    tag="desk",
    stop_loss=Decimal("1.09"),
    take_profit=Decimal("1.2"),
    trailing_stop_points=100,
    trailing_step_points=5,
    exit_ns=7,
    revision=3,
    answered=3,
)
SECOND_NS = 1_000_000_000


def after(entry: DealEntry, order: Order | None, *, before: Protection | None = HELD) -> Protection | None:
    return guard_after(entry, order, symbol="EURUSD", position=0, time_ns=SECOND_NS, before=before)


def an_order_with_all(**changed: Any) -> Order:
    return an_order(
        side=Side.SELL,
        stop_loss=Decimal("1.15"),
        take_profit=Decimal("1.05"),
        trailing_stop_points=200,
        time_exit_s=60,
        **changed,
    )


def test_a_partial_close_changes_nothing_whatever_its_order_brings() -> None:
    assert after(DealEntry.OUT, an_order_with_all()) == HELD
    assert after(DealEntry.OUT, None) == HELD


def test_what_adds_replaces_what_it_brings_and_leaves_the_rest() -> None:
    found = after(DealEntry.IN, an_order(stop_loss=Decimal("1.08"), time_exit_s=60))
    assert found is not None
    assert (found.stop_loss, found.take_profit) == (Decimal("1.08"), Decimal("1.2"))
    assert (found.trailing_stop_points, found.exit_ns) == (100, 61 * SECOND_NS)
    assert after(DealEntry.IN, an_order()) == HELD


def test_a_reversal_begins_anew_with_what_its_order_brings() -> None:
    found = after(DealEntry.INOUT, an_order_with_all(trailing_step_points=9))
    assert found is not None
    assert (found.stop_loss, found.take_profit) == (Decimal("1.15"), Decimal("1.05"))
    assert (found.trailing_stop_points, found.trailing_step_points, found.revision) == (200, 9, 0)
    assert after(DealEntry.INOUT, an_order()) is None
    assert after(DealEntry.INOUT, None) is None


def test_a_stranger_who_adds_leaves_the_guard_as_it_is() -> None:
    assert after(DealEntry.IN, None) == HELD
    assert after(DealEntry.IN, None, before=None) is None


LOW, HIGH = st.sampled_from(["1.05", "1.06", None]), st.sampled_from(["1.15", "1.16", None])


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.sampled_from(["0.10", "0.20", "0.30"]), LOW, HIGH), min_size=1, max_size=12
    )
)
def test_the_desk_foresees_the_stops_that_the_venue_keeps(
    orders: list[tuple[Side, str, str | None, str | None]],
) -> None:
    """Any orders on a netting account, each with its stops on its own right side."""
    venue = Dealing(1.1)
    guard: Protection | None = None
    for side, volume, low, high in orders:
        stop_loss, take_profit = (low, high) if side is Side.BUY else (high, low)
        placed = venue.order(side, volume, stop_loss=stop_loss, take_profit=take_profit)
        assert placed.order.status == "FILLED"
        ours = an_order(side=side, stop_loss=placed.order.stop_loss, take_profit=placed.order.take_profit)
        held = venue.venue.positions()
        guard = after(venue.deals[-1].entry, ours, before=guard) if held else None
        foreseen = (None, None) if guard is None else (guard.stop_loss, guard.take_profit)
        assert foreseen == ((held[0].stop_loss, held[0].take_profit) if held else (None, None))
