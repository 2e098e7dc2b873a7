"""PRICE_COLLAR: the decision price of an order that is executed at once must be near the current mid price.

A resting order is exempt, because it is executed at its own price or better. INVALID_PRICE denies a price at which an
order cannot rest.
"""

from __future__ import annotations

from typing import Final

from proto.trading.instrument import Instrument
from proto.trading.units import decimal_text, to_decimal
from services.portfolio.core.risk.formatting import HUNDREDTH
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with PRICE_COLLAR a decision price whose distance from the latest mid is above the limit."""
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
        f"{away_pct.quantize(HUNDREDTH):f} % away",
    )


def _is_fx(instrument: Instrument) -> bool:
    """Whether neither currency code begins with X; ISO 4217 uses X for metals, funds and supranational currencies."""
    return not (instrument.base_currency.startswith("X") or instrument.profit_currency.startswith("X"))


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "PRICE_COLLAR",
            "percent between the decision's price and the latest mid, for an order executed at once; the second limit "
            "applies to symbols with a currency code that begins with X, such as metals",
            "the signal's price must be near the latest mid: check the delay of the feed",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(
        RuleLimit("price_collar_fx_pct_max", "{} % from the latest mid, FX"),
        RuleLimit("price_collar_other_pct_max", "{} % from the latest mid, other"),
    ),
    can_be_excepted=True,
)
