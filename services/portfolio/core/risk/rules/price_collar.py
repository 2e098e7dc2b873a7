"""PRICE_COLLAR: an order that is executed at once must have a decision price near the current mid.

A resting order is exempt, because it is executed at its price or better; INVALID_PRICE denies a price at which it
cannot rest.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from proto.trading.instrument import Instrument
from proto.trading.units import decimal_text, to_decimal
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

_HUNDREDTH: Final = Decimal("0.01")


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """PRICE_COLLAR for a price further from the latest mid than the limit."""
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
    """Whether both are national currencies: ISO 4217 codes of metals and funds begin with X."""
    return not any(code.startswith("X") for code in (instrument.base_currency, instrument.profit_currency))


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "PRICE_COLLAR",
            "percent from the decision's price to the middle of the latest quote, for execution at once; other: metals",
            "the signal's price must agree with the latest quote: look at the feed's delay",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(
        RuleLimit("price_collar_fx_pct_max", "{} % from the fresh middle, FX"),
        RuleLimit("price_collar_other_pct_max", "{} % from the fresh middle, other"),
    ),
    can_be_excepted=True,
)
