"""Double-entry accounting of cash: the postings of each deal sum to zero, and totals are by category."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.gateway import DealEntry, DealKind
from services.portfolio.core.account.cash import CashAccount, cash_by_category, cash_flows, cash_totals, post, postings
from tests.support.builders import a_deal, a_deposit

D = Decimal
CASH, PROFIT, COMMISSION, SWAP = (
    CashAccount.CASH,
    CashAccount.REALIZED_PNL,
    CashAccount.COMMISSION,
    CashAccount.SWAP,
)


def test_a_trade_has_two_postings_for_each_of_profit_commission_and_swap() -> None:
    deal = a_deal(7, profit=D("10.50"), commission=D("-0.70"), swap=D("-0.05"))
    entries = postings(deal, "order-1")
    assert [(one.account, one.amount) for one in entries] == [
        (CASH, D("10.50")),
        (PROFIT, D("-10.50")),
        (CASH, D("-0.70")),
        (COMMISSION, D("0.70")),
        (CASH, D("-0.05")),
        (SWAP, D("0.05")),
    ]
    assert {(one.deal, one.order_id, one.symbol, one.time_ns) for one in entries} == {
        (7, "order-1", "EURUSD", deal.time_ns)
    }
    assert sum(one.amount for one in entries) == 0
    assert sum(one.amount for one in entries if one.account is CASH) == deal.cash


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


def test_a_deal_without_cash_has_no_postings() -> None:
    assert postings(a_deal(1)) == []


def test_totals_are_in_the_cash_sign() -> None:
    deals = [a_deposit(1, "100"), a_deal(2, profit=D("5"), commission=D("-1"))]
    sums: dict[CashAccount, Decimal] = {}
    for deal in deals:
        post(sums, postings(deal))
    assert sums[CASH] == 104
    assert cash_by_category(sums) == cash_totals(deals)
    assert cash_totals(deals) == {
        PROFIT: D(5),
        COMMISSION: D(-1),
        SWAP: D(0),
        CashAccount.DEPOSITS: D(100),
        CashAccount.CORRECTIONS: D(0),
    }
