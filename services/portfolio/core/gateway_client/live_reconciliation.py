"""Reconciliation of a live desk: when it runs, and the consequences of a difference.

A difference is confirmed if two consecutive comparisons find it while no order of its symbol is open: the account may
change between two replies, so that one comparison alone may show a difference that does not exist. If resting orders of
the symbol are open, the difference must last until the venue's history is final, because a deal that the venue does not
show yet may have executed one of them. Differences in status, volume and price of an open order are left to the tracker
of the order, which queries it repeatedly. A missing open order is left to its tracker as well.

A confirmed difference halts trading durably; the reason states both values. A foreign order is a difference until a
person acknowledges it (`RESUME`), unless the limits allow foreign orders. Different stops do not halt trading: the
venue's stops are in force, and the desk adopts them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from msgspec import structs

from proto.control import Difference, ReconcileReply, TradingState
from proto.gateway import AccountReply, OrderReplyStatus, Request, VenueOrder, VenuePosition
from proto.trading.units import decimal_text, to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import ProtectionSet, Reconciled, ReconciliationWatermark
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import Leg
from services.portfolio.core.account.protection import Protection, protection_key
from services.portfolio.core.gateway_client.deals import HISTORY_FINAL_AFTER_NS
from services.portfolio.core.gateway_client.difference_times import DifferenceTimes, difference_key
from services.portfolio.core.gateway_client.effects import Effect, Pause, PullDeals, ReportComparison
from services.portfolio.core.gateway_client.instruments import request_instruments
from services.portfolio.core.gateway_client.reconciliation import (
    ReconciliationResult,
    SymbolDifference,
    collect_differences,
)
from services.portfolio.core.gateway_client.requests import cancel_request
from services.portfolio.core.gateway_client.rollback import adopt_terms, adopt_unknown_ids, unknown_ids
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.plan.plan import MANUAL_TAG
from services.portfolio.core.state.portfolio_state import PortfolioState

RECHECK_DELAY_NS: Final = 1_000_000_000
"""Time between the two comparisons that confirm a difference."""

_OrderState = tuple[str, OrderStatus, int]
"""Id, status and answered revision of an open order."""

_AccountSnapshot = dict[str, tuple[tuple[_OrderState, ...], tuple[Leg, ...] | Decimal]]

_NOTHING: Final[tuple[tuple[_OrderState, ...], tuple[Leg, ...]]] = ((), ())

_LEFT_TO_TRACKERS: Final = ("status", "volume", "price", "missing_order")


class Reconciler:
    """Runs the reconciliations of one live desk."""

    def __init__(self, state: PortfolioState) -> None:
        """Let the first reconciliation be due at once."""
        self._state = state
        self._is_asked = False
        self._last_differences: list[Difference] = []
        self._times = DifferenceTimes()
        self.due_ns = 0

    def request_full(self) -> None:
        """Let a full comparison be due at once; its result is reported to the person who requested it."""
        self._is_asked = True
        self.due_ns = 0

    def run(self, *, is_start: bool = False) -> GatewayTask:
        """Compare once, a second time if there is a difference, and record the result."""
        state, is_for_person = self._state, self._is_asked
        unproven = set(state.warnings.unproven_symbols)
        self._is_asked = False
        self.due_ns = state.stream.now.mono_ns + state.config.reconcile_every_ns
        since = ReconciliationWatermark() if is_for_person else state.account.book.cleared
        if not is_start:
            yield from request_instruments(state.account, state.warnings, *state.config.quoted)
        findings = self._new_result()
        found = yield from self._compare(findings, since)
        if unknown := unknown_ids(state.account.book, findings.orders):
            adopt_unknown_ids(state, unknown)
        for order in findings.lost_modifications:
            adopt_terms(state, order)  # safe: the ledger stores each revision before it is sent to the venue
        yield from self._cancel_presumed_expired(findings.orders)
        if found:
            before = set(map(difference_key, found))
            yield Pause(RECHECK_DELAY_NS)
            findings = self._new_result()
            found = [one for one in (yield from self._compare(findings, since)) if difference_key(one) in before]
        confirmed = [one for one in found if self._is_final(one)]
        stops = {one.difference.subject for one in confirmed if one.difference.kind == "stops"}
        for position in findings.stop_mismatches:
            if _stops_key(state, position) in stops:
                state.account.emit(_venue_stops_adopted(state, position))
        state.account.on_foreign_orders(findings.foreign_tickets)
        if allowed := sorted(set(findings.allowed_foreign_tickets) - state.account.book.acknowledged):
            state.account.allow_foreign_orders(allowed)
        if is_for_person:
            shown = [
                one.difference if one in confirmed else _unconfirmed(one.difference) for one in _without_stops(found)
            ]
            yield ReportComparison(ReconcileReply(complete=True, differences=shown, error=""))
        self._record_result(findings, [one.difference for one in _without_stops(confirmed)], is_start=is_start)
        state.warnings.on_comparison(unproven)

    def _new_result(self) -> ReconciliationResult:
        state = self._state
        is_wrong = state.config.limits.foreign_orders is ForeignOrderPolicy.HALT
        return ReconciliationResult(are_foreign_orders_differences=is_wrong, adopted_ids=state.account.book.seen_ids)

    def _cancel_presumed_expired(self, orders: list[VenueOrder]) -> GatewayTask:
        """Cancel orders that were presumed to have expired but are open at the venue, and pull their deals."""
        state = self._state
        for shown in orders:
            mine = state.account.book.orders.get(shown.order_id)
            if mine is None or mine.status is not OrderStatus.PRESUMED_EXPIRED or state.lease.is_superseded:
                continue
            if shown.status in (OrderReplyStatus.ACCEPTED, OrderReplyStatus.PARTIALLY_FILLED):
                yield cancel_request(mine, ordinal=0, epoch=state.lease.epoch)
                yield PullDeals()

    def _compare(
        self, findings: ReconciliationResult, since: ReconciliationWatermark
    ) -> Generator[Request | Effect, Any, list[SymbolDifference]]:
        """Compare once; returns the differences that a second comparison may find again."""
        state, book = self._state, self._state.account.book
        before = _account_snapshot(book)
        yield from collect_differences(book, findings, since=since)
        state.warnings.conditions.update("MARGIN_CALL", _margin_call(findings.account))
        if findings.missing_deals:
            yield PullDeals(after=min(findings.missing_deals) - 1)
        is_full = since == ReconciliationWatermark()
        self._times.update(findings.symbol_differences, state.stream.now.mono_ns, is_full=is_full)
        after = _account_snapshot(book)
        return [one for one in findings.symbol_differences if _is_stable(one, before, after) and self._counts(one)]

    def _counts(self, finding: SymbolDifference) -> bool:
        """Whether no order in flight explains a difference, and it is not left to the tracker of an open order."""
        book = self._state.account.book
        if finding.order_id in book.open_orders and finding.difference.kind in _LEFT_TO_TRACKERS:
            return False
        return all(order.is_resting for order in _orders_concerned(finding, book))

    def _is_final(self, finding: SymbolDifference) -> bool:
        """Whether no order explains a difference: none is open, or the difference has lasted long enough."""
        state = self._state
        if not any(_orders_concerned(finding, state.account.book)):
            return True
        return self._times.lasted_ns(finding, state.stream.now.mono_ns) >= HISTORY_FINAL_AFTER_NS

    def _record_result(self, findings: ReconciliationResult, differences: list[Difference], *, is_start: bool) -> None:
        state, book = self._state, self._state.account.book
        cleared = (
            book.cleared if differences or findings.symbol_differences else _next_watermark(state, findings.orders)
        )
        is_news = cleared != book.cleared or (differences and differences != self._last_differences)
        self._last_differences = differences
        if is_news or is_start:
            state.account.emit(
                Reconciled(
                    ordinal=state.stream.cursor.ordinal,
                    at_end=False,
                    balance=book.balance,
                    differences=differences,
                    cleared=cleared,
                )
            )
        if differences:
            first = differences[0]
            state.account.restrict_trading(
                TradingState.HALTED,
                "RECONCILIATION",
                f"{len(differences)} differences from the venue, the first: {first.kind} {first.subject}: "
                f"ledger {first.ledger}, venue {first.venue}",
                by="reconciliation",
            )


def _venue_stops_adopted(state: PortfolioState, position: VenuePosition) -> ProtectionSet:
    """The event that adopts the venue's stops: a person moved them, or the deal that set them was reported late."""
    ticket = position.ticket if state.account.book.is_hedging else 0
    guard = state.account.book.protections.get(_stops_key(state, position))
    guard = guard or Protection(symbol=position.symbol, position=ticket, tag=MANUAL_TAG)
    revision = max(guard.revision, position.revision)
    quote = state.stream.market.quotes.get(position.symbol)
    return ProtectionSet(
        protection=structs.replace(
            guard,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            revision=revision,
            answered=revision,
            error="",
        ),
        why="the venue has other stops than were known",
        ordinal=state.stream.cursor.ordinal,
        time_ns=state.stream.now.domain_ns,
        bid=Decimal(0) if quote is None else to_decimal(quote.bid),
        ask=Decimal(0) if quote is None else to_decimal(quote.ask),
    )


