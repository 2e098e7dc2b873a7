"""MetaTrader's return codes of trade requests, by their official numbers and names.

docs/retcodes.md shows the rows of `TABLE`. The constants below it are the same numbers by name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from proto.gateway.codes import RETCODE_DONE, RETCODE_DONE_PARTIAL


class RetcodeOutcome(StrEnum):
    """The outcome of a request that its retcode proves.

    DONE: the request was executed, or accepted for later execution. NOT_DONE: it was not executed and never will be.
    IN_DOUBT: either is possible; only the broker's orders and deals show which.
    """

    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    IN_DOUBT = "IN_DOUBT"


class Retcode(NamedTuple):
    """One retcode: official number, official name without `TRADE_RETCODE_`, proven outcome, meaning, and what to do."""

    number: int
    name: str
    outcome: RetcodeOutcome
    meaning: str
    action: str


_DONE: Final = RetcodeOutcome.DONE
_NOT: Final = RetcodeOutcome.NOT_DONE
_DOUBT: Final = RetcodeOutcome.IN_DOUBT

TABLE: Final = (
    Retcode(
        10004,
        "REQUOTE",
        _NOT,
        "The price has changed; the broker offers another price.",
        "Nothing. If it recurs, allow more deviation.",
    ),
    Retcode(
        10006,
        "REJECT",
        _NOT,
        "The broker refuses the request.",
        "Read the comment in `paperdesk why ID`; ask the broker.",
    ),
    Retcode(
        10007,
        "CANCEL",
        _NOT,
        "The client has canceled the request.",
        "Nothing, unless nobody canceled it: then look for another program in the terminal.",
    ),
    Retcode(10008, "PLACED", _DONE, "The server has accepted the order, which is not executed yet.", "Nothing."),
    Retcode(10009, "DONE", _DONE, "The request is executed. The number of its deal may still be 0.", "Nothing."),
    Retcode(
        10010,
        "DONE_PARTIAL",
        _DONE,
        "A part of the volume is executed. The rest of an IOC order is canceled; the rest of a RETURN order is open.",
        "Nothing.",
    ),
    Retcode(
        10011,
        "ERROR",
        _DOUBT,
        "An error occurred during the processing of the request, which may have been executed.",
        "Wait: the desk compares with the venue. If it lasts, restart the terminal.",
    ),
    Retcode(
        10012,
        "TIMEOUT",
        _DOUBT,
        "The request timed out; it may have been executed.",
        "Wait: the desk compares with the venue. If it lasts, check the terminal's connection.",
    ),
    Retcode(
        10013,
        "INVALID",
        _NOT,
        "The request is invalid.",
        "Read `paperdesk why ID`; report it with the output of `paperdesk export`.",
    ),
    Retcode(
        10014,
        "INVALID_VOLUME",
        _NOT,
        "The volume is outside the symbol's bounds or not on its step.",
        "Compare the plan's size with the volume terms of `paperdesk instruments export`.",
    ),
    Retcode(
        10015,
        "INVALID_PRICE",
        _NOT,
        "The price is missing, on the wrong side of the market, or too close to the market.",
        "Increase the plan's offset, or check the symbol's digits.",
    ),
    Retcode(
        10016,
        "INVALID_STOPS",
        _NOT,
        "Stop loss or take profit is on the wrong side of the market, or too close to it.",
        "Increase the plan's stop distances to the symbol's stops level.",
    ),
    Retcode(
        10017,
        "TRADE_DISABLED",
        _NOT,
        "Trading of the account or the symbol is disabled.",
        "In the terminal, check that the login is not the investor password, and that the symbol is tradable.",
    ),
    Retcode(
        10018,
        "MARKET_CLOSED",
        _NOT,
        "The market of the symbol is closed.",
        "Wait for the session, or correct the symbol's sessions.",
    ),
    Retcode(
        10019,
        "NO_MONEY",
        _NOT,
        "The free margin does not cover the request.",
        "Reduce the plan's size, close positions, or deposit funds.",
    ),
    Retcode(
        10020,
        "PRICE_CHANGED",
        _NOT,
        "Prices have changed since the request was made.",
        "Nothing. If it recurs, allow more deviation.",
    ),
    Retcode(
        10021,
        "PRICE_OFF",
        _NOT,
        "The symbol has no quotes, so that nothing can be executed.",
        "Check the symbol's quotes in the terminal's Market Watch.",
    ),
    Retcode(
        10022,
        "INVALID_EXPIRATION",
        _NOT,
        "The expiry is missing, in the past, or of a type that the symbol does not allow.",
        "Check the plan's `lifetime_s`, and the host's clock.",
    ),
    Retcode(
        10023,
        "ORDER_CHANGED",
        _NOT,
        "The order's state has changed since the request was made.",
        "Nothing. If it recurs, look for another program that trades the account.",
    ),
    Retcode(
        10024,
        "TOO_MANY_REQUESTS",
        _NOT,
        "The client sends requests too frequently.",
        "Lower the limits of the order rate.",
    ),
    Retcode(10025, "NO_CHANGES", _NOT, "The request would change nothing.", "Nothing."),
    Retcode(
        10026,
        "SERVER_DISABLES_AT",
        _NOT,
        "The server does not allow programs to trade.",
        "Ask the broker to allow automated trading of the account.",
    ),
    Retcode(
        10027,
        "CLIENT_DISABLES_AT",
        _NOT,
        "The terminal does not allow programs to trade.",
        "Switch on Algo Trading in the terminal's toolbar.",
    ),
    Retcode(
        10028,
        "LOCKED",
        _DOUBT,
        "The request is locked while it is processed.",
        "Wait: the desk compares with the venue.",
    ),
    Retcode(
        10029,
        "FROZEN",
        _NOT,
        "The order or position is frozen: the market is too close to one of its prices for a change.",
        "Nothing: change orders and stops earlier, before the market is near.",
    ),
    Retcode(
        10030,
        "INVALID_FILL",
        _NOT,
        "The symbol does not allow this fill policy.",
        "Leave out `time_in_force`, or choose a filling mode of `paperdesk instruments export`.",
    ),
    Retcode(
        10031,
        "CONNECTION",
        _DOUBT,
        "There is no connection to the server; the request may have been sent before the connection was lost.",
        "Check the terminal's connection to the server.",
    ),
    Retcode(10032, "ONLY_REAL", _NOT, "Only live accounts may do this.", "Use another symbol, or ask the broker."),
    Retcode(
        10033,
        "LIMIT_ORDERS",
        _NOT,
        "The limit of pending orders is reached.",
        "Cancel resting orders, or lower the plan's `lifetime_s`.",
    ),
    Retcode(
        10034,
        "LIMIT_VOLUME",
        _NOT,
        "The limit of volume in orders and positions of the symbol is reached.",
        "Reduce the plan's size, or close positions of the symbol.",
    ),
    Retcode(
        10035,
        "INVALID_ORDER",
        _NOT,
        "The order type is wrong or not allowed.",
        "Choose another order type in the plan; the symbol does not allow this one.",
    ),
    Retcode(
        10036,
        "POSITION_CLOSED",
        _NOT,
        "The position is already closed.",
        "Nothing: a stop or a person closed it first.",
    ),
    Retcode(
        10038,
        "INVALID_CLOSE_VOLUME",
        _NOT,
        "The volume to close is more than the position has.",
        "Run `paperdesk reconcile`.",
    ),
    Retcode(
        10039,
        "CLOSE_ORDER_EXIST",
        _NOT,
        "An order that closes the position already exists.",
        "Wait for the other order, or cancel it.",
    ),
    Retcode(
        10040,
        "LIMIT_POSITIONS",
        _NOT,
        "The limit of open positions is reached.",
        "Close positions, or trade fewer symbols.",
    ),
    Retcode(
        10041,
        "REJECT_CANCEL",
        _NOT,
        "The server refused to activate the pending order, and canceled it.",
        "Read the comment in `paperdesk why ID`; usually the margin was too low.",
    ),
    Retcode(10042, "LONG_ONLY", _NOT, "The symbol may only be bought.", "Do not trade signals to sell in this symbol."),
    Retcode(10043, "SHORT_ONLY", _NOT, "The symbol may only be sold.", "Do not trade signals to buy in this symbol."),
    Retcode(
        10044,
        "CLOSE_ONLY",
        _NOT,
        "Positions of the symbol may only be closed.",
        "Take the symbol out of TRADING_SYMBOL when its position is closed.",
    ),
    Retcode(
        10045,
        "FIFO_CLOSE",
        _NOT,
        "Positions must be closed in the order in which they were opened.",
        "Close the oldest position of the symbol first.",
    ),
    Retcode(
        10046,
        "HEDGE_PROHIBITED",
        _NOT,
        "Opposite positions of one symbol are not allowed.",
        "Close the position first, or set ON_OPPOSITE=close.",
    ),
)
"""All retcodes by number; MetaTrader does not use 10005 and 10037."""

_BY_NUMBER: Final = {row.number: row for row in TABLE}


def of(number: int | None) -> Retcode | None:
    """The row of a retcode; None for no answer (None) and for a number that is not in the table."""
    return None if number is None else _BY_NUMBER.get(number)


def outcome_of(number: int | None) -> RetcodeOutcome:
    """The outcome that a retcode proves; IN_DOUBT for no answer (None) and for a number that is not in the table."""
    found = of(number)
    return RetcodeOutcome.IN_DOUBT if found is None else found.outcome


REQUOTE: Final = 10004
REJECT: Final = 10006
CANCEL: Final = 10007
PLACED: Final = 10008
DONE: Final = RETCODE_DONE
DONE_PARTIAL: Final = RETCODE_DONE_PARTIAL
ERROR: Final = 10011
TIMEOUT: Final = 10012
INVALID: Final = 10013
INVALID_VOLUME: Final = 10014
INVALID_PRICE: Final = 10015
INVALID_STOPS: Final = 10016
TRADE_DISABLED: Final = 10017
MARKET_CLOSED: Final = 10018
NO_MONEY: Final = 10019
PRICE_CHANGED: Final = 10020
PRICE_OFF: Final = 10021
INVALID_EXPIRATION: Final = 10022
ORDER_CHANGED: Final = 10023
TOO_MANY_REQUESTS: Final = 10024
NO_CHANGES: Final = 10025
SERVER_DISABLES_AT: Final = 10026
CLIENT_DISABLES_AT: Final = 10027
LOCKED: Final = 10028
FROZEN: Final = 10029
INVALID_FILL: Final = 10030
CONNECTION: Final = 10031
ONLY_REAL: Final = 10032
LIMIT_ORDERS: Final = 10033
LIMIT_VOLUME: Final = 10034
INVALID_ORDER: Final = 10035
POSITION_CLOSED: Final = 10036
INVALID_CLOSE_VOLUME: Final = 10038
CLOSE_ORDER_EXIST: Final = 10039
LIMIT_POSITIONS: Final = 10040
REJECT_CANCEL: Final = 10041
LONG_ONLY: Final = 10042
SHORT_ONLY: Final = 10043
CLOSE_ONLY: Final = 10044
FIFO_CLOSE: Final = 10045
HEDGE_PROHIBITED: Final = 10046

NO_QUOTES: Final = PRICE_OFF
"""`PRICE_OFF` under a name that states its meaning."""
