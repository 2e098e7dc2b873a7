"""An order that is executed at once must have been decided at a price near the present middle of the market.

One that waits for its price is executed there or better, whatever the market of the decision was; a price that is wrong for waiting is
INVALID_PRICE.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from proto.trading.instrument import Instrument
from proto.trading.units import decimal_text, to_decimal
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

_HUNDREDTH: Final = Decimal("0.01")


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """PRICE_COLLAR for a price further from the newest middle than the limit."""
    if order.waits_for_price:
        return None
    limits = context.limits
    most = limits.price_collar_fx_pct_max if _is_fx(order.instrument) else limits.price_collar_other_pct_max
    if most is None or context.latest_bid_ask is None:
        return None
    bid, ask = context.latest_bid_ask
    middle = (to_decimal(bid) + to_decimal(ask)) / 2
    away_pct = abs(order.price - middle) / middle * 100
    if away_pct <= most:
        return None
    return Denial(
        "PRICE_COLLAR",
        f"{decimal_text(most)} % from {decimal_text(middle)}",
        f"{away_pct.quantize(_HUNDREDTH):f} % away",
    )


def _is_fx(instrument: Instrument) -> bool:
    """Two national currencies: ISO 4217 gives metals and funds codes that begin with X."""
    return not any(code.startswith("X") for code in (instrument.base_currency, instrument.profit_currency))
