"""The simulated venue and the second venue both make exactly the deals of `deals_by_hand.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from marketdata.instruments import find_instrument
from tests.venue_by_document.book import Deal, Tick
from tests.venue_by_document.gateway_case import GatewayCase
from tests.venue_by_document.hand_table import HandCase, HandDeal, hand_cases
from tests.venue_by_document.simulator import Simulator
from tests.venue_by_document.terms import SymbolTerms, terms_of_instrument
from tests.venue_by_document.terms_file import terms_of_table

CASES: Final = list(hand_cases())
DEALS_MIN: Final = 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gateway_has_the_deals_orders_and_money_computed_by_hand(case: HandCase, tmp_path: Path) -> None:
    played = GatewayCase(case, tmp_path)
    played.play()
    assert played.deals == case.deals
    for order_id, (status, retcode) in case.ends.items():
        found = played.end_of(order_id)
        assert found == (status, retcode or found[1]), order_id
    assert played.change_answers == case.changes
    account = played.account
    assert (account.balance, account.equity, account.margin) == (case.balance, case.equity, case.margin)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_second_venue_has_the_deals_orders_and_money_computed_by_hand(case: HandCase) -> None:
    terms = {quote.symbol: _terms_of(case, quote.symbol) for quote in case.quotes}
    ticks = [
        Tick(ordinal, quote.symbol, quote.time_ns, float(quote.bid), float(quote.ask))
        for ordinal, quote in enumerate(case.quotes, 1)
    ]
    found = Simulator(case.account, terms, case.profile).run(ticks, case.requests)
    first = case.deals[0].number if case.deals else 0
    assert [_hand_deal(number, deal) for number, deal in enumerate(found.deals, first)] == case.deals
    for order_id, (status, retcode) in case.ends.items():
        order = found.orders[order_id]
        assert (order.state.name if order.has_ended else "ACCEPTED") == status, order_id
        assert retcode is None or order.retcode == retcode, order_id
    assert found.changes == case.changes
    assert (found.balance, found.equity, found.margin) == (case.balance, case.equity, case.margin)


def _terms_of(case: HandCase, symbol: str) -> SymbolTerms:
    if symbol in case.instruments:
        return terms_of_table(symbol, case.instruments[symbol])
    own = find_instrument(symbol)
    assert own is not None
    return terms_of_instrument(own)


def _hand_deal(number: int, deal: Deal) -> HandDeal:
    return HandDeal(
        number=number,
        time_ns=deal.time_ns,
        kind=deal.kind,
        entry=deal.entry,
        order=deal.order_id,
        position=deal.position,
        reason=deal.reason,
        lots=deal.volume,
        price=deal.price,
        profit=deal.profit,
        commission=deal.commission,
        swap=deal.swap,
    )


def test_table_has_at_least_40_deals_numbered_from_one() -> None:
    numbers = [deal.number for case in CASES for deal in case.deals]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= DEALS_MIN
