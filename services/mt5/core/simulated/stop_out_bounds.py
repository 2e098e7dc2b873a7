"""Bounds of the quotes within which the simulated account cannot reach the stop-out level.

The quotes on which equity and margin depend may each move by a fraction of their present value. The fraction is chosen
so that even the worst combination of prices and conversion rates leaves the margin level above the stop-out level.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from marketdata.tick_bounds import TickBounds
from proto.trading.money import Quote, Quotes
from proto.trading.units import ZERO
from services.mt5.core.simulated.account import SimulatedAccount

MOVE_MAX: Final = Decimal("0.05")
"""Largest move. Within it the worst slack falls nearly in proportion to the move; few moves of a market are larger."""

_CAUTION: Final = Decimal("0.9")
_TRIALS: Final = 4


class _AskedQuotes:
    """The current quotes, with a record of the symbols whose quotes were asked for."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes
        self.asked: dict[str, Quote | None] = {}

    def quote(self, symbol: str) -> Quote | None:
        quote = self.asked[symbol] = self._quotes.quote(symbol)
        return quote


class _MovedQuotes:
    """Quotes multiplied by a factor; those of the symbols in `others` by another factor."""

    def __init__(self, quotes: Quotes, factor: Decimal, others: frozenset[str], factor_of_others: Decimal) -> None:
        self._quotes = quotes
        self._factor = factor
        self._others = others
        self._factor_of_others = factor_of_others

    def quote(self, symbol: str) -> Quote | None:
        quote = self._quotes.quote(symbol)
        if quote is None:
            return None
        factor = self._factor_of_others if symbol in self._others else self._factor
        return Quote(quote.bid * factor, quote.ask * factor)


class _Extremes(NamedTuple):
    """Lowest and highest prices, and the quotes with the lowest and the highest conversion rates."""

    low: Quotes
    high: Quotes
    cheap: Quotes
    dear: Quotes


def add_stop_out_bounds(account: SimulatedAccount, level_pct: Decimal, bounds: TickBounds) -> None:
    """Narrow `bounds` to the ticks at which the margin level of an account with positions could be below `level_pct`.

    Args:
        account: the account, at its current tick.
        level_pct: the stop-out level: equity / margin, in percent.
        bounds: bounds to narrow in place, with the stream's symbols.
    """
    quotes = _AskedQuotes(account.market)
    slack = _slack(account, level_pct, _Extremes(quotes, quotes, quotes, quotes))
    if slack is not None and slack < 0:
        bounds.any_tick_from(0)  # under the level, but no position could be closed
        return
    move = ZERO if slack is None else _safe_move(account, level_pct, slack)
    for symbol, quote in quotes.asked.items():
        name = account.market.stream_name(symbol)
        if name is None:
            continue
        if quote is None or (not move and slack is not None):
            bounds.tick_from(name, 0)
        elif slack is not None:
            bounds.bid_at_most(name, quote.bid * (1 - move))
            bounds.bid_at_least(name, quote.bid * (1 + move))
            # A lower ask only helps: it closes a short position, buys a loss and values a margin at a better price.
            bounds.ask_at_least(name, quote.ask * (1 + move))


def _safe_move(account: SimulatedAccount, level_pct: Decimal, slack: Decimal) -> Decimal:
    """A fraction by which all quotes may move in any direction; 0 if none was found. `slack` is the present one."""
    inverse = frozenset(
        symbol for symbol, terms in account.instruments.items() if terms.base_currency == account.currency
    )
    market, move = account.market, MOVE_MAX
    for _ in range(_TRIALS):
        down, up = 1 - move, 1 + move
        found = _slack(
            account,
            level_pct,
            _Extremes(
                low=_MovedQuotes(market, down, inverse, down),
                high=_MovedQuotes(market, up, inverse, up),
                cheap=_MovedQuotes(market, down, inverse, up),
                dear=_MovedQuotes(market, up, inverse, down),
            ),
        )
        assert found is not None, account.book.positions
        if found >= 0:
            return move
        move *= _CAUTION * slack / (slack - found)
    return ZERO


def _slack(account: SimulatedAccount, level_pct: Decimal, extremes: _Extremes) -> Decimal | None:
    """Lower bound of equity x 100 - margin x level, in account currency; below 0 a stop-out is possible.

    None if a position cannot be valued.
    """
    equity = account.book.balance
    for position in account.book.positions.values():
        quotes = extremes.low if position.volume > 0 else extremes.high
        # A loss is larger at a dear rate, a gain smaller at a cheap one.
        for_cheap = account.values.unrealized(position, quotes=quotes, rates=extremes.cheap)
        for_dear = account.values.unrealized(position, quotes=quotes, rates=extremes.dear)
        if for_cheap is None or for_dear is None:
            return None
        equity += min(for_cheap, for_dear)
    margin = account.margin_at(extremes.high, extremes.dear)
    return None if margin is None else equity * 100 - margin * level_pct
