"""`paperdesk orders`, `fills`, `deals`, `positions`, `account` and `why`: the history and the holdings of a desk.

A running desk answers from memory; a stopped one's ledger is read by the same functions, so that the rows are the same.
Tables show the latest rows; JSON has all of them unless `--last` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import options as o
from cli.account_view import show_account
from cli.desk_client import DeskClient, Page, all_rows, ledger_views, open_desk
from cli.json_output import print_json
from cli.tables import show_rows
from cli.why_view import show_why
from common.errors import StartError
from proto.control import AccountQuery, FillsQuery, OrdersQuery, PositionsQuery, TradesQuery, WhyQuery
from proto.control.views import (
    PAGE_ROWS_MAX,
    AccountView,
    FillsReply,
    OrdersReply,
    PositionsReply,
    TradesReply,
    WhyReply,
    plain_fields,
)

app = typer.Typer()
EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk {} --data-dir desk"
WHY_EXAMPLES: Final = '[bold]Examples[/bold]\n\n  paperdesk why EURUSD\n\n  paperdesk why "deal 17" --json'
ID_CHARS_MAX: Final = 64

SHOWN_ROWS: Final = 50
"""Rows of a table without `--last`."""

ORDER_COLUMNS: Final = [
    "number",
    "order_id",
    "created_ns",
    "symbol",
    "side",
    "type",
    "volume",
    "price",
    "limit_price",
    "status",
    "filled_volume",
    "filled_price",
    "profit",
    "tag",
    "code",
    "error",
    "past_rules",
]
FILL_COLUMNS: Final = [
    "deal",
    "time_ns",
    "symbol",
    "kind",
    "entry",
    "volume",
    "price",
    "slippage",
    "profit",
    "commission",
    "swap",
    "why",
    "order_id",
]
POSITION_COLUMNS: Final = (
    ["symbol", "direction", "net_volume", "avg_entry_price", "close_price", "unrealized_pnl", "stops", "lots_count"]
)  # fmt: skip
ORDER_SPARE: Final = [
    "past_rules",
    "tag",
    "code",
    "error",
    "price",
    "type",
    "number",
    "filled_volume",
    "limit_price",
    "order_id",
]
FILL_SPARE: Final = ["why", "commission", "swap", "slippage", "order_id", "entry"]
POSITION_SPARE: Final = ["lots_count", "stops", "close_price"]
"""Columns that a narrow terminal drops, in this order; JSON has all columns."""

Last = Annotated[
    int | None, typer.Option("--last", metavar="N", min=1, help="Show the last N rows.", show_default=False)
]


@app.command(epilog=EXAMPLE.format("orders"))
def orders(
    data_dir: o.RunningDesk = None,
    url: o.Url = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only open orders.")] = False,
    last: Last = None,
    as_json: o.AsJson = False,
) -> int:
    """List orders, the latest last.

    Volumes are in lots, profit is in the account's currency before costs. The table shows the last 50.
    """
    with open_desk(data_dir, url) as desk:
        rows, total = order_rows(desk, open_only=open_only, last=_rows_max(last, as_json=as_json))
    return show_table(
        rows, ORDER_COLUMNS, "no open orders" if open_only else "no orders", total, as_json=as_json, spare=ORDER_SPARE
    )


@app.command(epilog=EXAMPLE.format("fills"))
def fills(data_dir: o.RunningDesk = None, url: o.Url = None, last: Last = None, as_json: o.AsJson = False) -> int:
    """List executions, the latest last.

    Volumes are in lots, money is in the account's currency. Slippage is in price, above 0 when worse than the quote of the
    decision.
    """
    with open_desk(data_dir, url) as desk:
        rows, total = fill_rows(desk, trades_only=True, last=_rows_max(last, as_json=as_json))
    return show_table(rows, FILL_COLUMNS, "no fills", total, as_json=as_json, spare=FILL_SPARE)


@app.command(epilog=EXAMPLE.format("deals"))
def deals(data_dir: o.RunningDesk = None, url: o.Url = None, last: Last = None, as_json: o.AsJson = False) -> int:
    """List the deals of the account: executions, and cash movements such as deposits.

    Columns and units are those of `fills`.
    """
    with open_desk(data_dir, url) as desk:
        rows, total = fill_rows(desk, trades_only=False, last=_rows_max(last, as_json=as_json))
    if not as_json:  # a cash movement has no volume and no price
        rows = [row if row["symbol"] else {**row, "volume": None, "price": None, "entry": None} for row in rows]
    return show_table(rows, FILL_COLUMNS, "no deals", total, as_json=as_json, spare=FILL_SPARE)


@app.command(epilog=EXAMPLE.format("positions"))
def positions(data_dir: o.RunningDesk = None, url: o.Url = None, as_json: o.AsJson = False) -> int:
    """List open positions, valued at the last processed tick.

    Volumes are in lots, sells negative; P&L is in the account's currency.
    """
    with open_desk(data_dir, url) as desk:
        found = all_rows(
            desk, lambda after: desk.request(PositionsQuery(after=after, limit=PAGE_ROWS_MAX), PositionsReply)
        )
        rows = (
            ledger_views().positions(desk.fallback_folder()) if found is None else [plain_fields(row) for row in found]
        )
    shown = rows if as_json else [{**row, "stops": _stops(row["guards"])} for row in rows]
    return show_table(shown, POSITION_COLUMNS, "no open positions", len(rows), as_json=as_json, spare=POSITION_SPARE)


@app.command(epilog=EXAMPLE.format("account"))
def account(data_dir: o.RunningDesk = None, url: o.Url = None, as_json: o.AsJson = False) -> int:
    """Show the money and the progress of the account."""
    with open_desk(data_dir, url) as desk:
        fields = account_fields(desk)
    if as_json:
        print_json(fields)
    else:
        show_account(fields)
    return 0


@app.command(epilog=WHY_EXAMPLES)
def why(
    name: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="Id of an order or a denial, number or ticket of a deal, code of a rule, or a symbol.",
            show_default=False,
        ),
    ],
    data_dir: o.RunningDesk = None,
    url: o.Url = None,
    as_json: o.AsJson = False,
) -> int:
    """Explain an order, a fill or a denial by its chain of causes, or why the latest signal of a symbol made no order."""
    subject = " ".join(" ".join(name).split())
    if not 0 < len(subject) <= ID_CHARS_MAX:
        raise StartError(f"ID has {len(subject)} characters, expected 1 to {ID_CHARS_MAX}")
    with open_desk(data_dir, url) as desk:
        found = desk.request(WhyQuery(subject), WhyReply)
        chain = ledger_views().why(desk.fallback_folder(), subject) if found is None else plain_fields(found)
    if as_json:
        print_json(chain)
    else:
        show_why(chain)
    return 0


def order_rows(
    desk: DeskClient, *, open_only: bool = False, last: int | None = None
) -> tuple[list[dict[str, Any]], int]:
    """The last orders, or all of them, and how many there are."""

    def page(after: int, limit: int, newest: bool) -> OrdersReply | None:
        return desk.request(OrdersQuery(after=after, limit=limit, open_only=open_only, newest=newest), OrdersReply)

    return _latest(desk, page, last, lambda folder: ledger_views().orders(folder, open_only=open_only))


def fill_rows(desk: DeskClient, *, trades_only: bool, last: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """The last deals, or all of them, and how many there are."""

    def page(after: int, limit: int, newest: bool) -> FillsReply | None:
        return desk.request(FillsQuery(after=after, limit=limit, trades_only=trades_only, newest=newest), FillsReply)

    return _latest(desk, page, last, lambda folder: ledger_views().deals(folder, trades_only=trades_only))


def trade_rows(desk: DeskClient) -> list[dict[str, Any]]:
    """Every round trip."""
    found = all_rows(desk, lambda after: desk.request(TradesQuery(after=after, limit=PAGE_ROWS_MAX), TradesReply))
    return ledger_views().trades(desk.fallback_folder()) if found is None else [plain_fields(row) for row in found]


def account_fields(desk: DeskClient) -> dict[str, Any]:
    """Money and progress of the account."""
    found = desk.request(AccountQuery(), AccountView)
    return ledger_views().account(desk.fallback_folder()) if found is None else plain_fields(found)


def _latest(
    desk: DeskClient,
    page: Callable[[int, int, bool], Any],
    last: int | None,
    from_ledger: Callable[[Path], list[dict[str, Any]]],
) -> tuple[list[dict[str, Any]], int]:
    if last is not None and last <= PAGE_ROWS_MAX:
        found = page(0, last, True)
        # Long rows may fill a frame before the page has as many as were requested.
        if found is not None and len(found.rows) == min(last, found.total):
            return [plain_fields(row) for row in found.rows], found.total
        every = None if found is None else all_rows(desk, lambda after: _a_page(page, after))
    else:
        every = all_rows(desk, lambda after: _a_page(page, after))
    rows = from_ledger(desk.fallback_folder()) if every is None else [plain_fields(row) for row in every]
    return rows[-last:] if last is not None else rows, len(rows)


def _a_page(page: Callable[[int, int, bool], Any], after: int) -> Page | None:
    found: Page | None = page(after, PAGE_ROWS_MAX, False)
    return found


def _rows_max(last: int | None, *, as_json: bool) -> int | None:
    return SHOWN_ROWS if last is None and not as_json else last


def _stops(guards: Sequence[Mapping[str, Any]]) -> str:
    texts = []
    for held in guards:
        parts = [f"#{held['position']}"] if held["position"] else []
        parts += [
            f"{name} {held[field]}" for name, field in (("SL", "stop_loss"), ("TP", "take_profit")) if held[field]
        ]
        parts += [f"trailing {held['trailing_stop_points']} points"] if held["trailing_stop_points"] else []
        texts.append(" ".join(parts))
    return ", ".join(texts)


def show_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    none: str,
    total: int,
    *,
    as_json: bool,
    spare: Sequence[str] = (),
) -> int:
    """Print rows as a table or as JSON; `none` is printed for no rows, `total` is the count of all rows."""
    if as_json:
        print_json(rows)
        return 0
    show_rows(rows, columns, none=none, spare=spare)
    if total > len(rows):
        print(f"last {len(rows)} of {total:,}; --last N shows more, --json all")
    return 0
