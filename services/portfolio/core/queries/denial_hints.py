"""What would have to change for a signal that came to nothing to be traded, by the code of what stood against it."""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import structs

from proto.control import DeskCommand, OrderCommandReply, PlaceCommand
from services.portfolio.core.risk.clearing import CLEARABLE_RULES, PASSABLE_RULES

R = TypeVar("R")

DENIAL_HINTS: Final = {
    "POSITION_OPEN": "the position has to be closed, by the opposite signal or by `paperdesk close`; or the limits have to allow more legs",
    "ORDER_OPEN": "the open order has to end: filled, canceled, or proven not to have happened",
    "UNPROVEN": "the next complete comparison with the venue has to show what became of the order that was presumed expired",
    "INVALID_SIGNAL": "the strategy has to say -1, 0 or 1",
    "SIGNAL_STALE": "signals have to arrive sooner after their tick, or SIGNAL_AGE_MAX_MS has to allow more",
    "STORAGE": "the ledger has to be writable again: look at the disk",
    "LEASE_MISSING": "the gateway has to grant the lease again: read its log",
    "HALTED": "a person has to look at why trading was halted, and say `paperdesk resume --reason ...`",
    "REDUCE_ONLY": "a person has to say `paperdesk resume --reason ...`; until then positions are only closed",
    "INVALID_VOLUME": "the volume has to be a whole number of the venue's steps between its least and its most",
    "NO_CONVERSION_RATE": "a symbol that converts the profit currency into the account's has to be quoted and traded along",
    "CIRCUIT_BREAKER": "the pause has to end; then trial trades without a loss bring the symbol back",
    "CONFIDENCE": "the model has to be surer, or confidence_min lower",
    "QUOTE_STALE": "the quote has to be fresher: look at the feed",
    "TRADING_HOURS": "the trading hours have to begin",
    "FRIDAY_CLOSE": "the next week has to begin",
    "ROLLOVER": "the pause around the server's midnight has to end",
    "DAILY_LOSS": "the server's next day has to begin, or the equity to recover",
    "DRAWDOWN": "the equity has to recover, or a person has to look at the desk and resume it",
    "REJECTS": "a person has to find out why the venue rejects, and resume",
    "REPEATED_ORDERS": "a person has to find out why one side is bought again and again, and resume",
    "ORDER_RATE": "time has to pass: orders come too fast for the limit",
    "SPREAD": "the spread has to come back below the limit, which follows its running median",
    "PRICE_COLLAR": "the signal's price has to agree with the fresh quote: look at the feed's delay",
    "ORDER_VOLUME": "the order has to be smaller, or order_volume_max larger",
    "ORDER_NOTIONAL": "the order has to be smaller, or the equity larger",
    "SYMBOL_EXPOSURE": "less of the symbol has to be held, or the order has to be smaller",
    "GROSS_EXPOSURE": "less has to be held in all, or the order has to be smaller",
    "CURRENCY_EXPOSURE": "less has to be held in the currency, or the order has to be smaller",
    "UNKNOWN_SYMBOL": "the venue has to tell its terms of the symbol",
    "TRADE_DISABLED": "the venue has to let the symbol be traded again",
    "CLOSE_ONLY": "the venue has to let the symbol be opened again; what is held may be closed",
    "MARKET_CLOSED": "the symbol's next session has to begin",
    "STRATEGY_VOLUME": "the strategy has to hold less, or its volume_max in the plan has to be larger",
    "STRATEGY_LOSS": "the server's next day has to begin, or the strategy's daily_loss_pct_max be larger",
    "NEWS": "the time around the news has to be over",
    "NO_QUOTE": "the symbol has to be quoted",
    "INVALID_STOPS": "the stops have to lie on their sides of the price, no nearer than the venue's stops level",
    "INVALID_EXPIRATION": "the expiry has to lie in the future of the venue's clock, and to come with GTD alone",
    "INVALID_PRICE": "the price has to be above 0, on the symbol's tick, and on the right side of the market",
    "NO_SIZE": "the plan's sizing has to come to a volume that the venue trades",
    "MARGIN_USE": "less margin has to be in use: close something, or make the order smaller",
}
"""By code of a denial or of a judgement."""


def denial_hint(code: str) -> str:
    """What would have to change, or where to read on for a code of a venue or of a later rule."""
    return DENIAL_HINTS.get(code, f"{code} has to stop being so: docs/risk.md has the rule")


def with_hint(reply: R, command: DeskCommand) -> R | OrderCommandReply:
    """The reply to a person's command; a denial has what would have to change, and what passes or clears the rule."""
    if not isinstance(reply, OrderCommandReply) or not reply.denied:
        return reply
    hints = [denial_hint(reply.code)]
    if isinstance(command, PlaceCommand) and reply.code in PASSABLE_RULES:
        hints.append(f"the order passes it with --past-rule {reply.code}")
    if isinstance(command, PlaceCommand) and (rule := CLEARABLE_RULES.get(reply.code)) is not None:
        symbol = f" --symbol {command.symbol}" if rule.by_symbol else ""
        hints.append(f"`paperdesk risk reset {reply.code}{symbol} --reason ...` clears it")
    return structs.replace(reply, hint="; ".join(hints))
