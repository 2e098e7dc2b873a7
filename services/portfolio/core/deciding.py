"""From one signal to at most one order: mark, judge, size, check.

Everything an order is decided on is stored with it, so that the decision can be walked later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from proto.control import TradingState
from proto.messages import WARMING_UP, Signal
from proto.units import exact, side_of
from services.portfolio.core.book import Book
from services.portfolio.core.cursor import Mark, TickCursor
from services.portfolio.core.events import OrderCreated, OrderDenied
from services.portfolio.core.lifecycle import OrderStatus
from services.portfolio.core.orders import Decision, Order
from services.portfolio.core.position import ZERO
from services.portfolio.core.risk.ladder import check, check_always
from services.portfolio.core.risk.remember import see_equity, see_spread
from services.portfolio.core.risk.terms import Account, Denial, Proposal
from services.portfolio.core.rules import DeskRules
from services.portfolio.core.single_position import Judgement, OnOpposite, Verdict, default_volume, judge
from services.portfolio.core.valuation import cost_rate, total_unrealized_pnl

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


def mark(signal: Signal, book: Book, cursor: TickCursor, *, spread: bool, equity: bool) -> bool:
    """Let the ladder see a tick that has been counted, as far as its limits look at ticks: `spread`, and `equity` at the marks.

    Returns:
        Whether the equity has moved.
    """
    instrument = book.instruments.get(signal.symbol)
    if instrument is None or book.stream is None:
        return False
    if spread:
        see_spread(cursor.risk, signal.symbol, signal.ask - signal.bid, 10.0**-instrument.digits)
    if not equity:
        return False
    unrealized = total_unrealized_pnl(book, cursor.marks)
    return unrealized is not None and see_equity(cursor.risk, book.balance + unrealized, signal.time_ns)


class Decided(NamedTuple):
    """What a signal comes to: at most one event, and the state that the desk has to go over to with it."""

    event: OrderCreated | OrderDenied | None
    denial: Denial | None = None


def decide(
    signal: Signal,
    book: Book,
    cursor: TickCursor,
    rules: DeskRules,
    *,
    valid_until_ns: int,
    age_ns: int = 0,
    storage_problem: str = "",
    newest: tuple[float, float] | None = None,
    is_unproven: bool = False,
) -> Decided:
    """Judge a signal that asks for a trade (direction +1 or -1) and make the order it comes to, if any.

    An order that closes a position and opens the other side is cut to the close where a limit stands against the opening.

    Args:
        signal: counted and marked.
        book: the account.
        cursor: the ticks so far.
        rules: what the desk was told.
        valid_until_ns: venue time after which the order may not be executed any more; 0 for no such time.
        age_ns: how far the venue's clock is past the signal's tick: 0 in a stepped stream, which waits for the desk.
        storage_problem: why nothing can be made durable now, or nothing.
        newest: the latest bid and ask of the symbol that the process has; the signal's own without.
        is_unproven: an order of the symbol was presumed to have expired, and the venue has not been compared since.
    """
    symbol = signal.symbol
    position = book.position(symbol)
    legs_max = rules.limits.position_legs_max
    judgement = judge(
        signal.direction,
        position,
        next((order_id for order_id, of in book.open_orders.items() if of == symbol), None),
        legs_max=legs_max,
    )
    if is_unproven and judgement.verdict is Verdict.PASS:
        words = (
            f"[RISK] BLOCKED: an order of {symbol} was presumed to have expired, ledger and venue are compared first"
        )
        judgement = Judgement(Verdict.UNPROVEN, words)
    if judgement.verdict is not Verdict.PASS:
        cursor.blocked[judgement.verdict] = cursor.blocked.get(judgement.verdict, 0) + 1
        cursor.last_blocked[symbol] = judgement.reason
        return Decided(None)
    if age_ns > rules.signal_age_ns_max:
        limit, observed = (f"{ns // _NS_PER_MS} ms" for ns in (rules.signal_age_ns_max, age_ns))
        return _deny(signal, Denial(SIGNAL_STALE, limit, f"{observed} old"), cursor)
    may_open = book.trading_state is TradingState.ACTIVE
    on_opposite = rules.on_opposite if may_open else OnOpposite.CLOSE
    volume = default_volume(signal.direction, position, rules.default_volume, on_opposite)
    closes = min(volume, position.volume) if position.direction == -signal.direction else ZERO
    bid, ask = exact(signal.bid), exact(signal.ask)
    price = ask if signal.direction > 0 else bid
    order = Proposal(book.instruments[symbol], signal.direction, volume, volume - closes, price, signal.confidence)
    seen = newest or (signal.bid, signal.ask)
    account = Account(book, cursor, rules.limits, storage_problem, age_ns, seen, rules.plan)
    denial, reason = check(order, account, signal.time_ns), judgement.reason
    if denial is not None and closes and order.opens:
        order = order.closing_only(closes)
        if (against_closing := check_always(order, account, signal.time_ns)) is None:
            reason, denial = f"{reason}; closes only: {denial.code} {denial.observed}, limit {denial.limit}"[:512], None
        else:
            denial = against_closing
    if denial is not None:
        return _deny(signal, denial, cursor)
    cursor.last_denied.pop(symbol, None)
    assert book.stream is not None
    side = side_of(signal.direction)
    number = len(book.orders) + 1
    made = Order(
        order_id=f"{book.stream.incarnation}-{number:06d}",
        number=number,
        symbol=symbol,
        side=side,
        volume=order.volume,
        price=price,
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
            rate=cost_rate(symbol, book, cursor.marks),
            position_before=position.net_volume,
            reason=reason,
        ),
    )
    return Decided(OrderCreated(order=made))


def _deny(signal: Signal, denial: Denial, cursor: TickCursor) -> Decided:
    """Count a denial; only the first of a run of equal ones is an event."""
    cursor.denied[denial.code] = cursor.denied.get(denial.code, 0) + 1
    run = f"{denial.code} {signal.direction}"
    if cursor.last_denied.get(signal.symbol) == run:
        return Decided(None, denial)
    cursor.last_denied[signal.symbol] = run
    event = OrderDenied(
        symbol=signal.symbol,
        direction=signal.direction,
        ordinal=signal.ordinal,
        time_ns=signal.time_ns,
        code=denial.code,
        limit=denial.limit,
        observed=denial.observed,
    )
    return Decided(event, denial)
