"""Side, order type, time in force, and the modes of accounts and symbols, as MetaTrader 5 defines them."""

from __future__ import annotations

from enum import StrEnum


class OrderType(StrEnum):
    """Type of an order.

    MARKET is executed at once. LIMIT is executed at its price or better. STOP becomes a market order once the market
    reaches its price, which is worse than the market at the time of the order.
    """

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"


class TimeInForce(StrEnum):
    """How long an order stays in the market, and whether it may be filled in part.

    FOK: filled in whole at once, or not at all. IOC: filled at once as far as possible, the rest is canceled. GTC:
    until canceled. DAY: until the server's day ends. GTD: until its `expires_ns`. The unfilled rest of a market order
    that is neither FOK nor IOC stays in the market (MetaTrader's filling mode RETURN).
    """

    GTC = "GTC"
    DAY = "DAY"
    GTD = "GTD"
    IOC = "IOC"
    FOK = "FOK"


class AccountMode(StrEnum):
    """Accounting of positions.

    NETTING: one position per symbol. HEDGING: each opening order makes a position of its own, which is closed by its
    ticket.
    """

    NETTING = "NETTING"
    HEDGING = "HEDGING"


class TradeMode(StrEnum):
    """Which trading the venue permits in a symbol."""

    FULL = "FULL"
    CLOSE_ONLY = "CLOSE_ONLY"
    DISABLED = "DISABLED"


class CalculationMode(StrEnum):
    """Formulas of profit and margin: members of MetaTrader 5's ENUM_SYMBOL_CALC_MODE."""

    FOREX = "FOREX"
    FOREX_NO_LEVERAGE = "FOREX_NO_LEVERAGE"
    CFD = "CFD"
    CFD_INDEX = "CFD_INDEX"
    CFD_LEVERAGE = "CFD_LEVERAGE"
    FUTURES = "FUTURES"


class SwapMode(StrEnum):
    """Unit of a swap: members of MetaTrader 5's ENUM_SYMBOL_SWAP_MODE, without those that reopen positions."""

    DISABLED = "DISABLED"
    POINTS = "POINTS"
    CURRENCY_SYMBOL = "CURRENCY_SYMBOL"
    CURRENCY_MARGIN = "CURRENCY_MARGIN"
    CURRENCY_DEPOSIT = "CURRENCY_DEPOSIT"
    CURRENCY_PROFIT = "CURRENCY_PROFIT"
    INTEREST_CURRENT = "INTEREST_CURRENT"
    INTEREST_OPEN = "INTEREST_OPEN"


class GtcMode(StrEnum):
    """Whether a GTC or GTD order also ends with the day of the symbol's clock (DAILY_EXCLUDING_STOPS).

    Members of MetaTrader's ENUM_SYMBOL_ORDER_GTC_MODE, without the mode that also removes stops of positions.
    """

    GTC = "GTC"
    DAILY_EXCLUDING_STOPS = "DAILY_EXCLUDING_STOPS"


class Side(StrEnum):
    """Direction of an order or a deal."""

    BUY = "BUY"
    SELL = "SELL"

    sign: int
    """+1 for BUY, -1 for SELL."""

    def __init__(self, name: str) -> None:
        self.sign = 1 if name == "BUY" else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


def side_of(direction: int) -> Side:
    """The side that opens a position in `direction`, which is +1 or -1."""
    assert direction in (-1, 1), direction
    return Side.BUY if direction > 0 else Side.SELL
