"""What the gateway tells of the account, the symbols and the ticks, in the desk's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

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
)
from proto.time import Now
from services.mt5.core.identity import Identity
from services.mt5.core.instruments import catalogue
from services.mt5.core.link import Link
from services.mt5.core.publisher import Publisher
from services.mt5.core.stream import MarketSource
from services.mt5.core.symbol_map import SymbolMap
from services.mt5.core.venue import SimulatedVenue


class Queries:
    """Answers every request that only reads."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        venue: SimulatedVenue,
        link: Link,
        publisher: Publisher,
        symbols: SymbolMap,
        identity: Identity,
        name_of: Callable[[int, str], str],
    ) -> None:
        """`name_of` gives the client's order id for a magic and a comment."""
        self.venue = venue
        self.publisher = publisher
        self._stream = stream
        self._stream_id = stream_id
        self._link = link
        self._symbols = symbols
        self._identity = identity
        self._name_of = name_of
        self.handlers: dict[type, Callable[[Any, Now], Reply]] = {
            GetAccount: self._account,
            GetPositions: self._positions,
            GetOrders: self._orders,
            GetDeals: self._deals,
            GetSymbolInfo: self._symbol_info,
            GetTicks: self._ticks,
        }

    def _account(self, request: GetAccount, now: Now) -> AccountReply:
        return AccountReply(
            **self._identity.said(request.request_id),
            currency=self.venue.currency,
            currency_digits=self.venue.currency_digits,
            balance=self.venue.balance,
            equity=self.venue.equity,
            deal_cursor=self._link.deal_cursor(now),
            ordinal=self.venue.ordinal,
        )

    def _positions(self, request: GetPositions, now: Now) -> PositionsReply:  # noqa: ARG002 - handlers are called alike
        rest = [position for position in self.venue.positions() if position.ticket > request.after]
        page = [self._renamed(position) for position in rest[: request.limit]]
        following = page[-1].ticket if len(rest) > len(page) else None
        return PositionsReply(**self._identity.said(request.request_id), positions=page, next=following)

    def _orders(self, request: GetOrders, now: Now) -> OrdersReply:
        rows = self._link.orders_after(request.after, request.limit + 1, now)
        page = [self._renamed(self._named(row.order, row.magic)) for row in rows[: request.limit]]
        following = page[-1].ticket if len(rows) > len(page) else None
        return OrdersReply(**self._identity.said(request.request_id), orders=page, next=following)

    def _deals(self, request: GetDeals, now: Now) -> DealsReply:
        rows = self._link.deals_after(request.after, request.limit + 1, now)
        page = [
            self._renamed(self._named(deal, self.venue.magic_of_ticket(deal.ticket))) for deal in rows[: request.limit]
        ]
        following = page[-1].deal if len(rows) > len(page) else None
        return DealsReply(**self._identity.said(request.request_id), deals=page, next=following)

    def _symbol_info(self, request: GetSymbolInfo, now: Now) -> Reply:  # noqa: ARG002 - handlers are called alike
        symbol = self._symbols.to_broker(request.symbol)
        instrument = None if symbol is None else catalogue(symbol)
        if instrument is None:
            return self._identity.error(
                request.request_id, ErrorCode.UNKNOWN_SYMBOL, f"unknown symbol {request.symbol}"
            )
        return SymbolReply(
            **self._identity.said(request.request_id), instrument=structs.replace(instrument, symbol=request.symbol)
        )

    def _ticks(self, request: GetTicks, now: Now) -> Reply:  # noqa: ARG002 - handlers are called alike
        if request.symbol not in self._stream.symbols:
            words = f"no ticks of {request.symbol} here, expected one of {', '.join(self._stream.symbols)}"
            return self._identity.error(request.request_id, ErrorCode.UNKNOWN_SYMBOL, words)
        columns = self._stream.ticks(
            request.symbol,
            from_sequence=request.from_sequence,
            limit=request.limit,
            published=self.publisher.published,
        )
        return TicksReply(
            **self._identity.said(request.request_id),
            symbol=request.symbol,
            stream_id=self._stream_id,
            **columns._asdict(),
        )

    def _named(self, row: Any, magic: int) -> Any:
        """An order or deal with its client's id in the place of the comment."""
        name = self._name_of(magic, row.order_id)
        return row if name == row.order_id else structs.replace(row, order_id=name)

    def _renamed(self, row: Any) -> Any:
        """A row of the book with the desk's name of its symbol."""
        name = self._symbols.to_desk(row.symbol)
        return row if name == row.symbol else structs.replace(row, symbol=name)
