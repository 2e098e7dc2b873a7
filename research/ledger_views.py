"""The account in a data directory as plain rows: decimals as text, times in UTC nanoseconds.

Portfolio makes the rows of its replies with the same row functions. Each view raises StartError if the ledger is
missing or cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.errors import StartError
from proto.control import Condition, DenialLine, PositionLine, TradingState
from proto.control.views import plain_fields
from services.portfolio.config_files.limits_file import RISK_SETS, load_limits
from services.portfolio.config_files.plan_file import load_plan
from services.portfolio.core.account.book import Book
from services.portfolio.core.accounting.round_trips import list_round_trips, track_round_trips
from services.portfolio.core.plan.plan import PLAIN, Plan
from services.portfolio.core.queries.conditions import state_cause_conditions
from services.portfolio.core.queries.explain import UnknownSubjectError
from services.portfolio.core.queries.status import denial_lines, position_lines
from services.portfolio.core.queries.views import account_view, equity_row, fill_row, order_row, position_row, trade_row
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, Limits
from services.portfolio.core.risk.rules.drawdown import drawdown_headroom, drawdown_levels, drawdown_pct
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.risk.utilization import limit_utilization
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, load_equity_points, read_ledger
from services.portfolio.query_handler import answer_why as why_of


@dataclass(frozen=True, kw_only=True)
class StoppedDesk:
    """The state of a stopped desk, from its ledger; the fields have the names and units of those of `StatusReply`.

    `mode` and `currency` are empty before the first stream. If the limits came from a file, which the ledger does not
    have, `has_known_limits` is False and the levels are empty.
    """

    mode: str
    trading_state: TradingState
    conditions: list[Condition]
    latest_denials: list[DenialLine]
    currency: str
    balance: Decimal | None
    equity: Decimal | None
    unrealized_pnl: Decimal | None
    margin_level_pct: Decimal | None
    drawdown: float | None
    drawdown_peak: Decimal | None
    drawdown_headroom: dict[str, float]
    drawdown_levels: dict[str, Decimal]
    has_known_limits: bool
    positions: dict[str, PositionLine]
    orders_open: int
    processed: int
    venue_time_ns: int


def stopped_desk(data_dir: Path) -> StoppedDesk:
    """The state of a stopped desk; its conditions are the causes of its trading state."""
    book, kept = read_ledger(data_dir / LEDGER_FILE_NAME, with_history=False)
    cursor, stream, limits = kept.cursor, book.stream, _own_limits(book)
    view = account_view(book, cursor, None)
    context = RiskContext(book, cursor, limits or DEFAULT_LIMITS, kept.risk)
    drawdown = drawdown_pct(context)
    return StoppedDesk(
        mode=stream.mode if stream else "",
        trading_state=book.trading_state,
        conditions=state_cause_conditions(book),
        latest_denials=denial_lines(cursor),
        currency=view.currency or "",
        balance=view.balance if stream else None,
        equity=view.equity if stream else None,
        unrealized_pnl=view.unrealized_pnl,
        margin_level_pct=view.margin_level_pct,
        drawdown=None if drawdown is None else float(drawdown) / 100,
        drawdown_peak=None if drawdown is None else kept.risk.peaks.high,
        drawdown_headroom={} if limits is None else drawdown_headroom(context),
        drawdown_levels={} if limits is None else drawdown_levels(context),
        has_known_limits=limits is not None,
        positions=position_lines(book, cursor),
        orders_open=view.orders_open,
        processed=view.processed,
        venue_time_ns=view.time_ns,
    )


def orders(data_dir: Path, *, open_only: bool = False) -> list[dict[str, Any]]:
    """Orders of the account, in the order of their numbers."""
    book, _ = read_ledger(data_dir / LEDGER_FILE_NAME)
    return [plain_fields(order_row(order)) for order in book.orders.values() if order.status.is_open or not open_only]


def deals(data_dir: Path, *, trades_only: bool = False) -> list[dict[str, Any]]:
    """Deals of the account, in the order of the venue's numbers; `trades_only` omits movements of cash."""
    book, _ = read_ledger(data_dir / LEDGER_FILE_NAME)
    return [plain_fields(fill_row(deal, book)) for deal in book.deals if deal.kind.is_trade or not trades_only]


def trades(data_dir: Path) -> list[dict[str, Any]]:
    """Round trips of the account in the order of closing."""
    book, _ = read_ledger(data_dir / LEDGER_FILE_NAME)
    return [plain_fields(trade_row(number, trade)) for number, trade in enumerate(list_round_trips(book), 1)]


def positions(data_dir: Path) -> list[dict[str, Any]]:
    """Open positions with their lots, valued at the marks of the last processed tick."""
    book, kept = read_ledger(data_dir / LEDGER_FILE_NAME)
    held = [position for _, position in sorted(book.positions.items()) if position.lots]
    return [plain_fields(position_row(position, book, kept.cursor)) for position in held]


def risk(data_dir: Path, risk_set: str | None, plan: str | None = None) -> list[dict[str, Any]]:
    """Utilization of limits and of strategy budgets.

    Args:
        data_dir: data directory of the desk.
        risk_set: name or file of the limits; None for the desk's own.
        plan: file of the plan; None for the desk's own.

    Raises:
        StartError: the desk's own limits or plan came from a file that is not given, or a file cannot be read.
    """
    book, kept = read_ledger(data_dir / LEDGER_FILE_NAME)
    limits = load_limits(risk_set) if risk_set is not None else _own_limits(book)
    if limits is None:
        raise StartError(f"the desk trades with the limits {_limits_name(book)!r} of a file, expected --risk FILE")
    budgets = load_plan(plan) if plan is not None else _own_plan(book)
    if budgets is None:
        raise StartError(f"the desk trades with the plan {_plan_name(book)!r} of a file, expected --plan FILE")
    account = RiskContext(book, kept.cursor, limits, kept.risk, plan=budgets)
    return [reading._asdict() for reading in limit_utilization(account, kept.cursor.time_ns)]


def account(data_dir: Path) -> dict[str, Any]:
    """The account's money, and its counts of signals, orders and deals."""
    book, kept = read_ledger(data_dir / LEDGER_FILE_NAME)
    return plain_fields(account_view(book, kept.cursor, track_round_trips(book)))


def equity_points(data_dir: Path) -> list[dict[str, Any]]:
    """Points of the equity curve, in the order of their times."""
    return [plain_fields(equity_row(point)) for point in load_equity_points(data_dir / LEDGER_FILE_NAME)]


def why(data_dir: Path, name: str) -> dict[str, Any]:
    """The explanation of an order, a deal, a denial, a rule, or a symbol's latest blocked signal.

    Raises:
        StartError: the ledger has nothing with that name.
    """
    path = data_dir / LEDGER_FILE_NAME
    book, kept = read_ledger(path)
    try:
        return plain_fields(why_of(name, book, kept, path))
    except UnknownSubjectError as error:
        raise StartError(str(error)) from None


def _limits_name(book: Book) -> str:
    return book.stream.settings.get("risk", "") if book.stream else DEFAULT_LIMITS.name


def _own_limits(book: Book) -> Limits | None:
    """The desk's limits if they are a named set; None if they are in a file."""
    name = _limits_name(book)
    return load_limits(name) if name in RISK_SETS else None


def _plan_name(book: Book) -> str:
    return book.stream.settings.get("plan", PLAIN.name) if book.stream else PLAIN.name


def _own_plan(book: Book) -> Plan | None:
    """The plain plan if the desk trades with it; None if the desk's plan is in a file."""
    return PLAIN if _plan_name(book) == PLAIN.name else None
