"""Net exposure, gross exposure and margin of positions and open orders on netting and hedging accounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.trading.enums import AccountMode, Side
from services.portfolio.core.account.events import DealBooked, OrderCreated
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.risk.exposure import (
    exposures,
    gross_exposure,
    projected_legs,
    projected_margin,
    projected_net_volumes,
)
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import OrderProposal, RiskContext
from tests.support.builders import a_book, a_deal, an_instrument, an_order

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def an_account(
    mode: AccountMode, *held: tuple[int, Side, str], pending: tuple[tuple[Side, str, int], ...] = ()
) -> RiskContext:
    """Return an account with positions and open orders in EURUSD.

    Args:
        mode: netting or hedging.
        held: ticket, side and lots of each position; ticket 0 on a netting account.
        pending: side, lots and ticket of each open order; ticket 0 if it closes no ticket.
    """
    book = a_book(account_mode=mode)
    for number, (ticket, side, volume) in enumerate(held, 1):
        book.apply(DealBooked(deal=a_deal(number, side, volume, position=ticket), order_id="", closings=[]))
    for number, (side, volume, position) in enumerate(pending, 1):
        book.apply(OrderCreated(order=structs.replace(an_order(number, side, volume), position=position)))
    return RiskContext(
        book, TickCursor(marks={"EURUSD": Mark(1.1, 1.1, 1)}), Limits(name="x", leverage=D(100)), RiskState()
    )


def a_proposal(direction: int, volume: str, opens: str) -> OrderProposal:
    """Return an order in EURUSD of `volume` lots, of which `opens` lots open exposure."""
    return OrderProposal(an_instrument(), direction, D(volume), D(opens), D("1.1"), 1.0)


@pytest.mark.parametrize(
    ("pending", "order", "net"),
    [
        ((), None, "0.3"),
        (((BUY, "0.2", 0),), None, "0.5"),
        (((SELL, "0.2", 0),), None, "0.3"),
        (((SELL, "0.7", 0),), None, "-0.4"),
        (((BUY, "0.2", 0), (SELL, "0.1", 0)), None, "0.5"),
        # Open orders may be filled or not: with a further buy the worst case is that the open sell is not filled.
        (((SELL, "0.4", 0),), a_proposal(1, "0.1", "0.1"), "0.4"),
        (((SELL, "0.4", 0),), a_proposal(-1, "0.3", "0"), "-0.4"),
    ],
)
def test_the_net_volume_assumes_the_fills_that_give_the_largest_exposure(
    pending: tuple[tuple[Side, str, int], ...], order: OrderProposal | None, net: str
) -> None:
    account = an_account(AccountMode.NETTING, (0, BUY, "0.3"), pending=pending)
    assert projected_net_volumes(order, account) == {"EURUSD": D(net)}
    assert projected_legs(order, account) == [("EURUSD", D(net))]


def test_a_hedged_symbol_has_net_volume_zero_but_gross_exposure_on_both_sides() -> None:
    account = an_account(AccountMode.HEDGING, (1, BUY, "0.3"), (2, SELL, "0.3"))
    assert exposures(None, account) == {"EURUSD": D(0)}
    # 0.6 lots at 110,000 USD each. Only the larger side needs margin: 0.3 * 100,000 EUR * 1.1 / 100.
    assert gross_exposure(None, account) == D(66_000)
    assert projected_margin(None, account) == D("330.00")


@pytest.mark.parametrize(
    ("pending", "order", "sides"),
    [
        (((BUY, "0.1", 0),), None, {"0.4", "-0.2"}),
        (((SELL, "0.3", 1),), None, {"0.3", "-0.2"}),
        ((), a_proposal(1, "0.1", "0.1"), {"0.4", "-0.2"}),
        ((), a_proposal(-1, "0.3", "0"), {"-0.2"}),
        ((), a_proposal(-1, "0.4", "0.2"), {"0.1", "-0.4"}),
    ],
)
def test_on_a_hedging_account_a_close_reduces_the_opposite_side_and_an_opening_adds_to_its_side(
    pending: tuple[tuple[Side, str, int], ...], order: OrderProposal | None, sides: set[str]
) -> None:
    account = an_account(AccountMode.HEDGING, (1, BUY, "0.3"), (2, SELL, "0.2"), pending=pending)
    assert {volume for _, volume in projected_legs(order, account)} == {D(one) for one in sides}


def test_without_a_mark_exposure_is_unknown() -> None:
    account = an_account(AccountMode.HEDGING, (1, BUY, "0.3"))
    account.cursor.marks.clear()
    assert (gross_exposure(None, account), exposures(None, account), projected_margin(None, account)) == (
        None,
        None,
        None,
    )
