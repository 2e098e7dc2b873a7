"""Parameters of the generated market: currencies, their activity by hour of the day, and their spreads.

`price_model.py` has the formulas, docs/market.md the reasons. The price of a symbol is the ratio of the values of its
two currencies. Therefore symbols with a common currency move together, and the price of a cross agrees with the prices
of the two currencies in USD.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proto.trading.instrument import Instrument

MODEL_VERSION: Final = 1
"""Version of the model, part of the id of each stream, because another model generates other ticks."""

DAY_S: Final = 86_400
FIRST_DAY_NS: Final = 1_736_121_600_000_000_000
"""2025-01-06 00:00 UTC, a Monday; a fixed date, so that the market does not depend on the current time."""

OPENING_NS: Final = FIRST_DAY_NS + 8 * 3_600_000_000_000
"""Time at which trading of a new market begins: 08:00 UTC, when London is open and ticks are frequent."""


class Currency(NamedTuple):
    """Parameters of one currency or metal.

    `value` is the initial value in USD. `day_sd` is the standard deviation of the currency's own log value over an
    average day. `spread` is the currency's part of a symbol's spread in busy hours, as a fraction of the price. `home`
    are the weights of the sessions of Asia, London and New York for its movement and activity. `activity` is the number
    of quotes a second that the currency adds to a symbol in the currency's busiest hour.
    """

    value: float
    day_sd: float
    spread: float
    home: tuple[float, float, float]
    activity: float


_ANYWHERE: Final = (0.6, 1.0, 1.0)
_ASIAN: Final = (1.0, 0.8, 0.8)
_EUROPEAN: Final = (0.45, 1.2, 0.9)
_AMERICAN: Final = (0.5, 0.9, 1.15)

CURRENCIES: Final = {
    "USD": Currency(1.0, 0.0028, 0.12e-4, _AMERICAN, 1.3),
    "EUR": Currency(1.0850, 0.0026, 0.25e-4, _EUROPEAN, 1.2),
    "GBP": Currency(1.2700, 0.0030, 0.35e-4, _EUROPEAN, 1.1),
    "JPY": Currency(1 / 150.0, 0.0042, 0.30e-4, _ASIAN, 1.1),
    "CHF": Currency(1 / 0.8850, 0.0032, 0.50e-4, _EUROPEAN, 0.7),
    "AUD": Currency(0.6600, 0.0042, 0.50e-4, _ASIAN, 0.8),
    "NZD": Currency(0.6100, 0.0045, 0.80e-4, _ASIAN, 0.6),
    "CAD": Currency(1 / 1.3600, 0.0032, 0.50e-4, _AMERICAN, 0.7),
    "XAU": Currency(2_400.0, 0.0085, 0.50e-4, _ANYWHERE, 1.3),
    "XAG": Currency(29.0, 0.0160, 4.00e-4, _ANYWHERE, 0.8),
}
"""Parameters of the most traded currencies; `currency_parameters` derives the others from `OTHER_VALUES`."""

OTHER_VALUES: Final = {
    "AED": 0.2723, "ARS": 0.0011, "BGN": 0.555, "BHD": 2.653, "BRL": 0.19, "CLP": 0.00107, "CNH": 0.138, "CNY": 0.138,
    "COP": 0.00025, "CZK": 0.0432, "DKK": 0.1455, "EGP": 0.021, "HKD": 0.128, "HUF": 0.0028, "IDR": 0.000064,
    "ILS": 0.27, "INR": 0.012, "ISK": 0.0072, "JOD": 1.41, "KES": 0.0077, "KRW": 0.00075, "KWD": 3.255,
    "KZT": 0.0022, "MAD": 0.1, "MXN": 0.058, "MYR": 0.213, "NGN": 0.00068, "NOK": 0.0945, "OMR": 2.597, "PEN": 0.267,
    "PHP": 0.0175, "PKR": 0.0036, "PLN": 0.252, "QAR": 0.2747, "RON": 0.218, "RSD": 0.00927, "RUB": 0.011,
    "SAR": 0.2667, "SEK": 0.0955, "SGD": 0.745, "THB": 0.028, "TND": 0.321, "TRY": 0.031, "TWD": 0.031, "UAH": 0.0255,
    "VND": 0.00004, "ZAR": 0.0535,
}  # fmt: skip
"""Values of the other currencies in USD, roughly as of 2024."""

EUROPE: Final = {"EUR": 1.0, "GBP": 1.0, "CHF": 0.7, "SEK": 1.0, "NOK": 0.8, "DKK": 1.0, "PLN": 0.8, "CZK": 0.8}
"""Weight of the factor that is common to Europe's currencies, by currency."""

EUROPE_DAY_SD: Final = 0.0020
"""Standard deviation of Europe's common factor over a day."""

# ------------------------------------------------------------------------------------------------------ time of day

#                     hour of the day, UTC: 0    1    2    3    4    5    6    7    8    9   10   11
ASIA: Final = np.array([1.00, 1.00, 0.95, 0.85, 0.75, 0.70, 0.65, 0.45, 0.20, 0.05, 0.00, 0.00]
                       + [0.0] * 9 + [0.10, 0.35, 0.75])  # fmt: skip
LONDON: Final = np.array([0.0] * 6 + [0.25, 0.80, 1.00, 0.95, 0.85, 0.75, 0.80, 0.90, 0.95, 0.85, 0.40, 0.10]
                         + [0.0] * 6)  # fmt: skip
