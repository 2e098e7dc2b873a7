"""Detection of outdated files: a ledger or journal that has lost orders, or a broker's book that has lost deals.

A restored copy, a snapshot or a lost write-ahead log leaves an intact file with an earlier state. Only a comparison
with other records reveals this: the journal contains every order id that the gateway has received, and the ledger
contains every deal that portfolio has booked. If the ledger is outdated, portfolio takes another incarnation before it
makes an order, so that no id is used twice, and halts until a person resumes trading. If the broker's book is outdated,
the desk does not trade until the current book is restored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from typing import Final

from proto.control import TradingState
from proto.gateway import DealsReply, GetDeals, HelloReply, KnownIds, Reply, Request, VenueDeal, VenueOrder
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import OrderModifyAnswered, OrderModifyRequested
from services.portfolio.core.account.orders import INCARNATION_CHARS, OrderTerms, id_parts
from services.portfolio.core.gateway_client.reconciliation import deal_difference, deal_text
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.portfolio_state import PortfolioState

_REMEDY: Final = (
    "restore a copy of the broker's book that is as recent as the ledger, "
    "or begin a new account in an empty data directory"
)


def check_ids(state: PortfolioState, hello: HelloReply) -> None:
    """Take another incarnation if the gateway has recorded order ids, or an epoch, that the ledger lacks.

    Only a live desk calls this: a repeated lock-step stream uses the same ids for the same orders.
    """
    state.account.confirm_ids()
    if hello.known_ids is not None and adopt_unknown_ids(state, hello.known_ids):
        return
    book = state.account.book
    if not state.lease.epoch and hello.journal_id == book.journal_id and hello.epoch > book.epoch:
        why = f"the gateway leased epoch {hello.epoch}, the ledger has {book.epoch}: the ledger may be outdated"
        _take_incarnation(state, why, hello.known_ids or {})


def adopt_unknown_ids(state: PortfolioState, known: Mapping[str, KnownIds]) -> bool:
    """Halt and take another incarnation if `known` has order ids that the ledger lacks; return whether it has any.

    The ledger then records the highest number of each incarnation in `known`, so that a later call does not count these
    ids again.

    Args:
        state: the owners of the desk's state.
        known: by incarnation, the ids that the gateway or the venue has.
    """
    book = state.account.book
    highest = _highest_numbers(book)
    missing = {
        incarnation: min(ids.count, ids.highest - highest.get(incarnation, 0))
        for incarnation, ids in known.items()
        if ids.highest > highest.get(incarnation, 0)
    }
    if not missing:
        return False
    assert book.stream is not None
    count, named = sum(missing.values()), ", ".join(sorted(missing)[:3])
    text = (
        f"the gateway has {count} order{'s' * (count != 1)} of incarnation {named} that this ledger lacks: "
        "the ledger is outdated, or another desk trades this account"
    )
    _take_incarnation(state, text, known)
    _halt(state.account, text)
    return True


def adopt_terms(state: PortfolioState, order: VenueOrder) -> None:
    """Adopt the venue's terms of a resting order whose modification the ledger has lost, and halt trading."""
    mine, now_ns = state.account.book.orders[order.order_id], state.stream.now.domain_ns
    text = (
        f"order {order.order_id} has revision {order.revision} at the venue, {mine.revision} in the ledger: "
        "the ledger is outdated"
    )
    terms = OrderTerms(
        limit_price=order.price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        expires_ns=order.expires_ns or mine.terms.expires_ns,
    )
    state.account.emit(
        OrderModifyRequested(order_id=order.order_id, terms=terms, revision=order.revision, time_ns=now_ns)
    )
    state.account.emit(
        OrderModifyAnswered(order_id=order.order_id, terms=terms, revision=order.revision, error="", time_ns=now_ns)
    )
    _take_incarnation(state, text, {})
    _halt(state.account, text)


def unknown_ids(book: Book, orders: list[VenueOrder]) -> dict[str, KnownIds]:
    """Return the order ids of the current incarnation that the venue lists and the ledger lacks.

    This detects an outdated ledger even if the gateway has no journal.
    """
    assert book.stream is not None
    found: dict[str, KnownIds] = {}
    for order in orders:
        incarnation, number = id_parts(order.order_id)
        if number and incarnation == book.stream.incarnation and order.order_id not in book.orders:
            before = found.get(incarnation, KnownIds(0, 0))
            found[incarnation] = KnownIds(before.count + 1, max(before.highest, number))
    return found


