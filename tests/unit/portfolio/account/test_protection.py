"""The effect of deals on the protection of a position: stops, trailing stop and time exit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.gateway import DealEntry
from proto.trading.enums import Side
from proto.trading.units import ZERO
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import ProtectionAnswered, ProtectionSet
from services.portfolio.core.account.orders import Order
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


def test_a_partial_close_changes_no_protection() -> None:
    assert after(DealEntry.OUT, an_order_with_all()) == HELD
    assert after(DealEntry.OUT, None) == HELD


def test_an_addition_replaces_only_the_stops_that_its_order_has() -> None:
    found = after(DealEntry.IN, an_order(stop_loss=Decimal("1.08"), time_exit_s=60))
    assert found is not None
    assert (found.stop_loss, found.take_profit) == (Decimal("1.08"), Decimal("1.2"))
    assert (found.trailing_stop_points, found.exit_ns) == (100, 61 * SECOND_NS)
    assert after(DealEntry.IN, an_order()) == HELD


def test_after_a_reversal_the_position_has_only_the_protection_of_the_reversing_order() -> None:
    found = after(DealEntry.INOUT, an_order_with_all(trailing_step_points=9))
    assert found is not None
    assert (found.stop_loss, found.take_profit) == (Decimal("1.15"), Decimal("1.05"))
    assert (found.trailing_stop_points, found.trailing_step_points, found.revision) == (200, 9, 0)
    assert after(DealEntry.INOUT, an_order()) is None
    assert after(DealEntry.INOUT, None) is None


def test_an_addition_by_a_foreign_order_keeps_the_protection() -> None:
    assert after(DealEntry.IN, None) == HELD
    assert after(DealEntry.IN, None, before=None) is None


def test_an_addition_with_stops_but_no_time_exit_keeps_the_earlier_time_exit() -> None:
    found = after(DealEntry.IN, an_order(stop_loss=Decimal("1.08"), take_profit=Decimal("1.3")))
    assert found is not None
    assert (found.stop_loss, found.exit_ns) == (Decimal("1.08"), HELD.exit_ns)


# A trailing stop of 100 points with steps of 5 points: from 1.09900 it moves when the bid reaches 1.10005.
@pytest.mark.parametrize(
    ("direction", "held", "short_of_it", "at_it"),
    [(1, "1.09900", "1.10004", "1.10005"), (-1, "1.10100", "1.09996", "1.09995")],
)
def test_a_trailing_stop_moves_at_a_whole_step_and_not_a_point_earlier(
    direction: int, held: str, short_of_it: str, at_it: str
) -> None:
    protection = structs.replace(HELD, stop_loss=Decimal(held))

    def moved(touch: str) -> Protection | None:
        """Return the moved protection. The other price is 1.0 away: a stop that followed it would move far."""
        price, other = Decimal(touch), Decimal(touch) + direction
        bid, ask = (price, other) if direction > 0 else (other, price)
        return trail_stop(protection, direction=direction, bid=bid, ask=ask, instrument=plain_terms())

    assert moved(short_of_it) is None
    found = moved(at_it)
    assert found is not None
    assert found.stop_loss == Decimal(held) + direction * Decimal("0.00005")
    assert found.revision == HELD.revision + 1


# -------------------------------------------------------------------------------------------------- the venue's reply


def a_protected_book() -> Book:
    """Return a book with a long position whose third revision of stops, at 1.09, is not answered yet."""
    book = a_book(*booked_deals(a_deal()))
    requested = structs.replace(HELD, answered=2)
    book.apply(
        ProtectionSet(
            protection=requested, why="a test", ordinal=1, time_ns=1, bid=Decimal("1.1"), ask=Decimal("1.1001")
        )
    )
    return book


def answered(book: Book, revision: int, *, error: str = "") -> Protection:
    """Return the protection after the venue's reply, in which it has a stop loss at 1.05 and no take profit."""
    book.apply(
        ProtectionAnswered(
            key="EURUSD", revision=revision, stop_loss=Decimal("1.05"), take_profit=None, retcode=10_016, error=error,
            time_ns=2,
        )
    )  # fmt: skip
    return book.protections["EURUSD"]


def test_a_stop_refused_by_the_venue_is_not_booked() -> None:
    protection = answered(a_protected_book(), 3, error="invalid stops")
    assert (protection.stop_loss, protection.take_profit) == (Decimal("1.05"), None)
    assert (protection.error, protection.is_in_flight) == ("invalid stops", False)


def test_the_accepted_stop_replaces_the_stop_of_a_deal_booked_before_the_reply() -> None:
    """The deal set the stop loss of its order, 1.08. Later the venue accepted a stop loss of 1.05."""
    book = a_protected_book()
    adding = an_order(order_id="x-000002", stop_loss=Decimal("1.08"))
    book.protections["EURUSD"] = after(DealEntry.IN, adding, before=book.protections["EURUSD"]) or HELD
    assert answered(book, 3).stop_loss == Decimal("1.05")


def test_a_reply_to_an_earlier_revision_does_not_replace_the_requested_stop() -> None:
    book = a_protected_book()
    protection = structs.replace(HELD, revision=4, answered=2)
    book.apply(ProtectionSet(protection=protection, why="a test", ordinal=1, time_ns=1, bid=ZERO, ask=ZERO))
    assert answered(book, 3) == structs.replace(protection, answered=3)


@pytest.mark.parametrize("revision", [1, 2, 3])
def test_a_reply_to_an_answered_revision_changes_nothing(revision: int) -> None:
    """The reply is late or repeated. Unlike the first reply, it is a refusal."""
    book = a_protected_book()
    first = answered(book, 3)
    assert answered(book, revision, error="invalid stops") == first


LOW, HIGH = st.sampled_from(["1.05", "1.06", None]), st.sampled_from(["1.15", "1.16", None])


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.sampled_from(["0.10", "0.20", "0.30"]), LOW, HIGH), min_size=1, max_size=12
    )
)
def test_the_desk_predicts_the_stops_that_the_venue_keeps(
    orders: list[tuple[Side, str, str | None, str | None]],
) -> None:
    """The orders are random orders with valid stops on a netting account."""
    venue = Dealing(1.1)
    protection: Protection | None = None
    for side, volume, low, high in orders:
        stop_loss, take_profit = (low, high) if side is Side.BUY else (high, low)
        placed = venue.order(side, volume, stop_loss=stop_loss, take_profit=take_profit)
        assert placed.order.status == "FILLED"
        ours = an_order(side=side, stop_loss=placed.order.stop_loss, take_profit=placed.order.take_profit)
        held = venue.venue.positions()
        protection = after(venue.deals[-1].entry, ours, before=protection) if held else None
        foreseen = (None, None) if protection is None else (protection.stop_loss, protection.take_profit)
        assert foreseen == ((held[0].stop_loss, held[0].take_profit) if held else (None, None))
