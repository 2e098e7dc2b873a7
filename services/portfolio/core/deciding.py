"""From one signal to at most one order: mark, judge, size, check.

Everything an order is decided on is stored with it, so that the decision can be walked later.
"""

from __future__ import annotations

from typing import Final

from proto.control import TradingState
from proto.messages import WARMING_UP, Signal
from proto.units import exact, side_of
from services.portfolio.core.book import Book
from services.portfolio.core.cursor import Mark, TickCursor
from services.portfolio.core.events import OrderCreated, OrderDenied
from services.portfolio.core.lifecycle import OrderStatus
from services.portfolio.core.orders import Decision, Order
from services.portfolio.core.position import ZERO
from services.portfolio.core.risk import Denial, Proposal, check
from services.portfolio.core.rules import DeskRules
from services.portfolio.core.single_position import OnOpposite, Verdict, default_volume, judge
from services.portfolio.core.valuation import can_convert

SIGNAL_STALE: Final = "SIGNAL_STALE"
_NS_PER_MS: Final = 1_000_000


def count(signal: Signal, cursor: TickCursor, *, is_live: bool = False) -> None:
    """Take note of a signal: progress, gaps, counters by direction, and its quote as the symbol's mark.

    A live desk joins a market that was there before it: what came before its first signal of a symbol is no gap.
    """
    cursor.ordinal = signal.ordinal
    cursor.time_ns = signal.time_ns
    last = cursor.sequences.get(signal.symbol, 0)
    if signal.sequence > last + 1 and (last or not is_live):
        cursor.gaps += signal.sequence - last - 1
    cursor.sequences[signal.symbol] = signal.sequence
    cursor.marks[signal.symbol] = Mark(signal.bid, signal.ask, signal.time_ns)
    if signal.direction > 0:
        cursor.buy += 1
    elif signal.direction < 0:
        cursor.sell += 1
    elif signal.reason == WARMING_UP:
        cursor.warming_up += 1
    else:
        cursor.hold += 1


def decide(
    signal: Signal,
    book: Book,
    cursor: TickCursor,
    rules: DeskRules,
    *,
    valid_until_ns: int,
    age_ns: int = 0,
    storage_problem: str = "",
) -> OrderCreated | OrderDenied | None:
    """Judge a signal that asks for a trade (direction +1 or -1) and make the order it comes to, if any.

    `age_ns` is how far the venue's clock is past the signal's tick: 0 in a stepped stream, which waits for the desk.
    `storage_problem` says why nothing can be made durable now, or nothing.
    """
    symbol = signal.symbol
    position = book.position(symbol)
    judgement = judge(signal.direction, position, book.open_orders.get(symbol))
    if judgement.verdict is not Verdict.PASS:
        cursor.blocked[judgement.verdict] = cursor.blocked.get(judgement.verdict, 0) + 1
        cursor.last_blocked[symbol] = judgement.reason
        return None
    if age_ns > rules.signal_age_ns_max:
        limit, observed = (f"{ns // _NS_PER_MS} ms" for ns in (rules.signal_age_ns_max, age_ns))
        return _deny(signal, Denial(SIGNAL_STALE, limit, f"{observed} old"), cursor)
    may_open = book.trading_state is TradingState.ACTIVE
    on_opposite = rules.on_opposite if may_open else OnOpposite.CLOSE
    volume = default_volume(signal.direction, position, rules.default_volume, on_opposite)
    opens = volume if position.direction != -signal.direction else max(volume - position.volume, ZERO)
    instrument = book.instruments[symbol]
    denial = check(
        Proposal(
            instrument,
            volume,
            opens,
            can_convert(instrument, book, cursor.marks),
            book.trading_state,
            storage_problem,
        ),
        rules.limits,
    )
    if denial is not None:
        return _deny(signal, denial, cursor)
    cursor.last_denied.pop(symbol, None)
    assert book.stream is not None
    side = side_of(signal.direction)
    bid, ask = exact(signal.bid), exact(signal.ask)
    number = len(book.orders) + 1
    order = Order(
        order_id=f"{book.stream.incarnation}-{number:06d}",
        number=number,
        symbol=symbol,
        side=side,
        volume=volume,
        price=ask if signal.direction > 0 else bid,
        status=OrderStatus.PENDING,
        created_ns=signal.time_ns,
        valid_until_ns=valid_until_ns,
        decision=Decision(
            ordinal=signal.ordinal,
            sequence=signal.sequence,
            time_ns=signal.time_ns,
            direction=signal.direction,
            confidence=signal.confidence,
            bid=bid,
            ask=ask,
            position_before=position.net_volume,
            reason=judgement.reason,
        ),
    )
    return OrderCreated(order=order)


def _deny(signal: Signal, denial: Denial, cursor: TickCursor) -> OrderDenied | None:
    """Count a denial; only the first of a run of equal ones is an event."""
    cursor.denied[denial.code] = cursor.denied.get(denial.code, 0) + 1
    run = f"{denial.code} {signal.direction}"
    if cursor.last_denied.get(signal.symbol) == run:
        return None
    cursor.last_denied[signal.symbol] = run
    return OrderDenied(
        symbol=signal.symbol,
        direction=signal.direction,
        ordinal=signal.ordinal,
        time_ns=signal.time_ns,
        code=denial.code,
        limit=denial.limit,
        observed=denial.observed,
    )
