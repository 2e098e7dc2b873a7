"""Replies to queries about the account, from the state in memory.

The same functions make the rows for a running desk and for a ledger file. A page has at most as many rows as fit into
one frame.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from typing import Final, TypeVar

from msgspec import Struct

from proto.codec import encode
from proto.control import (
    AccountQuery,
    EquityQuery,
    FillsQuery,
    LatencyQuery,
    OrdersQuery,
    PositionsQuery,
    RiskQuery,
    TradesQuery,
    ViewQuery,
    WhyQuery,
    denial_message,
)
from proto.control.views import (
    PAGE_ROWS_MAX,
    AccountView,
    EquityPointRow,
    FillRow,
    FillsReply,
    LatencyReply,
    LotRow,
    OrderRow,
    OrdersReply,
    PositionRow,
    PositionsReply,
    ProtectionRow,
    RiskReply,
    RiskRow,
    TradeRow,
    TradesReply,
    ViewReply,
)
from proto.gateway import VenueDeal
from proto.time import utc_text
from proto.trading.enums import Side
from proto.trading.units import MAX_FRAME_BYTES, ZERO
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import cash_by_category
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import Position
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.equity_curve import EquityPoint
from services.portfolio.core.accounting.round_trips import RoundTrip, RoundTripTracker
from services.portfolio.core.accounting.valuation import (
    MarkQuotes,
    total_unrealized_pnl,
    unrealized_pnl,
)
from services.portfolio.core.queries.conditions import conditions_of, warning_text
from services.portfolio.core.queries.margin_figures import margin_figures
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.risk.utilization import limit_utilization
from services.portfolio.core.state.latencies import Latencies
from services.portfolio.core.state.portfolio_state import PortfolioState

R = TypeVar("R", bound=Struct)
S = TypeVar("S")

ROWS_BYTES_MAX: Final = MAX_FRAME_BYTES - 4_096
"""Maximum size of a page's rows in bytes; the rest of the frame is left for the reply's other fields."""

DEALS_PER_QUERY_MAX: Final = 5_000
"""Maximum number of deals that one query adds to the round trips, which takes about 0.1 s.

