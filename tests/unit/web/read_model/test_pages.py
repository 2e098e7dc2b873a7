"""Pages have the rows of the control socket and of `research.ledger_views`, in each order and with each filter."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from proto.control import FillsQuery, OrdersQuery, TradesQuery
from proto.control.views import TradeRow, plain_fields
from proto.trading.enums import AccountMode
from research import ledger_views
from services.portfolio.core.account.book import Book
from services.portfolio.core.accounting.round_trips import track_round_trips
from services.portfolio.core.queries.views import fills_page, orders_page, trades_page
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from services.web.read_model.filters import DenialFilter, EventFilter, FillFilter, OrderFilter, TradeFilter
from services.web.read_model.index import ReadModel
from services.web.read_model.paging import FilterError
from tests.unit.web.read_model.ledgers import followed, trade_by_backtest

Desk = tuple[Path, ReadModel, Book]


@pytest.fixture(scope="module", params=AccountMode)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A backtest's data folder, its read model built in small steps, and its book."""
    data_dir = tmp_path_factory.mktemp("desk")
    trade_by_backtest(data_dir, mode=request.param)
    book, _ = read_ledger(data_dir / LEDGER_FILE_NAME)
    with followed(data_dir, limit=97) as model:
        yield data_dir, model, book


def all_rows(page: Callable[[Any], Any], wanted: Any) -> list[Any]:
    """The rows of all consecutive pages, whose totals are all equal to the number of rows."""
    rows, totals = [], set()
    while True:
        found = page(wanted)
        rows += found.rows
        totals.add(found.total)
        assert len(found.rows) <= wanted.limit
        if not found.next:
            assert totals == {len(rows)}
            return rows
        assert len(found.rows) == wanted.limit
        wanted = structs.replace(wanted, cursor=found.next)


def test_the_run_has_enough_of_everything(desk: Desk) -> None:
    _, model, book = desk
    assert len(book.orders) > 100
    assert len(track_round_trips(book).round_trips) > 100
    assert model.source.problem == ""
    assert {order.symbol for order in book.orders.values()} == {"EURUSD", "USDJPY", "XAUUSD"}


def test_orders_are_those_of_the_ledger(desk: Desk) -> None:
    data_dir, model, book = desk
    rows = all_rows(model.orders, OrderFilter(sort="number", limit=70))
    assert [plain_fields(row) for row in rows] == ledger_views.orders(data_dir)
    reply = orders_page(book, OrdersQuery(open_only=False, after=0, newest=False, limit=50))
    assert (reply.rows, reply.total) == (rows[:50], len(rows))
    for row in rows[:3]:
        assert model.order(row.order_id) == row
    assert model.order("none") is None


def test_fills_are_those_of_the_ledger(desk: Desk) -> None:
    data_dir, model, book = desk
    rows = all_rows(model.fills, FillFilter(sort="number", limit=70))
    assert [plain_fields(row) for row in rows] == ledger_views.deals(data_dir)
    reply = fills_page(book, FillsQuery(trades_only=False, after=0, newest=False, limit=50))
    assert (reply.rows, reply.total) == (rows[:50], len(rows))


def test_trades_are_those_of_the_ledger(desk: Desk) -> None:
    data_dir, model, book = desk
    rows = all_rows(model.trades, TradeFilter(sort="number", limit=70))
    as_replied = [TradeRow(**{name: getattr(row, name) for name in TradeRow.__struct_fields__}) for row in rows]
    assert [plain_fields(row) for row in as_replied] == ledger_views.trades(data_dir)
    reply = trades_page(track_round_trips(book), TradesQuery(after=0, limit=50))
    assert (reply.rows, reply.total) == (as_replied[:50], len(rows))
    fills = {row.deal: row for row in all_rows(model.fills, FillFilter(limit=500))}
    for row in rows:
        assert row.entry_slippage == fills[row.open_deal].slippage
        assert row.duration_s == (row.close_time_ns - row.open_time_ns) / 1e9


def value_of(row: Any, sort: str) -> Any:
    match sort:
        case "number":
            return next(getattr(row, name) for name in ("number", "deal", "trade") if hasattr(row, name))
        case "duration":
            return row.duration_s
        case "mae" | "mfe":
            return float("-inf")
        case _:
            return getattr(row, sort)


CASES: list[tuple[str, type[Any], tuple[str, ...]]] = [
    ("orders", OrderFilter, ("number", "created_ns", "profit")),
    ("fills", FillFilter, ("number", "time_ns", "profit")),
    ("trades", TradeFilter, ("number", "close_time_ns", "profit", "net", "duration", "mae", "mfe")),
]