def _account_snapshot(book: Book) -> _AccountSnapshot:
    """Open orders and legs by symbol, and the balance under an empty symbol; two snapshots reveal a change."""
    symbols = {*book.positions, *book.open_orders.values()}
    seen: _AccountSnapshot = {
        symbol: (
            tuple((order.order_id, order.status, order.revision_answered) for order in book.open_orders_of(symbol)),
            book.positions[symbol].legs if symbol in book.positions else (),
        )
        for symbol in symbols
    }
    seen[""] = ((), book.balance)
    return seen


def _is_stable(finding: SymbolDifference, before: _AccountSnapshot, after: _AccountSnapshot) -> bool:
    """Whether the difference's symbol did not change during the comparison; for cash, whether no symbol did."""
    if not finding.symbol:
        return before == after
    return before.get(finding.symbol, _NOTHING) == after.get(finding.symbol, _NOTHING)


def _orders_concerned(finding: SymbolDifference, book: Book) -> Iterator[Order]:
    """The open orders of the difference's symbol; for cash, of every symbol."""
    return (book.orders[one] for one, symbol in book.open_orders.items() if finding.symbol in ("", symbol))


def _without_stops(found: list[SymbolDifference]) -> list[SymbolDifference]:
    return [one for one in found if one.difference.kind != "stops"]


