"""Audit of a stopped desk: the integrity of the ledger, and its agreement with the simulated broker's book."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import structs

from common.checksums import DamagedRowError
from common.errors import StartError
from marketdata.instruments import account_digits
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
from proto.trading.enums import Side
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.book import Book as VenueBook
from services.mt5.stores.book_store import DurableBookStore
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.order_status import can_transition
from services.portfolio.core.gateway_client.reconciliation import find_differences
from services.portfolio.core.gateway_client.reply_events import TERMINAL_STATUSES, deal_booked, order_ended
from services.portfolio.ledger import ledger
from services.portfolio.ledger.hash_chain import last_position
from services.portfolio.ledger.signature import check_signature, head_problem, read_head
from services.portfolio.ledger.signing_key import existing_key, head_file, key_file

VENUE_BOOK: Final = Path("venue") / "book.db"


class LedgerReport(NamedTuple):
    """The result of an audit of a ledger.

    `problems` has one line for each problem, `signature` is a statement of what the signature proves, and `head` is the
    head of the hash chain as `number:hash`.
    """

    problems: list[str]
    signature: str
    head: str


def verify(data_dir: Path, key_setting: str = "", expected_head: str = "") -> LedgerReport:
    """Check the ledger's hash chain, replay its events, and check its signature.

    Args:
        data_dir: the data directory of the desk, which may be running.
        key_setting: value of LEDGER_KEY_FILE; empty if it is not set.
        expected_head: a head printed earlier, which the hash chain must contain; empty to skip this check.

    Raises:
        StartError: there is no ledger, or the ledger or its key cannot be read.
    """
    path = data_dir / ledger.LEDGER_FILE_NAME
    own = key_file(data_dir, key_setting)
    key, head = existing_key(own), read_head(head_file(own))  # read first, because a running desk extends the ledger
    problems = ledger.verify_ledger(path)
    db = ledger.open_ledger(path)
    try:
        with db:
            found = check_signature(db, key, head)
            problems += found.problems + ([found.rollback] if found.rollback else [])
            number, link = last_position(db)
            problems += [problem] if (problem := expected_head and head_problem(db, expected_head)) else []
    except DamagedRowError as error:
        return LedgerReport(problems or [str(error)], "", "")
    finally:
        db.close()
    return LedgerReport(problems, found.summary, f"{number}:{link.hex()}")


def reconcile(data_dir: Path, symbol_map: Mapping[str, str] | None = None) -> list[Difference]:
    """Compare the ledger of a stopped desk with the simulated broker's book in the same folder.

    Args:
        data_dir: the data directory of the desk.
        symbol_map: the broker's symbols by the desk's symbols, where they differ.

    Raises:
        StartError: a file is missing, cannot be read, or its desk is running.
    """
    book, broker = _read(data_dir, symbol_map)
    return _differences(book, broker)


def reconcile_stopped(data_dir: Path, symbol_map: Mapping[str, str] | None = None) -> tuple[list[Difference], int]:
    """Compare as `reconcile` does, after booking in memory the deals and order ends that the next start will book.

    Returns:
        The differences, and the number of deals that the next start will book.
    """
    book, broker = _read(data_dir, symbol_map)
    late = broker.deals_after(book.deal_cursor)
    for deal in late:
        if not deal.symbol or deal.symbol in book.instruments:
            book.apply(deal_booked(book, deal))
    for shown in broker.orders():
        order, ended = book.orders.get(shown.order_id), TERMINAL_STATUSES.get(shown.status)
        if order is not None and ended is not None and order.status.is_open and can_transition(order.status, ended):
            book.apply(order_ended(order, ended, shown))
    return _differences(book, broker), len(late)


def _read(data_dir: Path, symbol_map: Mapping[str, str] | None) -> tuple[Book, _StoppedVenue]:
    book, _ = ledger.read_ledger(data_dir / ledger.LEDGER_FILE_NAME)
    path = data_dir / VENUE_BOOK
    if not path.is_file():
        raise StartError(f"{path} does not exist, expected the simulated broker's book")
    store = DurableBookStore(path)
    try:
        return book, _StoppedVenue(store.load(), SymbolMap(symbol_map))
    finally:
        store.close()


def _differences(book: Book, broker: _StoppedVenue) -> list[Difference]:
    task = find_differences(book)
    request = next(task)
    while True:
        try:
            request = task.send(broker.answer(request))
        except StopIteration as end:
            differences: list[Difference] = end.value
            return differences


class _StoppedVenue:
    """Answers the requests of a reconciliation from the book of a stopped venue; equity and profits are None."""

    def __init__(self, book: VenueBook, symbols: SymbolMap) -> None:
        self._book = book
        self._symbols = symbols

    def answer(self, request: Request) -> Reply:
        """The reply to a request, in one page, because the size of a message is not limited here."""
        book = self._book
        match request:
            case GetAccount():
                return AccountReply(
                    **_HEADER,
                    currency=book.currency,
                    currency_digits=account_digits(book.currency),
                    balance=book.balance,
                    equity=None,
                    deal_cursor=len(book.deals),
                    ordinal=book.ordinal,
                    account_mode=book.account_mode,
                )
            case GetDeals():
                return DealsReply(**_HEADER, deals=self.deals_after(0), next=None)
            case GetOrders():
                return OrdersReply(**_HEADER, orders=self.orders(), next=None)
            case GetPositions():
                return PositionsReply(**_HEADER, positions=self._positions(), next=None)
        raise AssertionError(f"a reconciliation does not send {request}")

    def deals_after(self, number: int) -> list[VenueDeal]:
        """The deals with numbers above `number`; deals are numbered from 1 without a gap."""
        return [self._deal(deal) for deal in self._book.deals[number:]]

    def orders(self) -> list[VenueOrder]:
        """All orders of the book."""
        return [self._order(placed.order) for placed in self._book.orders]

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
                stop_loss=position.stop_loss,
                take_profit=position.take_profit,
                revision=position.revision,
            )
            for position in self._book.positions.values()
        ]


_HEADER: Final[dict[str, Any]] = {
    "status": "OK",
    "mode": "simulated",
    "venue": "simulated-mt5",
    "account": "stopped",
    "boot_id": "stopped",
}
