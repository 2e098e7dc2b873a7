"""The simulated broker's catalogue: rules that give the terms of currency pairs and of spot metals.

All terms are simulated and similar to those of common brokers; docs/venue.md has the rules. `FillProfile.terms_of`
removes the terms that a fill profile does not apply.
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
"""Codes of the currencies that are traded in pairs: ISO 4217, and CNH, which is not an ISO code."""

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
"""Number of decimals (ISO 4217 minor units) of the currencies that do not have two."""

ACCOUNT_DIGITS_DEFAULT: Final = 2

VOLUME_MIN: Final = Decimal("0.01")
VOLUME_MAX: Final = Decimal(100)
VOLUME_STEP: Final = Decimal("0.01")

FX_CONTRACT: Final = Decimal(100_000)
FX_DIGITS: Final = 5
FX_DIGITS_IN_JPY: Final = 3

METALS: Final = {"XAUUSD": (Decimal(100), 2), "XAGUSD": (Decimal(5_000), 3)}
"""Contract size in ounces and digits of each metal."""

METAL_CODES: Final = frozenset({"XAU", "XAG"})

STOPS_LEVEL_POINTS: Final = 10
FREEZE_LEVEL_POINTS: Final = 5
"""Stops level and freeze level in points: one pip and half a pip of a currency pair."""

COMMISSION_PER_LOT: Final = Decimal("3.5")
"""Commission per lot of each deal, a positive amount; the same number in every account currency.

The amount is common for USD and EUR accounts with raw spreads.
"""

_DAY: Final = 24 * 60
FX_SESSIONS: Final = ((0, 5 * _DAY),)
"""One session from Monday 00:00 to Friday 24:00, in minutes of the server's week.

In New York this is Sunday 17:00 to Friday 17:00.
"""

METAL_SESSIONS: Final = tuple((day * _DAY + 60, (day + 1) * _DAY) for day in range(5))
"""A session for each day from Monday to Friday, without the first hour of the server's day."""

RATES_PCT: Final = {
    "USD": Decimal("5.25"), "EUR": Decimal("3.75"), "GBP": Decimal("5.25"), "JPY": Decimal("0.1"),
    "CHF": Decimal("1.5"), "AUD": Decimal("4.35"), "NZD": Decimal("5.5"), "CAD": Decimal("4.75"),
    "XAU": Decimal(0), "XAG": Decimal(0),
}  # fmt: skip
"""Simulated interest rates in percent a year, roughly the central banks' rates of mid 2024; 0 for metals."""

SWAP_MARKUP_PCT: Final = Decimal(1)
"""The broker's markup in percent a year, which lowers the swap of long and of short positions."""

_SWAP_STEP: Final = Decimal("0.01")
_DAYS_OF_YEAR: Final = 365

# Some brokers add a suffix for the account type: EURUSD.m, EURUSDpro, EURUSD#.
_NAME = re.compile(r"(?P<base>[A-Z]{3})(?P<profit>[A-Z]{3})(?:[a-z.#_+-][A-Za-z0-9.#_+-]{0,15})?")


@lru_cache(maxsize=1_024)  # bounded, because clients may request any symbol
def find_instrument(symbol: str) -> Instrument | None:
    """Terms of the symbol with this name at the broker; None if the simulated broker does not trade it."""
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
    """A source of the terms of symbols, by their names at the broker."""

    def find(self, symbol: str) -> Instrument | None:
        """Terms of a symbol; None if it is not traded or its terms are incomplete."""


class _Rules:
    """The catalogue by the rules of this module."""

    def find(self, symbol: str) -> Instrument | None:
        """See `find_instrument`."""
        return find_instrument(symbol)


RULES: Final[Catalogue] = _Rules()


def swap_points(base: str, profit: str, digits: int) -> tuple[Decimal, Decimal]:
    """Swap of 1 lot for one night, in points: positive when earned, negative when charged.

    Formula: (rate of the held currency - rate of the owed currency - markup) / 100 / 365 x price / point, rounded to a
    hundredth of a point. The price is the ratio of the currencies' initial values in the generated market. If either
    rate is unknown, the difference of the rates is 0, so that both swaps are the negative markup.

    Returns:
        The swap of a long position, and that of a short position.
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
    """Number of decimals of amounts in an account in this currency."""
    return ACCOUNT_DIGITS.get(currency, ACCOUNT_DIGITS_DEFAULT)
