"""Double-entry accounting of cash: the postings of each deal sum to zero, and totals are by category."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.gateway import DealEntry, DealKind, VenueDeal
from services.portfolio.core.account.cash import CashAccount, CashSums, cash_by_category, cash_flows, post
from tests.support.builders import a_deal, a_deposit

D = Decimal
CASH, PROFIT, COMMISSION, SWAP = (
    CashAccount.CASH,
    CashAccount.REALIZED_PNL,
    CashAccount.COMMISSION,
    CashAccount.SWAP,
)


def posted(*deals: VenueDeal) -> CashSums:
    """Return the sums of the postings of deals."""
    sums: CashSums = {}
    for deal in deals:
        post(sums, cash_flows(deal))
    return sums


def test_profit_commission_and_swap_of_a_trade_are_posted_to_cash_and_with_the_opposite_sign_to_a_category() -> None:
    deal = a_deal(7, profit=D("10.50"), commission=D("-0.70"), swap=D("-0.05"))
    sums = posted(deal)
    assert sums == {CASH: D("9.75"), PROFIT: D("-10.50"), COMMISSION: D("0.70"), SWAP: D("0.05")}
    assert sum(sums.values()) == 0
    assert sums[CASH] == deal.cash


@pytest.mark.parametrize(
    ("kind", "account"),
    [
        (DealKind.BUY, PROFIT),
        (DealKind.SELL, PROFIT),
        (DealKind.BALANCE, CashAccount.DEPOSITS),
        (DealKind.SWAP, SWAP),
        (DealKind.COMMISSION, COMMISSION),
        (DealKind.CORRECTION, CashAccount.CORRECTIONS),
    ],
)
def test_the_amount_of_a_deal_is_posted_to_the_category_of_its_kind(kind: DealKind, account: CashAccount) -> None:
    assert cash_flows(a_deal(1, kind=kind, entry=DealEntry.NONE, profit=D("-3.25"))) == {account: D("-3.25")}


def test_swap_amounts_in_the_fields_profit_and_swap_are_added() -> None:
    in_profit = a_deal(1, kind=DealKind.SWAP, entry=DealEntry.NONE, profit=D("-1.20"))
    in_swap = a_deal(2, kind=DealKind.SWAP, entry=DealEntry.NONE, swap=D("-1.20"))
    assert cash_flows(in_profit) == cash_flows(in_swap) == {SWAP: D("-1.20")}


def test_amounts_of_one_category_that_cancel_are_no_flow() -> None:
    deal = a_deal(1, kind=DealKind.SWAP, entry=DealEntry.NONE, profit=D("-1.20"), swap=D("1.20"))
    assert cash_flows(deal) == {}


def test_a_deal_without_cash_is_not_posted() -> None:
    assert posted(a_deal(1)) == {}


def test_totals_are_in_the_cash_sign() -> None:
    sums = posted(a_deposit(1, "100"), a_deal(2, profit=D("5"), commission=D("-1")))
    assert sums[CASH] == 104
    assert cash_by_category(sums) == {
        PROFIT: D(5),
        COMMISSION: D(-1),
        SWAP: D(0),
        CashAccount.DEPOSITS: D(100),
        CashAccount.CORRECTIONS: D(0),
    }
