"""Double-entry accounting of cash.

Each movement of the balance is posted to CASH and, with the opposite sign, to its category. So the postings of a deal
sum to zero, and the postings to CASH sum to the balance. In the sums of postings to a category a loss or a charge is
positive, which is the opposite of the cash sign. `cash_flows`, `cash_totals` and `cash_by_category` return amounts in
the cash sign: a charge is negative (docs/glossary.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from proto.gateway import DealKind, VenueDeal
from proto.trading.units import ZERO


class CashAccount(StrEnum):
    """CASH and the categories of its movements."""

    CASH = "cash"
    REALIZED_PNL = "realised_profit"
    COMMISSION = "commission"
    SWAP = "swap"
    DEPOSITS = "deposits"
    CORRECTIONS = "corrections"


CashSums = dict[CashAccount, Decimal]

_CATEGORY_OF_PROFIT: Final = {
    DealKind.BUY: CashAccount.REALIZED_PNL,
    DealKind.SELL: CashAccount.REALIZED_PNL,
    DealKind.BALANCE: CashAccount.DEPOSITS,
    DealKind.SWAP: CashAccount.SWAP,
    DealKind.COMMISSION: CashAccount.COMMISSION,
    DealKind.CORRECTION: CashAccount.CORRECTIONS,
}
"""Category of a deal's field `profit`.

In this field MetaTrader stores the profit of a trade, and the amount of any other deal.
"""


class Posting(Struct, frozen=True, kw_only=True):
    """One side of an entry: `amount` in account currency; `order_id` of the desk's order, empty without one."""

    deal: int
    order_id: str
    symbol: str
    account: CashAccount
    amount: Decimal
    time_ns: int


def cash_flows(deal: VenueDeal) -> CashSums:
    """Return the cash of a deal by category, charges negative, without zero amounts."""
    found: CashSums = {}
    for account, amount in (
        (_CATEGORY_OF_PROFIT[deal.kind], deal.profit),
        (CashAccount.COMMISSION, deal.commission),
        (CashAccount.SWAP, deal.swap),
    ):
        if amount:
            found[account] = found.get(account, ZERO) + amount
    return {account: amount for account, amount in found.items() if amount}


def postings(deal: VenueDeal, order_id: str = "") -> list[Posting]:
    """Return the postings of a deal in pairs, CASH first. They sum to zero, and none is zero."""
    return [
        Posting(
            deal=deal.deal,
            order_id=order_id,
            symbol=deal.symbol,
            account=posted,
            amount=signed,
            time_ns=deal.time_ns,
        )
        for account, amount in cash_flows(deal).items()
        for posted, signed in ((CashAccount.CASH, amount), (account, -amount))
    ]


def post(sums: CashSums, entries: Iterable[Posting]) -> None:
    """Add postings to `sums` in place."""
    for entry in entries:
        sums[entry.account] = sums.get(entry.account, ZERO) + entry.amount


def cash_totals(deals: Iterable[VenueDeal]) -> CashSums:
    """Return the cash of deals by category, charges negative. Every category except CASH has an entry."""
    sums: CashSums = {account: ZERO for account in CashAccount if account is not CashAccount.CASH}
    for deal in deals:
        for account, amount in cash_flows(deal).items():
            sums[account] += amount
    return sums


def cash_by_category(sums: Mapping[CashAccount, Decimal]) -> CashSums:
    """Return the cash by category, charges negative, from the `sums` of `post`. The total is the balance."""
    return {account: -sums.get(account, ZERO) for account in CashAccount if account is not CashAccount.CASH}
