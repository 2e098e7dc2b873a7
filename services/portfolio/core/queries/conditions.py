"""Collects all conditions of portfolio.

These are the causes of the trading state, the state of the process, the conditions set by other modules, and conditions
that this module derives from the account and the market feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from proto.control import (
    CONDITIONS_MAX,
    Condition,
    DeskState,
    Effect,
    TradingState,
    by_gravity,
    condition,
)
from proto.time import SECOND_NS, utc_text
from proto.trading.money import missing_conversions
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.market_feed import FEED_STALE_NS
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.state_causes import causes_of
from services.portfolio.core.plan.distance_warnings import plan_warning
from services.portfolio.core.queries.idle_symbols import idle_symbols
from services.portfolio.core.risk.formatting import format_pause
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.stream import StreamState

GATEWAY_SILENT_NS: Final = 3_000_000_000
"""Time without an answer after which GATEWAY_SILENT is set; a restart of gateway or execution takes up to 2 s."""

CONNECTING_SILENT_NS: Final = 30_000_000_000
"""Time without an answer after which GATEWAY_SILENT is set while portfolio connects or reconciles.

It is longer than GATEWAY_SILENT_NS, because the gateway may be loading a large book.
"""

NO_TICKS_NS: Final = 60_000_000_000
"""Time without a tick after which NO_TICKS is set; in their sessions major pairs have a tick every few seconds."""

_CONNECTING: Final = (DeskState.CONNECTING, DeskState.RECONCILING)
_EFFECT_OF_STATE: Final = {TradingState.REDUCE_ONLY: Effect.REDUCE_ONLY, TradingState.HALTED: Effect.HALTED}


def conditions_of(state: PortfolioState, mono_ns: int) -> list[Condition]:
    """Return the current conditions, the gravest first.

    Args:
        state: the owners of the desk's state.
        mono_ns: current monotonic time; 0 omits the conditions of the market feed and of a gateway without answers.
    """
    return by_gravity(
        [
            *state_cause_conditions(state.account.book),
            *_process_conditions(state.stream),
            *state.warnings.conditions,
            *_derived_conditions(state, mono_ns),
        ]
    )[:CONDITIONS_MAX]


def warning_text(conditions: list[Condition]) -> str:
    """Return one line with the conditions that do not restrict trading."""
    return "; ".join(one.text for one in conditions if one.effect is Effect.NONE)[:512]


def state_cause_conditions(book: Book) -> list[Condition]:
    """Return the causes of the trading state as conditions."""
    if book.trading is None:
        return []
    return [
        condition(cause.code, cause.text, by=cause.by, effect=_EFFECT_OF_STATE[book.trading_state])
        for cause in causes_of(book.trading)
    ]


def _process_conditions(stream: StreamState) -> Iterator[Condition]:
    if stream.is_stopping:
        yield condition("STOPPING", "portfolio is stopping")
    if stream.desk_state not in (DeskState.RUNNING, DeskState.FINISHED):
        yield condition(stream.desk_state.value, stream.waiting_for or "no reason was given")


def _derived_conditions(state: PortfolioState, mono_ns: int) -> Iterator[Condition]:
    if state.warnings.storage_problem:
        yield condition("STORAGE", state.warnings.storage_problem)
    yield from _gateway_conditions(state, mono_ns)
    doubtful = Counter(
        order.symbol
        for order_id in state.account.book.open_orders
        if (order := state.account.book.orders[order_id]).status is OrderStatus.IN_DOUBT
    )
    for symbol, count in sorted(doubtful.items()):
        yield condition("ORDER_IN_DOUBT", f"{count} order{'s' * (count > 1)} in doubt", subject=symbol)
    for symbol in sorted(state.warnings.unproven_symbols - doubtful.keys()):
        text = "an order is presumed to have expired, but no comparison with the venue has confirmed that yet"
        yield condition("ORDER_IN_DOUBT", text, subject=symbol)
    yield from _breaker_pauses(state.config.limits, state.stream, mono_ns)
    yield from _refused_modifications(state.account.book)
    yield from _waiting_closes(state, mono_ns)
    yield from _missing_rates(state.config, state.account.book)
    yield from idle_symbols(state, mono_ns)
    yield from state.warnings.watchdog.conditions(mono_ns)
    yield from state.warnings.notify.conditions(mono_ns)
    if near := plan_warning(state.config.plan, state.config.symbols, state.account.book.instruments):
        yield condition("PLAN_DISTANCE", near)


def _breaker_pauses(limits: Limits, stream: StreamState, mono_ns: int) -> Iterator[Condition]:
    """A condition for each symbol that the circuit breaker pauses at the current venue time."""
    now_ns = stream.domain_ns(mono_ns)
    if limits.breaker_losses is None:
        return
    for symbol, breaker in sorted(stream.risk.breakers.items()):
        if now_ns < breaker.until_ns:
            # An earlier version stored pauses without the number of losses.
            losses = max(breaker.run, limits.breaker_losses)
            text = f"paused by CIRCUIT_BREAKER {format_pause(losses, breaker.until_ns)}"
            yield condition("BREAKER_OPEN", text, subject=symbol)


def _refused_modifications(book: Book) -> Iterator[Condition]:
    """A condition for each symbol with a position or resting order whose latest modification the venue refused."""
    refused: dict[str, list[str]] = {}
    for key, guard in sorted(book.protections.items()):
        if guard.error and not guard.is_in_flight:
            refused.setdefault(guard.symbol, []).append(f"stops of {key}: {guard.error}")
    for order_id, symbol in book.open_orders.items():
        order = book.orders[order_id]
        if order.error and order.revision and order.revision == order.revision_answered:
            refused.setdefault(symbol, []).append(f"{order_id}: {order.error}")
    for symbol, found in sorted(refused.items()):
        yield condition("MODIFICATION_REFUSED", "; ".join(found), subject=symbol)


def _missing_rates(config: DeskConfig, book: Book) -> Iterator[Condition]:
    """A condition for each symbol that cannot be traded because no quoted pair converts its profit currency."""
    stream = book.stream
    if stream is None:
        return
    known = {symbol: book.instruments[symbol] for symbol in config.quoted if symbol in book.instruments}
    traded = [symbol for symbol in config.symbols if symbol in known]
    for symbol, source in missing_conversions(traded, stream.currency, known).items():
        text = f"no quoted pair converts {source} into the account currency {stream.currency}"
        yield condition("CONVERSION_MISSING", text, subject=symbol)


def _waiting_closes(state: PortfolioState, mono_ns: int) -> Iterator[Condition]:
    """A condition for each symbol whose position is due to be closed while the symbol's market is closed."""
    book, now_ns = state.account.book, state.stream.domain_ns(mono_ns)
    closed = state.warnings.closed_markets.symbols_at(now_ns)
    since_ns = {guard.symbol: guard.exit_ns for guard in book.protections.values() if 0 < guard.exit_ns <= now_ns}
    if book.trading is not None and book.trading.flatten:
        policy = state.config.limits.foreign_orders
        held = (symbol for symbol in book.positions if not own_position(book, symbol, policy).is_flat)
        since_ns |= dict.fromkeys(held, book.trading.time_ns)
    for symbol in sorted(since_ns):
        if symbol in closed or not book.instruments[symbol].is_traded(now_ns):
            text = f"close pending since {utc_text(since_ns[symbol])[:19]}Z, due at the first tick of the next session"
            yield condition("CLOSE_WAITS", text, subject=symbol)