NEW_YORK: Final = np.array([0.0] * 11 + [0.15, 0.55, 0.95, 1.00, 0.95, 0.75, 0.60, 0.50, 0.40, 0.20, 0.05, 0.0, 0.0])
SESSIONS: Final = np.stack([ASIA, LONDON, NEW_YORK])
"""Activity of Asia, London and New York at each full hour UTC, 0 to 1, interpolated linearly; no daylight saving."""

NIGHT_MOVEMENT: Final = 0.30
"""Movement when none of the three sessions is open; a fully active session adds its weight in `home`."""
NIGHT_ACTIVITY: Final = 0.08
"""Quotes as a share of the busiest hour's quotes when none of the three sessions is open."""

#                               0    1    2    3    4    5    6    7    8
SPREAD_BY_HOUR: Final = np.array([1.9, 1.6, 1.5, 1.5, 1.5, 1.5, 1.4, 1.1] + [1.0] * 9
                                 + [1.05, 1.15, 1.3, 1.8, 5.5, 3.6, 2.3])  # fmt: skip
"""Factor of the spread at each full hour UTC; 1 in busy hours. It is highest at the rollover, at 21 to 22 UTC."""


def at_time_of_day(table: NDArray[np.float64], second: float) -> NDArray[np.float64] | float:
    """Interpolate a table linearly at a time of the day.

    Args:
        table: values at the 24 full hours of the day, in the last axis.
        second: seconds since 00:00 UTC, 0 or more and below 86,400.

    Returns:
        The values at that time, an array without the last axis of `table`.
    """
    hour, part = divmod(second / 3_600.0, 1.0)
    here, following = int(hour) % 24, (int(hour) + 1) % 24
    value: NDArray[np.float64] = table[..., here] + (table[..., following] - table[..., here]) * part
    return value


def _movement_table(home: tuple[float, float, float]) -> NDArray[np.float64]:
    """Volatility at each full hour as a multiple of the day's root mean square."""
    shape = NIGHT_MOVEMENT + np.array(home) @ SESSIONS
    table: NDArray[np.float64] = shape / np.sqrt(np.mean(shape**2))
    return table


_MOVEMENT: Final = {home: _movement_table(home) for home in (_ANYWHERE, _ASIAN, _EUROPEAN, _AMERICAN)}


def movement_at(home: tuple[float, float, float], second: float) -> float:
    """Volatility of a currency at a time of the day, as a multiple of the day's root mean square.

    Args:
        home: weights of the sessions of Asia, London and New York.
        second: seconds since 00:00 UTC.
    """
    return float(at_time_of_day(_MOVEMENT[home], second))


def activity_at(currency: Currency, second: float) -> float:
    """Quotes a second that a currency adds to a symbol, at `second` seconds after 00:00 UTC."""
    share = min(1.0, float(np.dot(currency.home, at_time_of_day(SESSIONS, second))) / max(currency.home))
    return currency.activity * (NIGHT_ACTIVITY + (1.0 - NIGHT_ACTIVITY) * share)


# --------------------------------------------------------------------------------------------------------- movement

SLOW_HALF_LIFE_S: Final = 3.0 * 3_600
SLOW_SD: Final = 0.30
"""Half-life in seconds and standard deviation of the log volatility that is common to all currencies."""

FAST_HALF_LIFE_S: Final = 480.0
FAST_SD: Final = 0.30
"""Half-life in seconds and standard deviation of each currency's own log volatility."""

FLOW_HALF_LIFE_S: Final = 60.0
FLOW_STRENGTH: Final = 0.07
"""Drift per second when order flow is one standard deviation, in standard deviations of a second's movement."""

ANCHOR_HALF_LIFE_S: Final = 90.0 * DAY_S
"""Half-life of a currency's deviation from its initial value, so that prices stay realistic without end."""

JUMPS_PER_DAY: Final = 4.0
JUMP_SD_S: Final = 60.0 * 30.0
"""Size of a jump: its standard deviation equals that of average movement in this number of seconds, half an hour."""
JUMP_VOLATILITY: Final = 0.8
"""Increase of the currency's own log volatility at a jump."""

# ----------------------------------------------------------------------------------------------------------- quotes

SPREAD_OF_VOLATILITY: Final = 0.6
"""Exponent of volatility in the spread: at twice the usual volatility of the hour the spread is 1.5 times as wide."""
SPREAD_NOISE: Final = 0.16
"""Standard deviation of the noise of the log spread."""
QUOTE_NOISE_OF_SPREAD: Final = 0.08
"""Standard deviation of the noise of the mid price, as a fraction of the spread."""

ACTIVITY_OF_VOLATILITY: Final = 0.5
"""Exponent of volatility in the number of quotes."""
ACTIVITY_FACTOR_MAX: Final = 2.5
"""Largest factor by which volatility raises the number of quotes."""
QUOTED_SIZE_SD: Final = 0.6
"""Standard deviation of the log of a quote's volume."""


def currency_parameters(code: str) -> Currency:
    """Parameters of the currency with this code; currencies of `OTHER_VALUES` differ only in their value."""
    known = CURRENCIES.get(code)
    if known is not None:
        return known
    return Currency(OTHER_VALUES.get(code, 1.0), 0.0045, 3.0e-4, _ANYWHERE, 0.35)


class PairParameters(NamedTuple):
    """Parameters of one symbol."""

    symbol: str
    base: str
    quote: str
    digits: int
    spread: float
    """Spread in busy hours as a fraction of the price."""


def pair_parameters(symbol: str, terms: Instrument) -> PairParameters:
    """Parameters of a symbol from its terms in the catalogue; its spread is the sum of its two currencies' parts."""
    spread = currency_parameters(terms.base_currency).spread + currency_parameters(terms.profit_currency).spread
    return PairParameters(symbol, terms.base_currency, terms.profit_currency, terms.digits, spread)
