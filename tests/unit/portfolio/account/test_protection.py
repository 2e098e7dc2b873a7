"""What a deal makes of the guard of a position: its stops, the stop that follows, and the time that is up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.gateway import DealEntry
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import ProtectionAnswered, ProtectionSet
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.account.protection import Protection, protection_after_deal, trail_stop
from tests.support.builders import a_book, a_deal, an_order, booked_deals, plain_terms
from tests.unit.mt5.simulated.broker_by_hand import Dealing

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
    return protection_after_deal(entry, order, symbol="EURUSD", position=0, time_ns=SECOND_NS, before=before)


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


def test_what_adds_with_stops_and_no_time_leaves_the_time_that_runs() -> None:
    found = after(DealEntry.IN, an_order(stop_loss=Decimal("1.08"), take_profit=Decimal("1.3")))
    assert found is not None
    assert (found.stop_loss, found.exit_ns) == (Decimal("1.08"), HELD.exit_ns)


# 100 points after the market in steps of five: from 1.09 a stop moves at 1.10005, and not a point before.
@pytest.mark.parametrize(
    ("direction", "held", "short_of_it", "at_it"),
    [(1, "1.09900", "1.10004", "1.10005"), (-1, "1.10100", "1.09996", "1.09995")],
)
def test_a_stop_follows_at_its_whole_step_and_not_a_point_before(
    direction: int, held: str, short_of_it: str, at_it: str
) -> None:
    guard = structs.replace(HELD, stop_loss=Decimal(held))

    def moved(touch: str) -> Protection | None:
        """The touch that counts, and another that would move the stop far."""
        price, other = Decimal(touch), Decimal(touch) + direction
        bid, ask = (price, other) if direction > 0 else (other, price)
        return trail_stop(guard, direction=direction, bid=bid, ask=ask, instrument=plain_terms())

    assert moved(short_of_it) is None
    found = moved(at_it)
    assert found is not None
    assert found.stop_loss == Decimal(held) + direction * Decimal("0.00005")
    assert found.revision == HELD.revision + 1


# ----------------------------------------------------------------------------------------------------- the venue's word


def a_guarded_book() -> Book:
    """A long position whose third revision of stops, at 1.09, is on its way."""
    book = a_book(*booked_deals(a_deal()))
    asked = structs.replace(HELD, answered=2)
    book.apply(
        ProtectionSet(protection=asked, why="a test", ordinal=1, time_ns=1, bid=Decimal("1.1"), ask=Decimal("1.1001"))
    )
    return book


def answered(book: Book, revision: int, *, error: str = "") -> Protection:
    """The guard after the venue's word: a refusal leaves a stop at 1.05 and no take profit."""
    book.apply(
        ProtectionAnswered(
            key="EURUSD", revision=revision, stop_loss=Decimal("1.05"), take_profit=None, retcode=10_016, error=error,
            time_ns=2,
        )
    )  # fmt: skip
    return book.protections["EURUSD"]


def test_a_stop_that_the_venue_refused_is_not_in_the_books_as_set() -> None:
    guard = answered(a_guarded_book(), 3, error="invalid stops")
    assert (guard.stop_loss, guard.take_profit) == (Decimal("1.05"), None)
    assert (guard.error, guard.is_in_flight) == ("invalid stops", False)


def test_an_accepted_stop_replaces_that_of_a_deal_booked_since_the_request() -> None:
    """The deal brought 1.08, the stop of its order, before the venue moved it to 1.05."""
    book = a_guarded_book()
    adding = an_order(order_id="x-000002", stop_loss=Decimal("1.08"))
    book.protections["EURUSD"] = after(DealEntry.IN, adding, before=book.protections["EURUSD"]) or HELD
    assert answered(book, 3).stop_loss == Decimal("1.05")


def test_an_accepted_stop_of_an_earlier_revision_leaves_the_requested_one() -> None:
    book = a_guarded_book()
    guard = structs.replace(HELD, revision=4, answered=2)
    book.apply(ProtectionSet(protection=guard, why="a test", ordinal=1, time_ns=1, bid=ZERO, ask=ZERO))
    assert answered(book, 3) == structs.replace(guard, answered=3)


@pytest.mark.parametrize("revision", [1, 2, 3])
def test_a_word_on_a_revision_that_is_answered_undoes_nothing(revision: int) -> None:
    """It came late or a second time, and says otherwise than the first."""
    book = a_guarded_book()
    first = answered(book, 3)
    assert answered(book, revision, error="invalid stops") == first


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