@pytest.mark.parametrize(("table", "kind", "sorts"), CASES)
@pytest.mark.parametrize("sign", ["", "-"])
def test_every_sort_with_and_without_filters(
    desk: Desk, table: str, kind: type[Any], sorts: tuple[str, ...], sign: str
) -> None:
    """All pages together are the rows that match, sorted by value and number."""
    page = getattr(desk[1], table)
    rows = all_rows(page, kind(sort="number", limit=500))
    times = sorted(
        value_of(row, {"orders": "created_ns", "fills": "time_ns"}.get(table, "close_time_ns")) for row in rows
    )
    low, high = times[len(times) // 4], times[len(times) // 2]
    for sort in sorts:
        for given in (
            {},
            {"symbol": "USDJPY"},
            {"side": "SELL", "cause": "signal"},
            {"symbol": "EURUSD", "side": "BUY", "tag": "desk"},
            {"from_ns": low, "to_ns": high},
            {"symbol": "XAUUSD", "from_ns": low},
            {"to_ns": high},
            {"symbol": "NONE"},
        ):
            expected = sorted(
                (row for row in rows if matches(row, table, given)),
                key=lambda row: (value_of(row, sort), value_of(row, "number")),
                reverse=sign == "-",
            )
            assert all_rows(page, kind(sort=f"{sign}{sort}", limit=31, **given)) == expected, (sort, given)


def matches(row: Any, table: str, given: dict[str, Any]) -> bool:
    time_ns = {"orders": "created_ns", "fills": "time_ns"}.get(table, "close_time_ns")
    if not given.get("from_ns", 0) <= getattr(row, time_ns) <= given.get("to_ns", 2**62):
        return False
    if "symbol" in given and row.symbol != given["symbol"]:
        return False
    if "side" in given:
        side = {"orders": "side", "fills": "kind", "trades": "direction"}[table]
        shown = {"LONG": "BUY", "SHORT": "SELL"}.get(getattr(row, side), getattr(row, side))
        if shown != given["side"]:
            return False
    is_of_a_signal = table != "fills" or bool(row.order_id)
    return is_of_a_signal or not ({"tag", "cause"} & given.keys())


def test_denials_and_events_are_those_of_the_ledger(tmp_path: Path) -> None:
    """With the default limits the circuit breaker denies many signals."""
    trade_by_backtest(tmp_path, mode=AccountMode.NETTING, rows=500, risk="default")
    with followed(tmp_path) as model:
        rows = all_rows(model.denials, DenialFilter(limit=9, sort="number"))
        assert rows
        assert [row.number for row in rows] == sorted({row.number for row in rows})
        events = all_rows(model.events, EventFilter(limit=70))
        assert [row.number for row in events] == list(range(model.source.event, 0, -1))
        denied = all_rows(model.events, EventFilter(limit=70, type="order_denied"))
        assert [row.number for row in denied[::-1]] == [row.number for row in rows]
        for row, event in zip(rows, denied[::-1], strict=True):
            assert (row.symbol, row.tag, row.code, row.time_ns) == (event.symbol, event.tag, event.code, event.time_ns)
            assert ledger_views.why(tmp_path, event.why_id)["kind"] == "denial"
        code = rows[0].code
        assert all_rows(model.denials, DenialFilter(code=code, sort="number", limit=50)) == [
            row for row in rows if row.code == code
        ]
        assert model.denial_counts()[code] == sum(row.code == code for row in rows)
        symbol = rows[0].symbol
        assert all_rows(model.events, EventFilter(symbol=symbol, tag="desk", limit=50)) == [
            row for row in events if (row.symbol, row.tag) == (symbol, "desk")
        ]


def test_open_orders_are_a_filter(desk: Desk) -> None:
    _, model, book = desk
    rows = model.orders(OrderFilter(status="open", sort="number", limit=500)).rows
    assert [row.order_id for row in rows] == list(book.open_orders)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"sort": "price"}, "sort is 'price', expected one of number, created_ns, profit"),
        ({"limit": 0}, "limit is 0, expected 1 to 500"),
        ({"limit": 501}, "limit is 501, expected 1 to 500"),
        ({"cursor": "x"}, "cursor is 'x', expected `next` of a page with sort -number"),
        ({"cursor": "ä"}, "cursor is 'ä'"),
        ({"cursor": "AAAA"}, "cursor is 'AAAA'"),
    ],
)
def test_a_bad_request_is_named(desk: Desk, given: dict[str, Any], text: str) -> None:
    with pytest.raises(FilterError, match=text):
        desk[1].orders(OrderFilter(**given))


def test_a_cursor_belongs_to_its_sort(desk: Desk) -> None:
    cursor = desk[1].orders(OrderFilter(limit=1)).next
    with pytest.raises(FilterError, match="expected `next` of a page with sort profit"):
        desk[1].orders(OrderFilter(sort="profit", cursor=cursor))


@pytest.mark.parametrize(("value", "number"), [(2**64 - 1, 1), (1, 2**64 - 1), (1, -1), (float("nan"), 1)])
def test_a_cursor_of_numbers_that_no_page_has_is_refused(desk: Desk, value: float, number: int) -> None:
    cursor = urlsafe_b64encode(msgspec.msgpack.encode(("profit", value, number))).decode()
    with pytest.raises(FilterError, match="expected `next` of a page with sort profit"):
        desk[1].orders(OrderFilter(sort="profit", cursor=cursor))
