"""Cash as double entry.

Each movement of the balance is posted to CASH and, negated, to its category. The postings of a deal sum to zero, and
the postings to CASH sum to the balance. So `post` sums of a category have the opposite sign of cash: a loss or a charge
is positive there. `cash_flows`, `cash_totals` and `cash_by_category` are in the cash sign, where a charge is negative
(docs/glossary.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from proto.gateway import DealKind, VenueDeal
from services.portfolio.core.account.position import ZERO


class CashAccount(StrEnum):
    """CASH and the categories of its movements."""

    CASH = "cash"
    REALIZED_PNL = "realised_profit"
    COMMISSION = "commission"
    SWAP = "swap"
    DEPOSITS = "deposits"
    CORRECTIONS = "corrections"


CashSums = dict[CashAccount, Decimal]

_PROFIT_OF: Final = {
    DealKind.BUY: CashAccount.REALIZED_PNL,
    DealKind.SELL: CashAccount.REALIZED_PNL,
    DealKind.BALANCE: CashAccount.DEPOSITS,
    DealKind.SWAP: CashAccount.SWAP,
    DealKind.COMMISSION: CashAccount.COMMISSION,
    DealKind.CORRECTION: CashAccount.CORRECTIONS,
}
"""Category of a deal's `profit`: MetaTrader stores the amount of every deal there, also of deals that are no trades."""


class Posting(Struct, frozen=True, kw_only=True):
    """One side of an entry, in account currency; `order_id` is the desk's or empty."""

    deal: int
    order_id: str
    symbol: str
    account: CashAccount
    amount: Decimal
    time_ns: int


def cash_flows(deal: VenueDeal) -> CashSums:
    """Cash of a deal by category, charges negative, zero amounts left out."""
    found: CashSums = {}
    for account, amount in (
        (_PROFIT_OF[deal.kind], deal.profit),
        (CashAccount.COMMISSION, deal.commission),
        (CashAccount.SWAP, deal.swap),
    ):
        if amount:
            found[account] = found.get(account, ZERO) + amount
    return {account: amount for account, amount in found.items() if amount}


def postings(deal: VenueDeal, order_id: str = "") -> list[Posting]:
    """Entries of a deal in pairs, CASH first; they sum to zero and none is zero."""
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
    """Cash of deals by category, charges negative; every category but CASH is present."""
    sums: CashSums = {account: ZERO for account in CashAccount if account is not CashAccount.CASH}
    for deal in deals:
        for account, amount in cash_flows(deal).items():
            sums[account] += amount
    return sums


def cash_by_category(sums: Mapping[CashAccount, Decimal]) -> CashSums:
    """Cash by category, charges negative; sums to the balance. `sums` are those of `post`."""
    return {account: -sums.get(account, ZERO) for account in CashAccount if account is not CashAccount.CASH}
