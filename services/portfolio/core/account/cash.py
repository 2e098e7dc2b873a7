"""Cash as double entry: every movement of the balance is a posting to cash against what it was for.

A deal gives postings that add up to zero. What comes in is positive on cash and negative on the account that it came from, so a loss or
a charge is positive there; each posting is tied to its deal, and through it to the order and the symbol. The balance is the sum
of the postings to cash.
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
    """What the desk keeps an account of."""

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
"""Where the `profit` of a deal comes from: MetaTrader writes the amount of every deal there, also of one that is no trade."""


class Posting(Struct, frozen=True, kw_only=True):
    """One side of an entry, in account currency; `order_id` is the desk's own order, empty without one."""

    deal: int
    order_id: str
    symbol: str
    account: CashAccount
    amount: Decimal
    time_ns: int


def cash_flows(deal: VenueDeal) -> CashSums:
    """What a deal brought (> 0) or took, by what it was for; without what is 0."""
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
    """The entries of a deal, cash first of each pair; they add up to zero, and none is for nothing."""
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
    """Add postings to the sums of their accounts."""
    for entry in entries:
        sums[entry.account] = sums.get(entry.account, ZERO) + entry.amount


def cash_totals(deals: Iterable[VenueDeal]) -> CashSums:
    """What deals brought or took by what it was for, every account named but cash, in the sign of the balance."""
    sums: CashSums = {account: ZERO for account in CashAccount if account is not CashAccount.CASH}
    for deal in deals:
        for account, amount in cash_flows(deal).items():
            sums[account] += amount
    return sums


def cash_by_category(sums: Mapping[CashAccount, Decimal]) -> CashSums:
    """The sums of a book as people read them: by what it was for, in the sign of the balance."""
    return {account: -sums.get(account, ZERO) for account in CashAccount if account is not CashAccount.CASH}
