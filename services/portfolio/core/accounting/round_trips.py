"""Round trips: each pair of an opening and a closing fill, with its profit and costs.

A `LotMatcher` takes the deals in the order of their numbers and makes the round trips. A `RoundTripTracker` adds the
deals of a book to it, in portions whose size the caller limits, and keeps the round trips. Within a ticket, lots are
closed first in, first out. The costs of a fill are divided among the lots in proportion to volume by the largest
remainder method. So profit - commission - swap, summed over round trips, open lots and unassigned amounts, is exactly
the cash of the deals without deposits and corrections.

The venue computes the profit of a deal from the average price. So the profit of a deal is divided among the lots that
it closed, in proportion to volume, while the `gross` of a round trip is computed from the prices of the round trip.
Costs are positive when paid (`costs.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from proto.gateway import DealReason, VenueDeal
from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from proto.trading.units import ZERO
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount, cash_flows
from services.portfolio.core.account.position import ClosedLot, Leg, Lot, Position
from services.portfolio.core.accounting.costs import UNTAGGED, allocate, fill_costs


class Charges(NamedTuple):
    """Costs in account currency, positive when paid; an unknown spread or slippage counts as 0."""

    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO

    def plus(self, other: Charges) -> Charges:
        """Return the sum of both, each cost by itself."""
        return Charges(*(one + two for one, two in zip(self, other, strict=True)))


class RoundTrip(Struct, frozen=True, kw_only=True):
    """A lot or a part of a lot from its opening deal to its closing deal.

    `direction` is +1 for long, -1 for short; `volume` is in lots. `position` is the ticket, 0 on a netting account.
    `tag` is the tag of the opening order, empty for a foreign order. `gross` is the profit in profit currency. All
    other amounts are in account currency, costs positive when paid.
    """

    symbol: str
    position: int
    direction: int
    volume: Decimal
    tag: str
    opened_by: int
    closed_by: int
    open_order_id: str
    close_order_id: str
    opened_ns: int
    closed_ns: int
    open_price: Decimal
    close_price: Decimal
    reason: DealReason
    gross: Decimal
    profit: Decimal
    spread: Decimal
    slippage: Decimal
    commission: Decimal
    swap: Decimal

    @property
    def net(self) -> Decimal:
        """Profit after commission and swap. The profit already contains spread and slippage."""
        return self.profit - self.commission - self.swap


class OpenLot(Struct, frozen=True, kw_only=True):
    """An open lot with its costs so far, positive when paid."""

    symbol: str
    tag: str
    lot: Lot
    charges: Charges


class TagPnl(NamedTuple):
    """Realized profit, commission and swap in account currency; commission and swap are positive when paid."""

    profit: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """Profit after commission and swap."""
        return self.profit - self.commission - self.swap

    def plus(self, *, profit: Decimal = ZERO, commission: Decimal = ZERO, swap: Decimal = ZERO) -> TagPnl:
        """A copy with these amounts added."""
        return TagPnl(self.profit + profit, self.commission + commission, self.swap + swap)


class RoundTripResult(NamedTuple):
    """Round trips (in the order of their closing deals), open lots, and the amounts that belong to no lot."""

    round_trips: list[RoundTrip]
    open: list[OpenLot]
    unassigned: TagPnl


def list_round_trips(book: Book) -> list[RoundTrip]:
    """Return all round trips of the account, in the order of their closing deals."""
    return compute_round_trips(book).round_trips


def compute_round_trips(book: Book) -> RoundTripResult:
    """Return round trips, open lots and unassigned amounts of all deals."""
    return track_round_trips(book).result()


def pnl_by_tag(book: Book) -> dict[str, TagPnl]:
    """Return the result of all deals by tag, as `RoundTripTracker.pnl_by_tag` does."""
    return track_round_trips(book).pnl_by_tag()


def track_round_trips(book: Book) -> RoundTripTracker:
    """Return a tracker that has processed every deal of the account."""
    tracker = RoundTripTracker(book)
    tracker.process_deals()
    return tracker


class OpenLotsState(Struct, frozen=True, kw_only=True):
    """State of `LotMatcher` as plain values.

    `lots` and `legs` are those of each position by symbol, `terms` the terms that each symbol's profit was computed
    with. The other fields are by the number of a lot's opening deal: the deal, the id of its order, the costs so far
    and the remaining volume. `unassigned` are the amounts that belong to no lot.
    """

    lots: dict[str, list[Lot]]
    legs: dict[str, list[Leg]]
    terms: dict[str, Instrument]
    openers: dict[str, VenueDeal]
    order_ids: dict[int, str]
    carried: dict[str, Charges]
    left: dict[str, Decimal]
    unassigned: TagPnl


class LotMatcher:
    """Makes the round trips that each deal completes, and keeps only the open lots.

    It reads from the book the stream, the instruments, and the orders of the added deal and of the open lots with their
    entries in `order_of_deal`. The caller may drop all other orders.
    """

    def __init__(self, book: Book, state: OpenLotsState | None = None) -> None:
        """Start before the first deal, or from the `state` of an earlier matcher of the same account."""
        self._book = book
        self._terms: dict[str, Instrument] = {}
        self._positions: dict[str, Position] = {}
        self._openers: dict[str, VenueDeal] = {}
        """Opening deal of each open lot, by the number of the deal."""
        self._carried: dict[str, Charges] = {}
        """Costs of each open lot, by the number of its opening deal."""
        self._left: dict[str, Decimal] = {}
        """Remaining volume of each open lot, by the number of its opening deal."""
        self._unassigned = TagPnl()
        if state is not None:
            self._terms, self._openers = dict(state.terms), dict(state.openers)
            self._carried, self._left, self._unassigned = dict(state.carried), dict(state.left), state.unassigned
            self._positions = {
                symbol: Position(symbol, terms.multiplier, state.lots[symbol], state.legs[symbol])
                for symbol, terms in state.terms.items()
            }

    @property
    def state(self) -> OpenLotsState:
        """The state from which another matcher can continue."""
        numbers = [deal.deal for deal in self._openers.values()]
        return OpenLotsState(
            lots={symbol: list(position.lots) for symbol, position in self._positions.items()},
            legs={symbol: list(position.legs) for symbol, position in self._positions.items()},
            terms=dict(self._terms),
            openers=dict(self._openers),
            order_ids={deal: self._book.order_of_deal[deal] for deal in numbers if deal in self._book.order_of_deal},
            carried=dict(self._carried),
            left=dict(self._left),
            unassigned=self._unassigned,
        )

    @property
    def unassigned(self) -> TagPnl:
        """The amounts that belong to no lot."""
        return self._unassigned

    @property
    def has_current_terms(self) -> bool:
        """Whether no symbol's terms have changed since its first deal, so that the round trips are still valid."""
        return all(
            _profit_terms(terms) == _profit_terms(self._book.instruments[symbol])
            for symbol, terms in self._terms.items()
        )

    def open_lots(self) -> list[OpenLot]:
        """Return the open lots with their costs so far, by symbol."""
        return [
            OpenLot(symbol=symbol, tag=self._tag(lot.opened_by), lot=lot, charges=self._carried[lot.opened_by])
            for symbol, position in sorted(self._positions.items())
            for lot in position.lots
        ]

    def add(self, deal: VenueDeal) -> list[RoundTrip]:
        """Add the next deal, in the order of the deals' numbers, and return the round trips that it completed."""
        digits = 0 if self._book.stream is None else self._book.stream.currency_digits
        if deal.kind.is_trade:
            return self._trade(deal, digits)
        self._charge(deal, digits)
        return []

    def _trade(self, deal: VenueDeal, digits: int) -> list[RoundTrip]:
        costs = fill_costs(self._book, deal)
        name, ticket = str(deal.deal), self._book.position_ticket(deal)
        position = self._position(deal.symbol)
        closings = position.apply(
            side=Side(deal.kind.value),
            volume=deal.volume,
            price=deal.price,
            deal=name,
            time_ns=deal.time_ns,
            ticket=ticket,
        )
        closed = sum((one.volume for one in closings), ZERO)
        opened = deal.volume - closed
        parts = _parts(
            Charges(costs.spread or ZERO, costs.slippage or ZERO, costs.commission, costs.swap),
            [*(one.volume for one in closings), *([opened] if opened else [])],
            digits,
        )
        profits = allocate(costs.profit, [one.volume for one in closings], digits=digits) if closings else []
        trades = []
        for closing, charges, profit in zip(closings, parts, profits, strict=False):
            opener = self._openers[closing.opened_by]
            total = charges.plus(self._release(closing, digits))
            trades.append(self._closed(closing, opener, deal, total, profit))
        if opened:
            self._openers[name], self._carried[name], self._left[name] = deal, parts[-1], opened
        if not closings:
            self._unassigned = self._unassigned.plus(profit=costs.profit)
        return trades

    def _closed(
        self, closing: ClosedLot, opener: VenueDeal, deal: VenueDeal, total: Charges, profit: Decimal
    ) -> RoundTrip:
        return RoundTrip(
            symbol=deal.symbol,
            position=self._book.position_ticket(deal),
            direction=Side(opener.kind.value).sign,
            volume=closing.volume,
            tag=self._tag(closing.opened_by),
            opened_by=opener.deal,
            closed_by=deal.deal,
            open_order_id=self._book.order_of_deal.get(opener.deal, ""),
            close_order_id=self._book.order_of_deal.get(deal.deal, ""),
            opened_ns=opener.time_ns,
            closed_ns=deal.time_ns,
            open_price=closing.open_price,
            close_price=closing.close_price,
            reason=deal.reason,
            gross=closing.gross,
            profit=profit,
            spread=total.spread,
            slippage=total.slippage,
            commission=total.commission,
            swap=total.swap,
        )

    def _release(self, closing: ClosedLot, digits: int) -> Charges:
        """Remove the costs of the closed part from a lot, and return them."""
        name, rest = closing.opened_by, self._left[closing.opened_by] - closing.volume
        carried = self._carried.pop(name)
        if not rest:
            del self._left[name], self._openers[name]
            return carried
        taken, kept = _parts(carried, [closing.volume, rest], digits)
        self._carried[name], self._left[name] = kept, rest
        return taken

    def _charge(self, deal: VenueDeal, digits: int) -> None:
        """Divide a charge that was booked as a separate deal among the lots of its symbol or ticket."""
        moved = cash_flows(deal)
        charges = Charges(commission=-moved.get(CashAccount.COMMISSION, ZERO), swap=-moved.get(CashAccount.SWAP, ZERO))
        lots = list(self._lots_charged(deal))
        if not lots:
            self._unassigned = self._unassigned.plus(commission=charges.commission, swap=charges.swap)
            return
        for lot, part in zip(lots, _parts(charges, [lot.volume for lot in lots], digits), strict=True):
            self._carried[lot.opened_by] = self._carried[lot.opened_by].plus(part)

    def _lots_charged(self, deal: VenueDeal) -> Iterator[Lot]:
        position, ticket = self._positions.get(deal.symbol), self._book.position_ticket(deal)
        for lot in () if position is None else position.lots:
            if not ticket or lot.position == ticket:
                yield lot

    def _position(self, symbol: str) -> Position:
        if symbol not in self._positions:
            terms = self._terms[symbol] = self._book.instruments[symbol]
            self._positions[symbol] = Position(symbol, terms.multiplier)
        return self._positions[symbol]

    def _tag(self, deal: str) -> str:
        order_id = self._book.order_of_deal.get(int(deal))
        return UNTAGGED if order_id is None else self._book.orders[order_id].tag


