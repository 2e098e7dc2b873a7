"""Rows for tables, exports and JSON, from a running desk or from the ledger of a stopped desk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.desk_client import DeskClient, all_rows, ledger_views
from proto.control import AccountQuery, EquityQuery, FillsQuery, OrdersQuery, PositionsQuery, TradesQuery
from proto.control.views import (
    PAGE_ROWS_MAX,
    AccountView,
    EquityReply,
    FillsReply,
    OrdersReply,
    PositionsReply,
    TradesReply,
    plain_fields,
)


def order_rows(
    desk: DeskClient, *, open_only: bool = False, last: int | None = None
) -> tuple[list[dict[str, Any]], int]:
    """The last `last` orders (None: all), and the total number of orders."""

    def page(after: int, limit: int, newest: bool) -> OrdersReply | None:
        return desk.request(OrdersQuery(after=after, limit=limit, open_only=open_only, newest=newest), OrdersReply)

    return _latest(desk, page, last, lambda folder: ledger_views().orders(folder, open_only=open_only))


def fill_rows(desk: DeskClient, *, trades_only: bool, last: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """The last `last` deals (None: all), and the total number of deals."""

    def page(after: int, limit: int, newest: bool) -> FillsReply | None:
        return desk.request(FillsQuery(after=after, limit=limit, trades_only=trades_only, newest=newest), FillsReply)

    return _latest(desk, page, last, lambda folder: ledger_views().deals(folder, trades_only=trades_only))


def position_rows(desk: DeskClient) -> list[dict[str, Any]]:
    """Open positions, at the marks of the last processed tick."""
    found = all_rows(desk, lambda after: desk.request(PositionsQuery(after=after, limit=PAGE_ROWS_MAX), PositionsReply))
    return ledger_views().positions(desk.fallback_folder()) if found is None else [plain_fields(row) for row in found]


def trade_rows(desk: DeskClient) -> list[dict[str, Any]]:
    """All round trips."""
    found = all_rows(desk, lambda after: desk.request(TradesQuery(after=after, limit=PAGE_ROWS_MAX), TradesReply))
    return ledger_views().trades(desk.fallback_folder()) if found is None else [plain_fields(row) for row in found]


def equity_point_rows(desk: DeskClient) -> list[dict[str, Any]]:
    """All points of the equity curve that the ledger has."""
    found = all_rows(desk, lambda after: desk.request(EquityQuery(after=after, limit=PAGE_ROWS_MAX), EquityReply))
    return (
        ledger_views().equity_points(desk.fallback_folder()) if found is None else [plain_fields(row) for row in found]
    )


def account_fields(desk: DeskClient) -> dict[str, Any]:
    """Money and progress of the account, by JSON field name."""
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
        # A page of long rows has fewer rows than requested, because the size of a message is limited.
        if found is not None and len(found.rows) == min(last, found.total):
            return [plain_fields(row) for row in found.rows], found.total
        every = None if found is None else all_rows(desk, lambda after: page(after, PAGE_ROWS_MAX, False))
    else:
        every = all_rows(desk, lambda after: page(after, PAGE_ROWS_MAX, False))
    rows = from_ledger(desk.fallback_folder()) if every is None else [plain_fields(row) for row in every]
    return rows[-last:] if last is not None else rows, len(rows)
