"""An account at the second venue: positions, deals, equity and margin."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from proto.gateway import DealEntry, DealKind, DealReason
from tests.venue_by_document.book import Deal, PlaceOrder, Position
from tests.venue_by_document.margin import INITIAL, MAINTENANCE, Margin
from tests.venue_by_document.money import ZERO, Exchange, NoRateError, Quote
from tests.venue_by_document.profile import AccountTerms
from tests.venue_by_document.terms import SymbolTerms, TermsOf

NOTHING: Final = Decimal(0)

Legs = dict[str, tuple[Fraction, Fraction]]
"""Lots held long and lots held short, by symbol."""


class Account:
    """The balance, all deals, and the open positions by the ids of their opening orders."""

    def __init__(self, account: AccountTerms, terms: TermsOf, quotes: Mapping[str, Quote], *, is_charged: bool) -> None:
        self._terms = terms
        self._quotes = quotes
        self._exchange = Exchange(account, terms, quotes)
        self._margins = Margin(account, self._exchange, quotes)
        self._is_charged = is_charged
        self.positions: dict[str, Position] = {}
        self.deals: list[Deal] = []
        self.balance = account.deposit
        self.is_hedging = account.is_hedging

    def lots(self, symbol: str) -> tuple[Fraction, Fraction]:
        """Lots held long and lots held short of a symbol."""
        return self._legs().get(symbol, (ZERO, ZERO))

    def of_symbol(self, symbol: str) -> list[Position]:
        """The positions in a symbol, the oldest first."""
        return [held for held in self.positions.values() if held.symbol == symbol]

    def named(self, symbol: str, name: str) -> Position | None:
        """The position with this opening order; if the name is empty, the oldest position in the symbol."""
        if name:
            return self.positions.get(name)
        return next(iter(self.of_symbol(symbol)), None)

    # ----------------------------------------------------------------------------------------------------------- deals

    def fill(self, request: PlaceOrder, price: Fraction, now: int, *, gap: Fraction = ZERO) -> None:
        """Execute an order in whole: it opens, increases, closes or reverses a position.

        Args:
            request: the order.
            price: of the execution.
            now: venue time in ns.
            gap: amount by which the quote is better than the limit price, in units of the price.
        """
        volume, terms = Fraction(request.volume), self._terms[request.symbol]
        held = self._held_against(request)
        profit, entry, opened_by = NOTHING, DealEntry.IN, request.order_id
        if held is not None and held.sign == request.sign:
            opened_by = held.opened_by
            held.volume, held.cost = held.volume + volume, held.cost + volume * price
            held.inherit(request)
        elif held is not None:
            closed = min(volume, held.volume)
            profit = self._exchange.profit(terms, sign=held.sign, volume=closed, opened=held.price, closed=price)
            entry, opened_by = (
                (DealEntry.OUT, held.opened_by) if closed == volume else (DealEntry.INOUT, request.order_id)
            )
            self._reduce(held, closed)
            volume -= closed
        if entry is DealEntry.INOUT or held is None:
            self._open(request, volume, price, now)
        self._book(
            terms,
            sign=request.sign,
            entry=entry,
            volume=request.volume,
            price=price,
            profit=profit,
            now=now,
            reason=DealReason.CLIENT,
            order_id=request.order_id,
            position=opened_by,
            gap=gap,
        )

    def close(self, position: Position, price: Fraction, now: int, reason: DealReason, *, gap: Fraction = ZERO) -> None:
        """Close a whole position without an order; for `gap` see `fill`."""
        terms, volume = self._terms[position.symbol], position.volume
        profit = self._exchange.profit(terms, sign=position.sign, volume=volume, opened=position.price, closed=price)
        self._reduce(position, volume)
        self._book(
            terms,
            sign=-position.sign,
            entry=DealEntry.OUT,
            volume=_decimal(volume),
            price=price,
            profit=profit,
            now=now,
            reason=reason,
            order_id="",
            position=position.opened_by,
            gap=gap,
        )

    def book_nights(self, now: int) -> None:
        """Book the swap since the last booking, one deal for each position.

        If a conversion rate is missing, the swap of the position is booked later.
        """
        for position in self.positions.values():
            terms = self._terms[position.symbol]
            days = list(terms.clock.days_ended(position.nights_until_ns, now))
            if not days:
                continue
            try:
                swap = self._exchange.swap(
                    terms, days, sign=position.sign, volume=position.volume, opened=position.price
                )
            except NoRateError:
                continue
            position.nights_until_ns = now
            if swap:
                self._book_swap(position, swap, now)

    def _book_swap(self, position: Position, swap: Decimal, now: int) -> None:
        self.balance += swap
        self.deals.append(
            Deal(
                symbol=position.symbol,
                kind=DealKind.SWAP,
                entry=DealEntry.NONE,
                volume=NOTHING,
                price=NOTHING,
                profit=NOTHING,
                commission=NOTHING,
                swap=swap,
                time_ns=now,
                reason=DealReason.ROLLOVER,
                order_id="",
                position=position.opened_by,
            )
        )

    def _held_against(self, request: PlaceOrder) -> Position | None:
        """The position that an order increases, closes or reverses; None if the order opens one."""
        if self.is_hedging:
            return self.positions[request.position] if request.position else None
        return self.named(request.symbol, request.position)

    def _reduce(self, held: Position, volume: Fraction) -> None:
        held.reduce(volume)
        if not held.volume:
            del self.positions[held.opened_by]

    def _open(self, request: PlaceOrder, volume: Fraction, price: Fraction, now: int) -> None:
        self.positions[request.order_id] = Position(
            opened_by=request.order_id,
            symbol=request.symbol,
            sign=request.sign,
            volume=volume,
            cost=volume * price,
            nights_until_ns=now,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
        )

    def _book(
        self,
        terms: SymbolTerms,
        *,
        sign: int,
        entry: DealEntry,
        volume: Decimal,
        price: Fraction,
        profit: Decimal,
        now: int,
        reason: DealReason,
        order_id: str,
        position: str,
        gap: Fraction,
    ) -> None:
        lots = Fraction(volume)
        commission = self._exchange.commission(terms, lots, now) if self._is_charged else NOTHING
        worth = self._exchange.rounded(gap * terms.multiplier * lots, terms.profit_currency)
        self.balance += profit + commission
        self.deals.append(
            Deal(
                symbol=terms.symbol,
                kind=DealKind.BUY if sign > 0 else DealKind.SELL,
                entry=entry,
                volume=volume,
                price=_decimal(price),
                profit=profit,
                commission=commission,
                swap=NOTHING,
                time_ns=now,
                reason=reason,
                order_id=order_id,
                position=position,
                limit_gap=worth,
            )
        )

    # ------------------------------------------------------------------------------------------------ equity and margin

    def open_profit(self, position: Position) -> Decimal:
        """Profit (negative: loss) in account currency of closing a position at the current quote."""
        touch = self._quotes[position.symbol].touch(-position.sign)
        terms = self._terms[position.symbol]
        return self._exchange.profit(
            terms, sign=position.sign, volume=position.volume, opened=position.price, closed=touch
        )

    @property
    def equity(self) -> Decimal:
        """Balance plus unrealized profit."""
        return self.balance + sum(map(self.open_profit, self.positions.values()), NOTHING)

    @property
    def margin(self) -> Decimal:
        """Margin of all positions."""
        return sum((self._margin(symbol, *leg) for symbol, leg in self._legs().items()), NOTHING)

    def is_under(self, level_pct: int) -> bool:
        """Whether the margin level is below `level_pct`."""
        margin = self.margin
        return bool(margin) and self.equity * 100 < level_pct * margin

    def covers(self, request: PlaceOrder) -> bool:
        """Whether the equity covers the margin after an order; True for an order that adds no margin.

        Raises:
            NoRateError: the margin cannot be computed.
        """
        symbol, legs = request.symbol, self._legs()
        others = sum((self._margin(other, *leg) for other, leg in legs.items() if other != symbol), NOTHING)
        leg = legs.get(symbol, (ZERO, ZERO))
        before = others + self._margin(symbol, *leg, stage=INITIAL)
        after = others + self._margin(symbol, *self._leg_after(leg, request), stage=INITIAL)
        return after <= before or self.equity >= after

    def _leg_after(self, leg: tuple[Fraction, Fraction], request: PlaceOrder) -> tuple[Fraction, Fraction]:
        long, short = leg
        volume = Fraction(request.volume)
        if request.position:
            return (long - volume, short) if request.sign < 0 else (long, short - volume)
        if self.is_hedging:
            return (long + volume, short) if request.sign > 0 else (long, short + volume)
        net = long - short + request.sign * volume
        return max(net, ZERO), max(-net, ZERO)

    def _legs(self) -> Legs:
        legs: Legs = {}
        for held in self.positions.values():
            long, short = legs.get(held.symbol, (ZERO, ZERO))
            legs[held.symbol] = (long + held.volume, short) if held.sign > 0 else (long, short + held.volume)
        return legs

    def _margin(self, symbol: str, long: Fraction, short: Fraction, *, stage: int = MAINTENANCE) -> Decimal:
        return self._margins.of_symbol(self._terms[symbol], long, short, stage=stage)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