class RoundTripTracker:
    """Computes round trips from the deals of a book, step by step."""

    def __init__(self, book: Book) -> None:
        """Start before the first deal."""
        self._book = book
        self._begin()

    def _begin(self) -> None:
        self._done = 0
        self._lots = LotMatcher(self._book)
        self._trades: list[RoundTrip] = []
        self._by_tag: defaultdict[str, TagPnl] = defaultdict(TagPnl)
        """Result of the round trips by tag."""
        self._last = 0

    @property
    def deals_processed(self) -> int:
        """Number of processed deals."""
        return self._done

    @property
    def round_trips(self) -> Sequence[RoundTrip]:
        """Round trips of the processed deals, in the order of their closing deals.

        The reply to a trades query numbers them from 1.
        """
        return self._trades

    def process_deals(self, deals_max: int | None = None) -> bool:
        """Process up to `deals_max` further deals, or all if that is None; return whether no deal is left.

        After a late deal or a change of a symbol's terms, processing starts again from the first deal.
        """
        deals = self._book.deals
        if not self._is_up_to_date():
            self._begin()
        upto = len(deals) if deals_max is None else min(len(deals), self._done + deals_max)
        for deal in islice(deals, self._done, upto):
            for trade in self._lots.add(deal):
                self._trades.append(trade)
                more = self._by_tag[trade.tag].plus(profit=trade.profit, commission=trade.commission, swap=trade.swap)
                self._by_tag[trade.tag] = more
            self._last = deal.deal
        self._done = upto
        return self._done == len(deals)

    def result(self) -> RoundTripResult:
        """Return the result of the processed deals."""
        return RoundTripResult(self._trades, self._lots.open_lots(), self._lots.unassigned)

    def pnl_by_tag(self) -> dict[str, TagPnl]:
        """Return realized profit, commission and swap by the tag of the opening order, including open lots' costs.

        The sum over all tags is the balance without deposits and corrections. Lots without an order of the desk have
        the empty tag.
        """
        found = self._by_tag.copy()
        for one in self._lots.open_lots():
            found[one.tag] = found[one.tag].plus(commission=one.charges.commission, swap=one.charges.swap)
        if any(self._lots.unassigned):
            found[UNTAGGED] = found[UNTAGGED].plus(**self._lots.unassigned._asdict())
        return dict(sorted(found.items()))

    def _is_up_to_date(self) -> bool:
        """Whether the processed deals are still the first deals of the book and the terms have not changed since."""
        deals = self._book.deals
        is_prefix = not self._done or (self._done <= len(deals) and deals[self._done - 1].deal == self._last)
        return is_prefix and self._lots.has_current_terms


def _parts(charges: Charges, weights: list[Decimal], digits: int) -> list[Charges]:
    if len(weights) == 1:
        return [charges]
    columns = [allocate(amount, weights, digits=digits) for amount in charges]
    return [Charges(*row) for row in zip(*columns, strict=True)]


def _profit_terms(terms: Instrument) -> tuple[Decimal, str, str]:
    """Return the terms of a symbol that its round trips depend on."""
    return terms.multiplier, terms.base_currency, terms.profit_currency