def has_journal_gone_back(book: Book, hello: HelloReply) -> bool:
    """Whether the journal is outdated: it lacks the id of the ledger's latest order that has a ticket.

    The gateway records an id before it sends the order to the venue, which assigns the ticket.
    """
    if hello.known_ids is None or hello.journal_id != book.journal_id:
        return False
    for order in reversed(book.orders.values()):
        if order.ticket is not None:
            incarnation, number = id_parts(order.order_id)
            known = hello.known_ids.get(incarnation)
            return bool(number) and (known is None or known.highest < number)
    return False


def require_every_deal(state: PortfolioState, hello: HelloReply) -> bool:
    """Fail the desk if the venue's newest deal has a lower number than the last booked deal.

    Returns True if the desk has no venue fault.
    """
    booked = state.account.book.deal_cursor
    if hello.deal_cursor is not None and hello.deal_cursor < booked:
        text = f"the venue has deals up to {hello.deal_cursor}, the ledger has booked {booked}"
        fail_for_venue(state, f"{text}: the broker's book is outdated")
    return not state.warnings.venue_fault


def require_last_deal(state: PortfolioState) -> Generator[Request, Reply | None, bool]:
    """Fail the desk if the venue has another deal under the number of the last booked deal.

    Returns True if the desk has no venue fault.
    """
    if not state.account.book.deals:
        return True
    last = state.account.book.deals[-1]
    reply = yield GetDeals(after=last.deal - 1, limit=1)
    assert isinstance(reply, DealsReply)
    for shown in reply.deals:
        require_same_deal(state, last, shown)
    return not state.warnings.venue_fault


def require_same_deal(state: PortfolioState, booked: VenueDeal, shown: VenueDeal) -> None:
    """Fail the desk if `shown` has the number of `booked` but is another deal."""
    if shown.deal != booked.deal or state.warnings.venue_fault:
        return
    is_other_order = booked.order_id and shown.order_id and booked.order_id != shown.order_id
    if deal_difference(booked, shown) is not None or is_other_order:
        fail_for_venue(
            state,
            f"deal {booked.deal} is {deal_text(shown)} at the venue, the ledger has booked {deal_text(booked)}: "
            "the broker's book is outdated, or is that of another account",
        )


def fail_for_venue(state: PortfolioState, why: str) -> None:
    """Halt trading and fail the desk, because the venue would give its next deals the numbers of booked deals."""
    fault = f"{why}; {_REMEDY}"
    state.warnings.on_venue_fault(fault)
    state.account.restrict_trading(TradingState.HALTED, "VENUE_ROLLED_BACK", fault, by="venue")
    state.stream.fail_until_restart(fault)


def _halt(account: AccountState, text: str) -> None:
    """Halt trading. The stored reason contains `text` and the text of an earlier cause LEDGER_ROLLED_BACK."""
    trading = account.book.trading
    present = [cause.text for cause in account.state_causes if cause.code == "LEDGER_ROLLED_BACK"]
    if trading is None or not present:
        account.restrict_trading(TradingState.HALTED, "LEDGER_ROLLED_BACK", text, by="ledger")
    else:
        both = f"{text}; {present[0]}"
        account.set_trading_state(TradingState.HALTED, "LEDGER_ROLLED_BACK", both, by="ledger", flatten=trading.flatten)


def _take_incarnation(state: PortfolioState, why: str, known: Mapping[str, KnownIds]) -> None:
    incarnation = state.account.incarnation
    while incarnation == state.account.incarnation or incarnation in known:
        incarnation = hashlib.sha256(f"{incarnation} {state.lease.boot_id}".encode()).hexdigest()[:INCARNATION_CHARS]
    seen = {name: ids.highest for name, ids in known.items()}
    state.account.take_incarnation(incarnation, why, seen, state.stream.now.domain_ns)


def _highest_numbers(book: Book) -> dict[str, int]:
    """By incarnation, the highest number of an order id that the ledger has assigned or adopted."""
    highest = {id_parts(order_id)[0]: order.number for order_id, order in book.orders.items()}
    for incarnation, number in book.seen_ids.items():
        highest[incarnation] = max(number, highest.get(incarnation, 0))
    return highest
