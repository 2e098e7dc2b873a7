"""An account at the second venue: its positions, the deals that they come from, equity and margin."""

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
"""Lots held long and short of each symbol."""


class Account:
    """Positions by the order that opened them, and every deal; quotes are those that stand at the moment."""

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
        """What is held long and short of a symbol."""
        return self._legs().get(symbol, (ZERO, ZERO))

    def of_symbol(self, symbol: str) -> list[Position]:
        """What is held of a symbol, the oldest first."""
        return [held for held in self.positions.values() if held.symbol == symbol]

    def named(self, symbol: str, name: str) -> Position | None:
        """A position by the order that opened it, or the one of a symbol."""
        if name:
            return self.positions.get(name)
        return next(iter(self.of_symbol(symbol)), None)

    # ----------------------------------------------------------------------------------------------------------- deals

    def fill(self, asked: PlaceOrder, price: Fraction, now: int, *, gap: Fraction = ZERO) -> None:
        """Deal the whole of an order: open, add, close, or close and open the other side."""
        volume, terms = Fraction(asked.volume), self._terms[asked.symbol]
        held = self._held_against(asked)
        profit, entry, about = NOTHING, DealEntry.IN, asked.order_id
        if held is not None and held.sign == asked.sign:
            about = held.opened_by
            held.volume, held.cost = held.volume + volume, held.cost + volume * price
            held.inherit(asked)
        elif held is not None:
            closed = min(volume, held.volume)
            profit = self._exchange.profit(terms, sign=held.sign, volume=closed, opened=held.price, closed=price)
            entry, about = (DealEntry.OUT, held.opened_by) if closed == volume else (DealEntry.INOUT, asked.order_id)
            self._take_away(held, closed)
            volume -= closed
        if entry is DealEntry.INOUT or held is None:
            self._open(asked, volume, price, now)
        self._book(
            terms,
            sign=asked.sign,
            entry=entry,
            volume=asked.volume,
            price=price,
            profit=profit,
            now=now,
            reason=DealReason.CLIENT,
            order_id=asked.order_id,
            position=about,
            gap=gap,
        )

    def close(self, position: Position, price: Fraction, now: int, reason: DealReason, *, gap: Fraction = ZERO) -> None:
        """Close the whole of a position without an order."""
        terms, volume = self._terms[position.symbol], position.volume
        profit = self._exchange.profit(terms, sign=position.sign, volume=volume, opened=position.price, closed=price)
        self._take_away(position, volume)
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
        """Charge or pay for the nights since the last time, a deal a position; while a rate is missing they wait."""
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

    def _held_against(self, asked: PlaceOrder) -> Position | None:
        """The position that an order is about; None where it opens one."""
        if self.is_hedging:
            return self.positions[asked.position] if asked.position else None
        return self.named(asked.symbol, asked.position)

    def _take_away(self, held: Position, volume: Fraction) -> None:
        held.reduce(volume)
        if not held.volume:
            del self.positions[held.opened_by]

    def _open(self, asked: PlaceOrder, volume: Fraction, price: Fraction, now: int) -> None:
        self.positions[asked.order_id] = Position(
            opened_by=asked.order_id,
            symbol=asked.symbol,
            sign=asked.sign,
            volume=volume,
            cost=volume * price,
            nights_until_ns=now,
            stop_loss=asked.stop_loss,
            take_profit=asked.take_profit,
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
        """What closing a position at the quote would bring."""
        touch = self._quotes[position.symbol].touch(-position.sign)
        terms = self._terms[position.symbol]
        return self._exchange.profit(
            terms, sign=position.sign, volume=position.volume, opened=position.price, closed=touch
        )

    @property
    def equity(self) -> Decimal:
        """Balance and what is open."""
        return self.balance + sum(map(self.open_profit, self.positions.values()), NOTHING)

    @property
    def margin(self) -> Decimal:
        """What all positions hold back."""
        return sum((self._margin(symbol, *leg) for symbol, leg in self._legs().items()), NOTHING)

    def is_under(self, level_pct: int) -> bool:
        """Whether the margin level is under one."""
        margin = self.margin
        return bool(margin) and self.equity * 100 < level_pct * margin

    def covers(self, asked: PlaceOrder) -> bool:
        """Whether the equity covers the margin after an order; one that adds none is always covered.

        Raises:
            NoRateError: the margin cannot be known.
        """
        symbol, legs = asked.symbol, self._legs()
        others = sum((self._margin(other, *leg) for other, leg in legs.items() if other != symbol), NOTHING)
        leg = legs.get(symbol, (ZERO, ZERO))
        before = others + self._margin(symbol, *leg, stage=INITIAL)
        after = others + self._margin(symbol, *self._leg_after(leg, asked), stage=INITIAL)
        return after <= before or self.equity >= after

    def _leg_after(self, leg: tuple[Fraction, Fraction], asked: PlaceOrder) -> tuple[Fraction, Fraction]:
        long, short = leg
        volume = Fraction(asked.volume)
        if asked.position:
            return (long - volume, short) if asked.sign < 0 else (long, short - volume)
        if self.is_hedging:
            return (long + volume, short) if asked.sign > 0 else (long, short + volume)
        net = long - short + asked.sign * volume
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
