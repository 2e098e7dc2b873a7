"""Looking over a stopped desk: is the ledger whole, and does it agree with the simulated broker's own book."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from common.errors import StartError
from proto.control import Difference
from proto.gateway import (
    AccountReply,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    OrdersReply,
    PositionsReply,
    Reply,
    Request,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from proto.units import Side
from services.mt5.book_store import DurableBookStore
from services.mt5.core.book import Book as VenueBook
from services.mt5.core.instruments import account_digits
from services.mt5.core.symbol_map import SymbolMap
from services.portfolio import ledger
from services.portfolio.core.reconcile import compare

VENUE_BOOK: Final = Path("venue") / "book.db"


def verify(data_dir: Path) -> list[str]:
    """Walk the ledger's hash chain and fold its events anew; what does not agree, in words.

    Raises:
        StartError: there is no ledger, or it cannot be read.
    """
    return ledger.verify(data_dir / ledger.FILE_NAME)


def reconcile(data_dir: Path, symbol_map: Mapping[str, str] | None = None) -> list[Difference]:
    """Compare the ledger of a stopped desk with the simulated broker's book beside it.

    Args:
        data_dir: of the desk.
        symbol_map: the desk's names that differ from the broker's.

    Raises:
        StartError: one of the files is not there, cannot be read, or its desk is running.
    """
    book, _ = ledger.read(data_dir / ledger.FILE_NAME)
    path = data_dir / VENUE_BOOK
    if not path.is_file():
        raise StartError(f"{path} is not there, expected the simulated broker's book")
    store = DurableBookStore(path)
    try:
        broker = _Broker(store.load(), SymbolMap(symbol_map))
    finally:
        store.close()
    talk = compare(book)
    request = next(talk)
    while True:
        try:
            request = talk.send(broker.answer(request))
        except StopIteration as end:
            differences: list[Difference] = end.value
            return differences


class _Broker:
    """Answers the questions of a reconciliation from a book that stands still; valuations are left out."""

    def __init__(self, book: VenueBook, symbols: SymbolMap) -> None:
        self._book = book
        self._symbols = symbols

    def answer(self, request: Request) -> Reply:
        """Everything in one page: nothing has to fit into a frame here."""
        book = self._book
        match request:
            case GetAccount():
                return AccountReply(
                    **_SAID,
                    currency=book.currency,
                    currency_digits=account_digits(book.currency),
                    balance=book.balance,
                    equity=None,
                    deal_cursor=len(book.deals),
                    ordinal=book.ordinal,
                    account_mode=book.account_mode,
                )
            case GetDeals():
                return DealsReply(**_SAID, deals=[self._deal(deal) for deal in book.deals], next=None)
            case GetOrders():
                return OrdersReply(**_SAID, orders=[self._order(placed.order) for placed in book.orders], next=None)
            case GetPositions():
                return PositionsReply(**_SAID, positions=self._positions(), next=None)
        raise AssertionError(f"a reconciliation does not ask {request}")

    def _deal(self, deal: VenueDeal) -> VenueDeal:
        return structs.replace(deal, symbol=self._symbols.to_desk(deal.symbol) if deal.symbol else "")

    def _order(self, order: VenueOrder) -> VenueOrder:
        return structs.replace(order, symbol=self._symbols.to_desk(order.symbol))

    def _positions(self) -> list[VenuePosition]:
        return [
            VenuePosition(
                ticket=position.ticket,
                symbol=self._symbols.to_desk(position.symbol),
                side=Side.BUY if position.volume > 0 else Side.SELL,
                volume=abs(position.volume),
                price_open=position.price_open,
                profit=None,
                time_ns=position.time_ns,
            )
            for position in self._book.positions.values()
        ]


_SAID: Final[dict[str, Any]] = {
    "status": "OK",
    "mode": "simulated",
    "venue": "simulated-mt5",
    "account": "stopped",
    "boot_id": "stopped",
}
