"""`paperdesk orders`, `fills`, `deals`, `positions`, `account` and `why`: the history and the positions of a desk.

A running desk answers from memory. For a stopped desk the same functions read its ledger, so that the rows are the
same. Tables show the latest rows; JSON has all rows unless `--last` is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from cli import options as o
from cli.account_view import show_account
from cli.desk_client import ledger_views, open_desk
from cli.desk_queries import account_fields, fill_rows, order_rows, position_rows
from cli.json_output import print_json
from cli.tables import show_table
from cli.why_view import show_why
from common.errors import StartError
from proto.control import WhyQuery
from proto.control.views import WhyReply, plain_fields

app = typer.Typer()
EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk {} --data-dir desk"
WHY_EXAMPLES: Final = '[bold]Examples[/bold]\n\n  paperdesk why EURUSD\n\n  paperdesk why "deal 17" --json'
ID_CHARS_MAX: Final = 64

SHOWN_ROWS: Final = 50
"""Maximum number of rows of a table without `--last`."""

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

    Volumes are in lots, profit is in the account's currency before costs. Without `--last` the table shows the last 50.
    """
    with open_desk(data_dir, url) as desk:
        rows, total = order_rows(desk, open_only=open_only, last=_rows_max(last, as_json=as_json))
    return show_table(
        rows, ORDER_COLUMNS, "no open orders" if open_only else "no orders", total, as_json=as_json, spare=ORDER_SPARE
    )


@app.command(epilog=EXAMPLE.format("fills"))
def fills(data_dir: o.RunningDesk = None, url: o.Url = None, last: Last = None, as_json: o.AsJson = False) -> int:
    """List executions, the latest last.

    Volumes are in lots, money is in the account's currency. Slippage is in price, and positive when the fill is worse
    than the decision's quote.
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

    Volumes are in lots; those of short positions are negative. P&L is in the account's currency.
    """
    with open_desk(data_dir, url) as desk:
        rows = position_rows(desk)
    shown = rows if as_json else [{**row, "stops": _stops_text(row["guards"])} for row in rows]
    return show_table(shown, POSITION_COLUMNS, "no open positions", len(rows), as_json=as_json, spare=POSITION_SPARE)


@app.command(epilog=EXAMPLE.format("account"))
def account(data_dir: o.RunningDesk = None, url: o.Url = None, as_json: o.AsJson = False) -> int:
    """Show terms, trading state, money, progress and counts of the account."""
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
    """Explain an order, fill or denial by its causes, a rule's state, or why a symbol's latest signal made no order.

    Raises:
        StartError: the id is empty, too long or unknown, or the desk does not answer.
    """
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


def _rows_max(last: int | None, *, as_json: bool) -> int | None:
    return SHOWN_ROWS if last is None and not as_json else last


def _stops_text(protections: Sequence[Mapping[str, Any]]) -> str:
    texts = []
    for held in protections:
        parts = [f"#{held['position']}"] if held["position"] else []
        parts += [
            f"{name} {held[field]}" for name, field in (("SL", "stop_loss"), ("TP", "take_profit")) if held[field]
        ]
        parts += [f"trailing {held['trailing_stop_points']} points"] if held["trailing_stop_points"] else []
        texts.append(" ".join(parts))
    return ", ".join(texts)
