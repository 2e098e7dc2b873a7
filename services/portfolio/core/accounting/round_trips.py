"""Round trips: which opening fill a closing fill ended, and what came of it, cost by cost.

The deals of the book are folded by number, lots first-in first-out within each ticket. A `RoundTripTracker` goes on from where it stood when
there are more of them, in portions as large as whoever asks has time for. A fill's costs go with its lots in proportion
to their volume; where a rounded amount is split, the largest remainder takes the last unit, so that all trades, the lots that are still
open and what belongs to none add up to the cash of the deals, to the cent. The venue computes a deal's profit from the average
price, by which each lot that it closes has earned alike: the profit is split by volume, and a trade's `gross` says what its own
two prices come to.
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
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount, cash_flows
from services.portfolio.core.account.position import ZERO, ClosedLot, Lot, Position
from services.portfolio.core.accounting.costs import UNTAGGED, allocate, fill_costs


class Charges(NamedTuple):
    """Costs in account currency, positive when paid; a spread or slippage that is not known counts as none."""

    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO

    def plus(self, other: Charges) -> Charges:
        """Both together."""
        return Charges(*(one + two for one, two in zip(self, other, strict=True)))


class RoundTrip(Struct, frozen=True, kw_only=True):
    """A lot, or a part of one, from the deal that opened it to the deal that closed it.

    `direction` +1 was long; `volume` in lots; `position` the ticket, 0 on a netting account; `tag` that of the order that opened it, empty
    where that was not the desk's. `gross` in the symbol's profit currency, all else in account currency, costs positive when paid.
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
        """What the trade has brought after commission and swap; spread and slippage are in the profit already."""
        return self.profit - self.commission - self.swap


class OpenLot(Struct, frozen=True, kw_only=True):
    """What a lot that is still open has cost so far."""

    symbol: str
    tag: str
    lot: Lot
    charges: Charges


class TagPnl(NamedTuple):
    """Realised profit and what was charged (positive when paid), in account currency."""

    profit: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """What is left."""
        return self.profit - self.commission - self.swap

    def plus(self, *, profit: Decimal = ZERO, commission: Decimal = ZERO, swap: Decimal = ZERO) -> TagPnl:
        """With more of each."""
        return TagPnl(self.profit + profit, self.commission + commission, self.swap + swap)


class RoundTripResult(NamedTuple):
    """The trades of a book in the order of their closing, its open lots, and what belongs to no lot."""

    round_trips: list[RoundTrip]
    open: list[OpenLot]
    unassigned: TagPnl


def list_round_trips(book: Book) -> list[RoundTrip]:
    """Every round trip of the account, in the order of closing."""
    return compute_round_trips(book).round_trips


def compute_round_trips(book: Book) -> RoundTripResult:
    """Every deal of the account as trades, open lots and what belongs to none."""
    return track_round_trips(book).result()


def pnl_by_tag(book: Book) -> dict[str, TagPnl]:
    """The result of every deal of the account by tag, as `RoundTripTracker.pnl_by_tag` has it."""
    return track_round_trips(book).pnl_by_tag()


def track_round_trips(book: Book) -> RoundTripTracker:
    """A tracker that has processed every deal of the account."""
    tracker = RoundTripTracker(book)
    tracker.process_deals()
    return tracker