When portfolio starts, no deal has been added.
"""

_DIRECTIONS: Final = {1: "LONG", -1: "SHORT", 0: "HEDGED"}


class RoundTripsNotReadyError(Exception):
    """The round trips are still being computed after a start."""


def view_reply(state: PortfolioState, query: ViewQuery, mono_ns: int) -> ViewReply:
    """Return the reply to any query except EQUITY and WHY, which also need the ledger.

    Args:
        state: the owners of the desk's state.
        query: the query.
        mono_ns: current monotonic time.

    Raises:
        RoundTripsNotReadyError: the query needs round trips, and not all deals are processed.
    """
    book, cursor, limits = state.account.book, state.stream.cursor, state.config.limits
    match query:
        case OrdersQuery():
            return orders_page(book, query)
        case FillsQuery():
            return fills_page(book, query)
        case TradesQuery():
            if not state.account.round_trips.process_deals(DEALS_PER_QUERY_MAX):
                processed, booked = state.account.round_trips.deals_processed, len(book.deals)
                raise RoundTripsNotReadyError(
                    f"{processed:,} of {booked:,} deals are processed, expected all; repeat the query"
                )
            return trades_page(state.account.round_trips, query)
        case PositionsQuery():
            return positions_page(book, cursor, query)
        case AccountQuery():
            is_complete = state.account.round_trips.process_deals(DEALS_PER_QUERY_MAX)
            return account_view(book, cursor, state.account.round_trips if is_complete else None)
        case RiskQuery():
            account = RiskContext(book, cursor, limits, state.stream.risk, plan=state.config.plan)
            return risk_page(
                account, query, state.stream.domain_ns(mono_ns), warning_text(conditions_of(state, mono_ns))
            )
        case LatencyQuery():
            return latency_counts(state.latencies)
        case EquityQuery() | WhyQuery():
            raise AssertionError("EQUITY and WHY are answered from the ledger")


def latency_counts(latencies: Latencies) -> LatencyReply:
    """Return the counts of each latency since the process started."""
    return LatencyReply(
        since_mono_ns=latencies.since_mono_ns,
        hops={name: histogram.bucket_counts() for name, histogram in latencies.histograms().items()},
    )


def order_row(order: Order) -> OrderRow:
    """Return the row of an order, with its current limit price and stops."""
    decision, terms = order.decision, order.terms
    return OrderRow(
        order_id=order.order_id,
        number=order.number,
        ordinal=decision.ordinal,
        sequence=decision.sequence,
        symbol=order.symbol,
        side=order.side.value,
        volume=order.volume,
        price=order.price,
        status=order.status.value,
        created_ns=order.created_ns,
        ended_ns=order.ended_ns,
        ticket=order.ticket,
        filled_volume=order.filled_volume,
        filled_price=order.filled_price,
        profit=order.profit,
        retcode=order.venue_retcode,
        code=order.code,
        error=order.error,
        reason=decision.reason,
        tag=order.tag,
        cause=decision.cause.value,
        key=order.key,
        type=order.type.value,
        time_in_force="" if order.time_in_force is None else order.time_in_force.value,
        limit_price=terms.limit_price,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        expires_ns=terms.expires_ns,
        past_rules="; ".join(passed.text for passed in decision.past_rules)[:512],
    )


def fill_row(deal: VenueDeal, book: Book) -> FillRow:
    """Return the row of a deal, with its slippage."""
    return FillRow(
        deal=deal.deal,
        order_id=deal.order_id,
        ticket=deal.ticket,
        position=deal.position,
        ordinal=deal.ordinal,
        time_ns=deal.time_ns,
        symbol=deal.symbol,
        kind=deal.kind.value,
        entry=deal.entry.value,
        why=deal.reason.value,
        volume=deal.volume,
        price=deal.price,
        slippage=deal_slippage(deal, book.orders.get(deal.order_id)),
        profit=deal.profit,
        commission=deal.commission,
        swap=deal.swap,
    )


def deal_slippage(deal: VenueDeal, order: Order | None) -> Decimal | None:
    """Return a deal's price against the decision's quote, in price units, positive when worse.

    None for a deal that is no trade or has no order of the desk.
    """
    if order is None or not deal.kind.is_trade:
        return None
    return (deal.price - order.price) * Side(deal.kind.value).sign


def trade_row(number: int, trade: RoundTrip) -> TradeRow:
    """Return the row of round trip `number`, counted from 1; charged commission and swap are negative."""
    return TradeRow(
        trade=number,
        symbol=trade.symbol,
        position=trade.position,
        direction=_DIRECTIONS[trade.direction],
        volume=trade.volume,
        open_deal=trade.opened_by,
        open_time_ns=trade.opened_ns,
        open_price=trade.open_price,
        open_order_id=trade.open_order_id,
        close_deal=trade.closed_by,
        close_time_ns=trade.closed_ns,
        close_price=trade.close_price,
        close_order_id=trade.close_order_id,
        why=trade.reason.value,
        gross=trade.gross,
        profit=trade.profit,
        spread=trade.spread,
        slippage=trade.slippage,
        commission=-trade.commission or ZERO,
        swap=-trade.swap or ZERO,
        net=trade.net,
        tag=trade.tag,
    )


def position_row(position: Position, book: Book, cursor: TickCursor) -> PositionRow:
    """Return the row of a position, with its open lots and protections."""
    quote = MarkQuotes(cursor.marks).quote(position.symbol)
    close = None if quote is None else quote.bid if position.direction > 0 else quote.ask
    guards = sorted((held for held in book.protections.values() if held.symbol == position.symbol), key=lambda g: g.key)
    return PositionRow(
        symbol=position.symbol,
        direction=_DIRECTIONS[position.direction],
        net_volume=position.net_volume,
        avg_entry_price=position.avg_entry_price or ZERO,
        close_price=close,
        unrealized_pnl=unrealized_pnl(position.symbol, book, cursor.marks),
        lots_count=len(position.lots),
        lots=[
            LotRow(
                side="BUY" if lot.sign > 0 else "SELL",
                position=lot.position,
                volume=lot.volume,
                price=lot.price,
                deal=int(lot.opened_by),
                time_ns=lot.time_ns,
            )
            for lot in position.lots[:PAGE_ROWS_MAX]
        ],
        guards=[
            ProtectionRow(
                position=held.position,
                stop_loss=held.stop_loss,
                take_profit=held.take_profit,
                trailing_stop_points=held.trailing_stop_points,
                exit_ns=held.exit_ns,
            )
            for held in guards[:PAGE_ROWS_MAX]
        ],
    )


def orders_page(book: Book, query: OrdersQuery) -> OrdersReply:
    """Return a page of orders, sorted by number."""
    if query.open_only:
        found: Sequence[Order] = [book.orders[order_id] for order_id in book.open_orders]
        total, after = len(found), [order for order in found if order.number > query.after]
    else:
        total = len(book.orders)
        left = max(total - query.after, 0)
        # Orders are numbered from 1 without a gap. So the order after number n has index n.
        count = min(left, query.limit + (0 if query.newest else 1))
        start = total - count if query.newest else query.after
        after = list(islice(book.orders.values(), start, start + count))
    rows, is_more = _page(after, order_row, query.limit, newest=query.newest)
    return OrdersReply(total=total, next=rows[-1].number if is_more else 0, rows=rows)


def fills_page(book: Book, query: FillsQuery) -> FillsReply:
    """Return a page of deals, sorted by number."""
    start = bisect_left(book.deals, query.after + 1, key=_deal_number)
    found: Iterable[VenueDeal] = islice(book.deals, start, None)
    if query.newest:
        found = reversed(book.deals[max(start, len(book.deals) - 2 * PAGE_ROWS_MAX) :])
    chosen = (deal for deal in found if deal.kind.is_trade or not query.trades_only)
    after = list(islice(chosen, query.limit + (0 if query.newest else 1)))
    if query.newest:
        after.reverse()
    rows, is_more = _page(after, lambda deal: fill_row(deal, book), query.limit, newest=query.newest)
    total = book.position_changes if query.trades_only else len(book.deals)
    return FillsReply(total=total, next=rows[-1].deal if is_more else 0, rows=rows)


def trades_page(tracker: RoundTripTracker, query: TradesQuery) -> TradesReply:
    """Return a page of round trips, sorted by number."""
    trades = tracker.round_trips
    # One row more than the limit shows whether another page follows.
    found = list(enumerate(islice(trades, query.after, query.after + query.limit + 1), query.after + 1))
    rows, is_more = _page(found, lambda one: trade_row(*one), query.limit)
    return TradesReply(total=len(trades), next=rows[-1].trade if is_more else 0, rows=rows)


def positions_page(book: Book, cursor: TickCursor, query: PositionsQuery) -> PositionsReply:
    """Return a page of open positions, sorted by symbol."""
    held = [position for _, position in sorted(book.positions.items()) if position.lots]
    rows, is_more = _page(held[query.after :], lambda one: position_row(one, book, cursor), query.limit)
    return PositionsReply(total=len(held), next=query.after + len(rows) if is_more else 0, rows=rows)


def risk_page(context: RiskContext, query: RiskQuery, now_ns: int, warning: str = "") -> RiskReply:
    """Return a page of the risk limits and their utilization at venue time `now_ns`."""
    book = context.book
    found = limit_utilization(context, now_ns)
    rows, is_more = _page(found[query.after :], lambda one: RiskRow(**one._asdict()), query.limit)
    return RiskReply(
        limits=context.limits.name[:512],
        trading_state=book.trading_state.value,
        trading_reason=book.trading.reason if book.trading is not None else "",
        warning=warning,
        total=len(found),
        next=query.after + len(rows) if is_more else 0,
        rows=rows,
    )


def account_view(book: Book, cursor: TickCursor, tracker: RoundTripTracker | None) -> AccountView:
    """Return the account's money and the stream's progress.

    Args:
        book: the account.
        cursor: progress of the stream.
        tracker: for profit by strategy; None until it has processed every deal.
    """
    stream = book.stream
    unrealized = total_unrealized_pnl(book, cursor.marks) if stream else ZERO
    equity = None if unrealized is None else book.balance + unrealized
    margin = margin_figures(book, cursor, equity)
    return AccountView(
        account=stream.account if stream else None,
        mode=stream.mode if stream else None,
        account_mode=stream.account_mode.value if stream else None,
        fills=stream.fills if stream else None,
        currency=stream.currency if stream else None,
        leverage=stream.leverage if stream else None,
        stream_id=cursor.stream_id,
        ordinal=cursor.ordinal,
        time_ns=cursor.time_ns,
        processed=cursor.processed,
        trading_state=book.trading_state.value,
        trading_reason=book.trading.reason if book.trading is not None else "",
        balance=book.balance,
        equity=equity,
        realized_pnl=book.realized_pnl,
        unrealized_pnl=unrealized,
        margin=margin.margin,
        free_margin=margin.free,
        margin_level_pct=margin.level_pct,
        commission=book.commission,
        swap=book.swap,
        cash=account_cash(book),
        pnl_by_tag=None if tracker is None else {tag: one.net for tag, one in tracker.pnl_by_tag().items()},
        signals={
            "buy": cursor.buy,
            "sell": cursor.sell,
            "hold": cursor.hold,
            "warming_up": cursor.warming_up,
            "gaps": cursor.gaps,
        },
        blocked=dict(sorted(cursor.blocked.items())),
        last_blocked=dict(sorted(cursor.last_blocked.items())),
        denied=dict(sorted(cursor.denied.items())),
        orders=len(book.orders),
        orders_open=len(book.open_orders),
        deals=len(book.deals),
        ended=book.ended is not None,
        reconciled=book.reconciled is not None and not book.reconciled.differences,
        last_denied={
            symbol: f"{found.code} at {utc_text(found.time_ns)}: "
            f"{denial_message(limit=found.limit, observed=found.observed)}"
            for symbol, found in sorted(cursor.latest_denials.items())
        },
    )


def equity_row(point: EquityPoint) -> EquityPointRow:
    """Return the row of a point of the equity curve."""
    return EquityPointRow(
        time_ns=point.time_ns,
        ordinal=point.ordinal,
        balance=point.balance,
        equity=point.equity,
        margin=point.margin,
    )


def account_cash(book: Book) -> dict[str, Decimal]:
    """Return the cash of each category in account currency; charges are negative, and the sum is the balance."""
    return {account.value: amount or ZERO for account, amount in cash_by_category(book.cash).items()}


def _page(found: Sequence[S], row_of: Callable[[S], R], limit: int, *, newest: bool = False) -> tuple[list[R], bool]:
    """Return the first rows that fit into a page, and whether more follow.

    With `newest`, return the last rows that fit, and False.
    """
    rows: list[R] = []
    size = 0
    for one in reversed(found) if newest else found:
        row = row_of(one)
        size += len(encode(row))
        if len(rows) == limit or (rows and size > ROWS_BYTES_MAX):
            if newest:
                break
            return rows, True
        rows.append(row)
    return rows[::-1] if newest else rows, False


def _deal_number(deal: VenueDeal) -> int:
    return deal.deal
