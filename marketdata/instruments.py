"""Catalogue of the simulated broker: rules for the terms of FX pairs of ISO currencies and of spot metals.

All terms are simulated, similar to a common broker's; docs/venue.md has the rules. `FillProfile.terms_of` removes terms
that do not apply under a profile.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, Protocol

from marketdata import price_model_parameters
from proto.trading.enums import CalculationMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms
from proto.trading.units import to_decimal

_CODES: Final = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNH CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KES KRW KWD "
    "KZT MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR"
)
CURRENCIES: Final = frozenset(_CODES.split())
"""ISO 4217 codes of the currencies traded as pairs (CNH is the market's own code)."""

ACCOUNT_DIGITS: Final = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
"""Decimals (ISO 4217 minor units) of the currencies that do not have two."""

ACCOUNT_DIGITS_DEFAULT: Final = 2

VOLUME_MIN: Final = Decimal("0.01")
VOLUME_MAX: Final = Decimal(100)
VOLUME_STEP: Final = Decimal("0.01")

FX_CONTRACT: Final = Decimal(100_000)
FX_DIGITS: Final = 5
FX_DIGITS_IN_JPY: Final = 3

METALS: Final = {"XAUUSD": (Decimal(100), 2), "XAGUSD": (Decimal(5_000), 3)}
"""Contract size in ounces, and digits."""

METAL_CODES: Final = frozenset({"XAU", "XAG"})

STOPS_LEVEL_POINTS: Final = 10
FREEZE_LEVEL_POINTS: Final = 5
"""In points: one pip and half a pip of a currency pair."""

COMMISSION_PER_LOT: Final = Decimal("3.5")
"""Charge for 1 lot of each deal, positive, the same number in every account currency.

It is common for USD and EUR accounts with raw spreads.
"""

_DAY: Final = 24 * 60
FX_SESSIONS: Final = ((0, 5 * _DAY),)
"""From the server's Monday to the end of its Friday without a break: Sunday to Friday, 17:00 in New York."""

METAL_SESSIONS: Final = tuple((day * _DAY + 60, (day + 1) * _DAY) for day in range(5))
"""Metals are closed in the first hour of the server's day."""

RATES_PCT: Final = {
    "USD": Decimal("5.25"), "EUR": Decimal("3.75"), "GBP": Decimal("5.25"), "JPY": Decimal("0.1"),
    "CHF": Decimal("1.5"), "AUD": Decimal("4.35"), "NZD": Decimal("5.5"), "CAD": Decimal("4.75"),
    "XAU": Decimal(0), "XAG": Decimal(0),
}  # fmt: skip
"""Simulated interest a year in percent: roughly the central banks' rates of mid 2024. Metals have none."""

SWAP_MARKUP_PCT: Final = Decimal(1)
"""The broker's share of the interest a year, in percent, on either side."""

_SWAP_STEP: Final = Decimal("0.01")
_DAYS_OF_YEAR: Final = 365

# Brokers mark account types by a suffix: EURUSD.m, EURUSDpro, EURUSD#.
_NAME = re.compile(r"(?P<base>[A-Z]{3})(?P<profit>[A-Z]{3})(?:[a-z.#_+-][A-Za-z0-9.#_+-]{0,15})?")


@lru_cache(maxsize=1_024)  # bounded: clients may ask for any symbol
def find_instrument(symbol: str) -> Instrument | None:
    """Terms of a symbol by the broker's name; None when the broker does not trade it."""
    match = _NAME.fullmatch(symbol)
    if match is None:
        return None
    base, profit = match["base"], match["profit"]
    if base + profit in METALS:
        contract, digits = METALS[base + profit]
    elif base in CURRENCIES and profit in CURRENCIES and base != profit:
        contract, digits = FX_CONTRACT, FX_DIGITS_IN_JPY if profit == "JPY" else FX_DIGITS
    else:
        return None
    is_metal = base in METAL_CODES
    swap_long, swap_short = swap_points(base, profit, digits)
    return Instrument(
        symbol=symbol,
        base_currency=base,
        profit_currency=profit,
        digits=digits,
        contract_size=contract,
        tick_size=Decimal(1).scaleb(-digits),
        volume_min=VOLUME_MIN,
        volume_max=VOLUME_MAX,
        volume_step=VOLUME_STEP,
        stops_level_points=STOPS_LEVEL_POINTS,
        freeze_level_points=FREEZE_LEVEL_POINTS,
        margin_currency=profit if is_metal else base,
        calculation_mode=CalculationMode.CFD_LEVERAGE if is_metal else CalculationMode.FOREX,
        swaps=(SwapTerms(long=swap_long, short=swap_short),) if swap_long or swap_short else (),
        sessions=METAL_SESSIONS if is_metal else FX_SESSIONS,
        filling=("FOK", "IOC", "RETURN"),
        commissions=(CommissionTerms(per_lot=COMMISSION_PER_LOT),),
    )


class Catalogue(Protocol):
    """Terms by the broker's symbol."""

    def find(self, symbol: str) -> Instrument | None:
        """Terms of a symbol; None when it is not traded or its terms are incomplete."""


class _Rules:
    """Terms by the rules of this module."""

    def find(self, symbol: str) -> Instrument | None:
        """See `find_instrument`."""
        return find_instrument(symbol)


RULES: Final[Catalogue] = _Rules()


def swap_points(base: str, profit: str, digits: int) -> tuple[Decimal, Decimal]:
    """Swap of 1 lot and a night in points, held long and held short: positive when earned, negative when charged.

    Formula: (interest of the currency held - interest of the currency owed - markup) / 100 / 365 x price / point,
    rounded to a hundredth of a point. The price is that of 2024, at which the generated market opens. If either rate is
    unknown, the two count as equal, which leaves the markup on both sides.
    """
    held, owed = RATES_PCT.get(base), RATES_PCT.get(profit)
    gap = held - owed if held is not None and owed is not None else Decimal(0)
    price = to_decimal(
        round(
            price_model_parameters.currency_parameters(base).value
            / price_model_parameters.currency_parameters(profit).value,
            digits,
        )
    )
    night = price.scaleb(digits) / 100 / _DAYS_OF_YEAR
    long, short = (
        ((sign * gap - SWAP_MARKUP_PCT) * night).quantize(_SWAP_STEP, rounding=ROUND_HALF_UP) for sign in (1, -1)
    )
    return long, short


def account_digits(currency: str) -> int:
    """Decimals of amounts in an account of this currency."""
    return ACCOUNT_DIGITS.get(currency, ACCOUNT_DIGITS_DEFAULT)
