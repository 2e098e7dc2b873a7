"""Bounds of the ticks at which a desk does more than count a signal, for a backtest of a lock-step stream."""

from __future__ import annotations

from collections.abc import Collection

from marketdata.tick_bounds import TickBounds
from proto.trading.server_time import next_day_ns
from services.portfolio.core.decision.exit_bounds import add_exit_bounds
from services.portfolio.core.state.portfolio_state import PortfolioState


def add_desk_bounds(
    state: PortfolioState,
    bounds: TickBounds,
    *,
    needs_spread: bool,
    volatile_symbols: Collection[str],
) -> None:
    """Narrow `bounds` by the parts of the desk that react to a tick, other than equity and the decision of its signal.

    Args:
        state: the owners of the desk's state.
        bounds: bounds to narrow in place.
        needs_spread: whether a rule needs the running median of the spread.
        volatile_symbols: symbols with an estimate of volatility.
    """
    stream, book = state.stream, state.account.book
    for symbol in bounds.symbols:
        # The first tick of a symbol adds its keys to the state; their order is part of the ledger.
        if (
            symbol not in stream.last_signals
            or (needs_spread and symbol in book.instruments and symbol not in stream.risk.spread_medians)
            or (symbol in volatile_symbols and symbol not in stream.volatility)
        ):
            bounds.tick_from(symbol, 0)
    bounds.any_tick_from(next_day_ns(stream.cursor.time_ns))
    if book.protections or book.open_orders:
        add_exit_bounds(state, bounds)