def _gateway_conditions(state: PortfolioState, mono_ns: int) -> Iterator[Condition]:
    # While the ledger cannot be written, portfolio sends no request and expects no answer.
    silent_ns = state.warnings.gateway_silence_ns(mono_ns) if mono_ns and not state.warnings.storage_problem else 0
    if state.stream.desk_state in _CONNECTING and silent_ns > CONNECTING_SILENT_NS:
        text = f"no usable answer for {silent_ns // SECOND_NS} s; portfolio waits for {state.stream.waiting_for}"
        yield condition("GATEWAY_SILENT", text)
    if state.stream.desk_state is not DeskState.RUNNING or not mono_ns:
        return
    if not state.warnings.storage_problem:
        yield from _gateway_silence(state.stream, silent_ns)
    if state.stream.is_live:
        yield from _feed_conditions(state.config, state.stream, mono_ns)


def _gateway_silence(stream: StreamState, silent_ns: int) -> Iterator[Condition]:
    if silent_ns > GATEWAY_SILENT_NS:
        yield condition("GATEWAY_SILENT", f"no answer from the gateway for {silent_ns // SECOND_NS} s")
    elif stream.waiting_for:
        yield condition("GATEWAY_SILENT", f"portfolio waits for {stream.waiting_for}")


def _feed_conditions(config: DeskConfig, stream: StreamState, mono_ns: int) -> Iterator[Condition]:
    heard_ns = max(stream.market.last_message_mono_ns, stream.running_since_mono_ns)
    if mono_ns - heard_ns > FEED_STALE_NS:
        since = "" if stream.market.last_message_mono_ns else ", none since the start"
        yield condition("FEED_STALE", f"no tick and no heartbeat for {(mono_ns - heard_ns) // SECOND_NS} s{since}")
        return
    for symbol in config.quoted:
        quote = stream.market.quotes.get(symbol)
        quoted_ns = max(stream.running_since_mono_ns, 0 if quote is None else quote.mono_ns)
        if mono_ns - quoted_ns > NO_TICKS_NS:
            text = f"no tick for {(mono_ns - quoted_ns) // SECOND_NS} s, although the market feed sends messages"
            yield condition("NO_TICKS", text, subject=symbol)
