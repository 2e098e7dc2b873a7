"""The simulated broker's catalogue: terms of trade by rule, for FX pairs of ISO currencies and spot metals."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from proto.instrument import Instrument
from proto.units import is_on_step

_CODES: Final = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNH CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KES KRW KWD "
    "KZT MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR"
)
CURRENCIES: Final = frozenset(_CODES.split())
"""ISO 4217 codes of the currencies that are traded as pairs (CNH is the market's own code)."""

ACCOUNT_DIGITS: Final = {"JPY": 0}
ACCOUNT_DIGITS_DEFAULT: Final = 2

VOLUME_MIN: Final = Decimal("0.01")
VOLUME_MAX: Final = Decimal(100)
VOLUME_STEP: Final = Decimal("0.01")

FX_CONTRACT: Final = Decimal(100_000)
FX_DIGITS: Final = 5
FX_DIGITS_IN_JPY: Final = 3

METALS: Final = {"XAUUSD": (Decimal(100), 2), "XAGUSD": (Decimal(5_000), 3)}
"""Contract in ounces, and digits."""

# Brokers mark account types by a suffix: EURUSD.m, EURUSDpro, EURUSD#.
_NAME = re.compile(r"(?P<base>[A-Z]{3})(?P<profit>[A-Z]{3})(?:[a-z.#_+-][A-Za-z0-9.#_+-]{0,15})?")


@lru_cache(maxsize=1_024)  # a few symbols are asked for all the time, a stranger may ask for any
def catalogue(symbol: str) -> Instrument | None:
    """Terms of a symbol by the broker's name, or None when the broker does not trade it."""
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
    )


def account_digits(currency: str) -> int:
    """Decimals in which an account in this currency is kept."""
    return ACCOUNT_DIGITS.get(currency, ACCOUNT_DIGITS_DEFAULT)


def is_out_of_terms(volume: Decimal, instrument: Instrument) -> bool:
    """Whether the broker does not take a volume: outside its bounds, or off its step."""
    if not instrument.volume_min <= volume <= instrument.volume_max:
        return True
    return not is_on_step(volume, instrument.volume_step)
