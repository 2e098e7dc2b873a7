"""Queries about the account, symbols and ticks, with the desk's names of symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import structs

from marketdata.tick_stream import MarketSource
from proto.gateway import (
    AccountReply,
    DealsReply,
    ErrorCode,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    GetTicks,
    OrdersReply,
    PositionsReply,
    Reply,
    SymbolReply,
    TicksReply,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from proto.time import Now
from proto.trading.margin import free_margin, margin_level_pct
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.gateway.tick_publisher import TickPublisher
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.ports.terminal import Terminal
from services.mt5.core.ports.venue import Venue

Row = TypeVar("Row", VenueOrder, VenueDeal, VenuePosition)


class QueryService:
    """Answers the requests that only read."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        venue: Venue,
        terminal: Terminal,
        publisher: TickPublisher,
        symbols: SymbolMap,
        header: ReplyHeader,
        client_order_id: Callable[[int, str], str],
    ) -> None:
        """Use these parts; `client_order_id` returns the client's order id for a magic and a comment."""
        self._venue = venue
        self.publisher = publisher
        self._stream = stream
        self._stream_id = stream_id
        self._terminal = terminal
        self._symbols = symbols
        self._header = header
        self._name_of = client_order_id
        self.handlers: dict[type, Callable[[Any, Now], Reply]] = {
            GetAccount: self._account,
            GetPositions: self._positions,
            GetOrders: self._orders,
            GetDeals: self._deals,
            GetSymbolInfo: self._symbol_info,
            GetTicks: self._ticks,
        }

    def _account(self, request: GetAccount, now: Now) -> AccountReply:
        broker = self._venue
        equity, margin = broker.equity, broker.margin
        free = level_pct = None
        if equity is not None and margin is not None:
            free = free_margin(equity=equity, margin=margin)
            level_pct = margin_level_pct(equity=equity, margin=margin)
        return AccountReply(
            **self._header.fields(request.request_id),
            currency=broker.currency,
            currency_digits=broker.currency_digits,
            balance=broker.balance,
            equity=equity,
            deal_cursor=self._terminal.deal_cursor(now),
            ordinal=broker.ordinal,
            account_mode=broker.account_mode,
            leverage=broker.leverage,
            margin=margin,
            free_margin=free,
            margin_level_pct=level_pct,
            margin_call_level_pct=broker.margin_call_level_pct,
            stop_out_level_pct=broker.stop_out_level_pct,
        )

    def deal_cursor(self, now: Now) -> int | None:
        """The number of the newest deal; None while the venue may show an incomplete history."""
        is_complete = self._terminal.unavailable(now) is None and self._terminal.is_history_complete(now)
        return self._terminal.deal_cursor(now) if is_complete else None

    def _positions(self, request: GetPositions, now: Now) -> PositionsReply:  # noqa: ARG002 - one signature
        rest = [position for position in self._venue.positions() if position.ticket > request.after]
        page = [self.position_with_desk_names(position) for position in rest[: request.limit]]
        following = page[-1].ticket if len(rest) > len(page) else None
        return PositionsReply(**self._header.fields(request.request_id), positions=page, next=following)

    def _orders(self, request: GetOrders, now: Now) -> OrdersReply:
        rows = self._terminal.orders_after(request.after, request.limit + 1, now)
        page = [self.order_with_desk_names(row) for row in rows[: request.limit]]
        following = page[-1].ticket if len(rows) > len(page) else None
        return OrdersReply(**self._header.fields(request.request_id), orders=page, next=following)

    def _deals(self, request: GetDeals, now: Now) -> DealsReply:
        rows = self._terminal.deals_after(request.after, request.limit + 1, now)
        page = [self.with_desk_names(deal, self._venue.magic_of_ticket(deal.ticket)) for deal in rows[: request.limit]]
        following = page[-1].deal if len(rows) > len(page) else None
        return DealsReply(**self._header.fields(request.request_id), deals=page, next=following)

    def _symbol_info(self, request: GetSymbolInfo, now: Now) -> Reply:  # noqa: ARG002 - one signature
        symbol = self._symbols.to_broker(request.symbol)
        instrument = None if symbol is None else self._venue.instrument(symbol)
        if instrument is None:
            return self._header.error(request.request_id, ErrorCode.UNKNOWN_SYMBOL, f"unknown symbol {request.symbol}")
        return SymbolReply(
            **self._header.fields(request.request_id), instrument=structs.replace(instrument, symbol=request.symbol)
        )

    def _ticks(self, request: GetTicks, now: Now) -> Reply:  # noqa: ARG002 - one signature
        if request.symbol not in self._stream.symbols:
            text = f"this gateway has no ticks of {request.symbol}, expected one of {', '.join(self._stream.symbols)}"
            return self._header.error(request.request_id, ErrorCode.UNKNOWN_SYMBOL, text)
        columns = self._stream.ticks(
            request.symbol,
            from_sequence=request.from_sequence,
            limit=request.limit,
            published=self.publisher.published,
        )
        return TicksReply(
            **self._header.fields(request.request_id),
            symbol=request.symbol,
            stream_id=self._stream_id,
            **columns._asdict(),
        )

    def order_with_desk_names(self, row: BookOrder) -> VenueOrder:
        """An order of the book, with the desk's names."""
        return self.with_desk_names(row.order, row.magic)

    def position_with_desk_names(self, position: VenuePosition) -> VenuePosition:
        """A position, with the desk's names."""
        return self.with_desk_names(position, self._venue.magic_of_position(position.ticket))

    def with_desk_names(self, row: Row, magic: int) -> Row:
        """The row with the desk's symbol, and with the client's order id for `magic` instead of the comment."""
        name, symbol = self._name_of(magic, row.order_id), self._symbols.to_desk(row.symbol)
        if (name, symbol) == (row.order_id, row.symbol):
            return row
        return structs.replace(row, order_id=name, symbol=symbol)
