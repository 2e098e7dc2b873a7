"""Inputs of sizing: by default an opening order in EURUSD at 1.1 on an account with 10,000 USD."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import structs

from proto.trading.instrument import Instrument
from services.portfolio.core.plan.plan import Exits
from services.portfolio.core.sizing.types import SizingInput
from tests.support.builders import an_instrument

D = Decimal


def terms_of(symbol: str = "EURUSD", **changed: Any) -> Instrument:
    """Return the terms of a symbol at the simulated broker, with changes if given."""
    return structs.replace(an_instrument(symbol), **changed)


def an_input(symbol: str = "EURUSD", **changed: Any) -> SizingInput:
    """Return sizing inputs with a stop loss 25 points (25 USD a lot of EURUSD) and a take profit 38 points away."""
    fields: dict[str, Any] = {
        "instrument": terms_of(symbol),
        "direction": 1,
        "price": D("1.1"),
        "confidence": 0.56,
        "currency": "USD",
        "currency_digits": 2,
        "equity": D(10_000),
        "loss_rate": D(1),
        "notional_per_lot": D(110_000),
        "commission_per_lot": D(0),
        "volatility_per_day": 0.005,
        "exits": Exits(stop_loss_points=25, take_profit_points=38),
        "default_volume": D("0.01"),
    }
    return SizingInput(**{**fields, **changed})
