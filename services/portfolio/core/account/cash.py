"""Double-entry accounting of cash.

Each movement of the balance is posted to CASH and, with the opposite sign, to its category. So the postings of a deal
sum to zero, and the postings to CASH sum to the balance. In the sums of postings to a category a loss or a charge is
positive, which is the opposite of the cash sign. `cash_flows` and `cash_by_category` return amounts in the cash
sign: a charge is negative (docs/glossary.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

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


def cash_flows(deal: VenueDeal) -> CashSums:
    """Return the cash of a deal by category, charges negative, without zero amounts."""
    found: CashSums = {}
    if deal.profit:
        found[_CATEGORY_OF_PROFIT[deal.kind]] = ZERO + deal.profit
    if deal.commission:
        found[CashAccount.COMMISSION] = found.get(CashAccount.COMMISSION, ZERO) + deal.commission
    if deal.swap:
        found[CashAccount.SWAP] = found.get(CashAccount.SWAP, ZERO) + deal.swap
    return found if all(found.values()) else {account: amount for account, amount in found.items() if amount}


def post(sums: CashSums, flows: Mapping[CashAccount, Decimal]) -> None:
    """Post the result of `cash_flows` in `sums`: each amount to CASH, and with the opposite sign to its category."""
    for account, amount in flows.items():
        sums[CashAccount.CASH] = sums.get(CashAccount.CASH, ZERO) + amount
        sums[account] = sums.get(account, ZERO) - amount


def cash_by_category(sums: Mapping[CashAccount, Decimal]) -> CashSums:
    """Return the cash by category, charges negative, from the `sums` of `post`. The total is the balance."""
    return {account: -sums.get(account, ZERO) for account in CashAccount if account is not CashAccount.CASH}