class RoundTripTracker:
    """The walk over the deals of a book, as far as it has come."""

    def __init__(self, book: Book) -> None:
        """Stand before the first deal."""
        self._book = book
        self._begin()

    def _begin(self) -> None:
        self._done = 0
        self._terms: dict[str, Instrument] = {}
        self._positions: dict[str, Position] = {}
        self._openers: dict[str, VenueDeal] = {}
        """The deal behind each open lot, by its number."""
        self._carried: dict[str, Charges] = {}
        """What each open lot has been charged, by the deal that opened it."""
        self._left: dict[str, Decimal] = {}
        self._trades: list[RoundTrip] = []
        self._by_tag: defaultdict[str, TagPnl] = defaultdict(TagPnl)
        """What the trades have come to."""
        self._unassigned = TagPnl()
        self._last = 0

    @property
    def deals_processed(self) -> int:
        """How many deals the walk has passed."""
        return self._done

    @property
    def round_trips(self) -> Sequence[RoundTrip]:
        """The round trips so far, in the order of closing; the first is number 1."""
        return self._trades

    def process_deals(self, deals_max: int | None = None) -> bool:
        """Take up to so many of the deals that are booked and not settled, or all; True when none is left.

        A deal that the venue has shown late, below others, and other terms of a symbol make the walk begin anew.
        """
        deals, digits = self._book.deals, self._digits()
        if not self._stands():
            self._begin()
        upto = len(deals) if deals_max is None else min(len(deals), self._done + deals_max)
        for deal in islice(deals, self._done, upto):
            if deal.kind.is_trade:
                self._trade(deal, digits)
            else:
                self._charge(deal, digits)
            self._last = deal.deal
        self._done = upto
        return self._done == len(deals)

    def result(self) -> RoundTripResult:
        """What the walk has come to."""
        return RoundTripResult(self._trades, self._open_lots(), self._unassigned)

    def pnl_by_tag(self) -> dict[str, TagPnl]:
        """Realised profit by the tag of the order that opened the lot, and the commission and swap that went with its lots.

        All tags together are the balance without deposits and corrections. What no order of the desk opened stands under the empty
        tag.
        """
        found = self._by_tag.copy()
        for one in self._open_lots():
            found[one.tag] = found[one.tag].plus(commission=one.charges.commission, swap=one.charges.swap)
        if any(self._unassigned):
            found[UNTAGGED] = found[UNTAGGED].plus(**self._unassigned._asdict())
        return dict(sorted(found.items()))

    def _stands(self) -> bool:
        """Whether what was settled is still how the book begins."""
        deals, instruments = self._book.deals, self._book.instruments
        return (not self._done or (self._done <= len(deals) and deals[self._done - 1].deal == self._last)) and all(
            _counting(terms) == _counting(instruments[symbol]) for symbol, terms in self._terms.items()
        )

    def _digits(self) -> int:
        return 0 if self._book.stream is None else self._book.stream.currency_digits

    def _open_lots(self) -> list[OpenLot]:
        return [
            OpenLot(symbol=symbol, tag=self._tag(lot.opened_by), lot=lot, charges=self._carried[lot.opened_by])
            for symbol, position in sorted(self._positions.items())
            for lot in position.lots
        ]

    def _trade(self, deal: VenueDeal, digits: int) -> None:
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
        for closing, charges, profit in zip(closings, parts, profits, strict=False):
            opener = self._openers[closing.opened_by]
            total = charges.plus(self._release(closing, digits))
            trade = self._closed(closing, opener, deal, total, profit)
            self._trades.append(trade)
            more = self._by_tag[trade.tag].plus(profit=profit, commission=total.commission, swap=total.swap)
            self._by_tag[trade.tag] = more
        if opened:
            self._openers[name], self._carried[name], self._left[name] = deal, parts[-1], opened
        if not closings:
            self._unassigned = self._unassigned.plus(profit=costs.profit)

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
        """Take from a lot what the closed part of it has been charged."""
        name, rest = closing.opened_by, self._left[closing.opened_by] - closing.volume
        carried = self._carried.pop(name)
        if not rest:
            del self._left[name], self._openers[name]
            return carried
        taken, kept = _parts(carried, [closing.volume, rest], digits)
        self._carried[name], self._left[name] = kept, rest
        return taken

    def _charge(self, deal: VenueDeal, digits: int) -> None:
        """A deal of cash alone: a charge goes to the lots that it is for, as far as the deal names them."""
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


def _parts(charges: Charges, weights: list[Decimal], digits: int) -> list[Charges]:
    if len(weights) == 1:
        return [charges]
    columns = [allocate(amount, weights, digits=digits) for amount in charges]
    return [Charges(*row) for row in zip(*columns, strict=True)]


def _counting(terms: Instrument) -> tuple[Decimal, str, str]:
    """The terms by which a symbol's trades are counted."""
    return terms.multiplier, terms.base_currency, terms.profit_currency
