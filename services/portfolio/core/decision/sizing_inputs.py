"""Collects the inputs of the sizing methods at a signal's tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from proto.trading.instrument import Instrument
from proto.trading.money import commission_per_lot, conversion_rate
from services.portfolio.core.accounting.valuation import MarkQuotes, total_unrealized_pnl
from services.portfolio.core.plan.plan import Plan, SizingMethod, SymbolPlan
from services.portfolio.core.risk.exposure import notional
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.sizing.types import SizingInput
from services.portfolio.core.sizing.volatility import Volatility, volatility_per_day

_ONE_LOT = Decimal(1)


def sizing_input(
    instrument: Instrument,
    *,
    direction: int,
    price: Decimal,
    confidence: float,
    context: RiskContext,
    volatility: Mapping[str, Volatility],
    symbol_plan: SymbolPlan,
    default_volume: Decimal,
) -> SizingInput:
    """Collect the sizing inputs for a signal that `StreamState.count` has recorded.

    The equity is balance + unrealized profit at the marks. `loss_rate` converts a loss in the profit currency to the
    account currency, at the side of the spread that makes the loss larger.

    Args:
        instrument: the terms of the signal's symbol.
        direction: +1 or -1.
        price: of the entry; for a market order the signal's ask (BUY) or bid (SELL).
        confidence: of the signal, 0 to 1.
        context: the book and the ticks so far.
        volatility: estimates by symbol.
        symbol_plan: the plan for the symbol.
        default_volume: lots of an order if the plan has none.
    """
    book, marks = context.book, context.cursor.marks
    assert book.stream is not None
    currency = book.stream.currency
    unrealized = total_unrealized_pnl(book, marks)
    loss_rate = conversion_rate(
        -1,
        source=instrument.profit_currency,
        target=currency,
        instruments=book.instruments,
        quotes=MarkQuotes(marks),
    )
    return SizingInput(
        instrument=instrument,
        direction=direction,
        price=price,
        confidence=confidence,
        currency=currency,
        currency_digits=book.stream.currency_digits,
        equity=None if unrealized is None else book.balance + unrealized,
        loss_rate=loss_rate,
        notional_per_lot=notional(instrument, _ONE_LOT, context),
        commission_per_lot=commission_per_lot(
            instrument,
            context.cursor.time_ns,
            currency=currency,
            instruments=book.instruments,
            quotes=MarkQuotes(marks),
        ),
        volatility_per_day=volatility_per_day(
            volatility.get(instrument.symbol), half_life_min=symbol_plan.sizing.volatility_half_life_min
        ),
        exits=symbol_plan.exits,
        default_volume=default_volume,
    )


def half_lives_min(plan: Plan, symbols: Sequence[str]) -> dict[str, int]:
    """Return the half-life in minutes of the volatility estimate for each symbol that the plan sizes by volatility."""
    sizings = {symbol: plan.for_symbol(symbol).sizing for symbol in symbols}
    return {
        symbol: sizing.volatility_half_life_min
        for symbol, sizing in sizings.items()
        if sizing.method is SizingMethod.VOLATILITY
    }