def _unconfirmed(difference: Difference) -> Difference:
    return structs.replace(difference, remedy="not confirmed: a deal of a resting order may not be shown yet")


def _stops_key(state: PortfolioState, position: VenuePosition) -> str:
    return protection_key(position.symbol, position.ticket if state.account.book.is_hedging else 0)


def _next_watermark(state: PortfolioState, orders: list[VenueOrder]) -> ReconciliationWatermark:
    """The numbers after which the next comparison begins: those before the first order or deal that may change."""
    book = state.account.book
    horizon_ns = state.stream.now.domain_ns - HISTORY_FINAL_AFTER_NS
    ticket, deal, number = book.cleared.ticket, book.cleared.deal, book.cleared.number
    for order in islice(book.orders.values(), number, None):
        if order.status.is_open or max(order.created_ns, order.ended_ns) >= horizon_ns:
            break
        number = order.number
    open_tickets = {book.orders[order_id].ticket for order_id in book.open_orders}
    for shown in orders:
        if shown.time_ns >= horizon_ns or shown.ticket in open_tickets:
            break
        ticket = max(ticket, shown.ticket)
    for booked in book.deals_after(deal):
        if booked.time_ns >= horizon_ns:
            break
        deal = booked.deal
    return ReconciliationWatermark(ticket=ticket, deal=deal, number=number)


def _margin_call(account: AccountReply | None) -> str:
    """The condition's text if the margin level is below the venue's margin call level; empty otherwise."""
    if account is None or not account.is_margin_call:
        return ""
    level, call, stop_out = account.margin_level_pct, account.margin_call_level_pct, account.stop_out_level_pct
    assert level is not None
    assert call is not None
    text = f"MARGIN CALL: the margin level is {level:.0f} %, the margin call level {decimal_text(call)} %"
    return text if stop_out is None else f"{text}, the stop-out level {decimal_text(stop_out)} %"
