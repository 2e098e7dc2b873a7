"""The report of a run, with the same schema for a replay and a backtest.

Decimals are text. On a new account, every field except `timings`, `mode` (the kind of run), `ledger` and `warnings`
depends only on the data, the settings and the model. `docs/report.md` describes each field.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from proto.gateway import VenueDeal
from proto.trading.units import ZERO, decimal_text
from research.model_data import model_data
from research.run_spec import RunSpec
from research.run_warnings import run_warnings
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.costs import cost_totals
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.accounting.valuation import total_unrealized_pnl
from services.portfolio.ledger.event_search import modification_counts
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger

SCHEMA_VERSION: Final = 1
_NO_TIMINGS: Final[dict[str, Any]] = {
    "duration_s": None,
    "ticks_per_s": None,
    "latency_us": None,
    "engine": None,
    "visits": None,
    "visited_on_every_tick": [],
}


def report_of(
    data_dir: Path,
    spec: RunSpec,
    *,
    mode: str,
    remarks: Sequence[str] = (),
    timings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report of the last run in a data directory.

    Args:
        data_dir: data directory of the run.
        spec: the run.
        mode: `replay` or `backtest`.
        remarks: remarks on the times of the stream's files.
        timings: parts of the field `timings`; None if nothing was measured.

    Raises:
        StartError: there is no ledger, or the ledger cannot be read.
    """
    path = data_dir / LEDGER_FILE_NAME
    book, kept = read_ledger(path)
    modifications = modification_counts(path, of_stream=True)
    return build_report(
        book, kept.cursor, spec, modifications=modifications, mode=mode, remarks=remarks, timings=timings
    )


def orders_of_run(book: Book) -> list[Order]:
    """The orders of the book's current stream, by number."""
    before = book.stream.orders_before if book.stream else 0
    return [order for order in book.orders.values() if order.number > before]


def deals_of_run(book: Book) -> list[VenueDeal]:
    """The executions of the book's current stream, without movements of cash."""
    before = book.stream.deals_before if book.stream else 0
    return [deal for deal in book.deals if deal.deal > before and deal.kind.is_trade]


def cash_of_run(book: Book) -> list[VenueDeal]:
    """All deals of the book's current stream, with movements of cash."""
    before = book.stream.deals_before if book.stream else 0
    return [deal for deal in book.deals if deal.deal > before]


def build_report(
    book: Book,
    cursor: TickCursor,
    spec: RunSpec,
    *,
    modifications: ModificationCounts,
    mode: str,
    has_ledger: bool = True,
    remarks: Sequence[str] = (),
    timings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report of a run from its account; for the other arguments see `report_of`.

    `modifications` are the counts of the run's stream. `has_ledger` states whether the account is in a file.
    """
    orders, deals = orders_of_run(book), deals_of_run(book)
    costs = cost_totals(book, cash_of_run(book))
    unrealized = total_unrealized_pnl(book, cursor.marks) if book.stream else ZERO
    counts = book.ended.counts if book.ended else None
    last = book.reconciled
    watched = {symbol: cursor.sequences.get(symbol, 0) for symbol in spec.watched_symbols}
    warnings = run_warnings(book, cursor, modifications, remarks)
    found_model_data = None
    if book.stream is not None:
        found_model_data = model_data(
            spec,
            data_sha256=book.stream.data_sha256,
            first_ns=book.stream.first_time_ns,
            last_ns=cursor.time_ns,
        )
    reconciled = last is not None and last.at_end and book.ended is not None and not last.differences
    return {
        "schema_version": SCHEMA_VERSION,
        "mode": mode,
        "simulated": True,
        "ledger": has_ledger,
        "strategy": spec.strategy,
        "settings": spec.deciding_settings(),
        "stream_id": cursor.stream_id,
        "data_sha256": book.stream.data_sha256 if book.stream else None,
        "symbols": list(spec.symbols),
        "ticks": {
            "read": counts.read if counts else None,
            "published": counts.published if counts else None,
            "rejected": dict(sorted(counts.rejected.items())) if counts else None,
            "processed": cursor.processed + sum(watched.values()),
            "gaps": cursor.gaps,
        },
        "watched": watched,
        "signals": {
            "buy": cursor.buy,
            "sell": cursor.sell,
            "hold": cursor.hold,
            "warming_up": cursor.warming_up,
            "blocked": dict(sorted(cursor.blocked.items())),
        },
        "orders": {
            "created": len(orders),
            "denied": dict(sorted(cursor.denied.items())),
            "by_status": dict(sorted(Counter(str(order.status) for order in orders).items())),
        },
        "modifications": {"made": modifications.made, "refused": dict(sorted(modifications.refused.items()))},
        "deals": len(deals),
        "position_changes": len(deals),
        "deals_after_arrival": sum(0 < deal.arrived_ns < deal.time_ns for deal in deals),
        "limit_gap": decimal_text(sum((deal.limit_gap for deal in deals), ZERO)),
        "position": {
            symbol: {
                "net_volume": decimal_text(position.net_volume),
                "avg_entry_price": decimal_text(position.avg_entry_price or ZERO),
            }
            for symbol, position in sorted(book.positions.items())
            if not position.is_flat
        },
        "realized_pnl": decimal_text(costs.profit),
        "unrealized_pnl": None if unrealized is None else decimal_text(unrealized),
        "commission": decimal_text(-costs.commission),
        "swap": decimal_text(-costs.swap),
        "costs": {
            "spread": decimal_text(costs.spread),
            "slippage": decimal_text(costs.slippage),
            "commission": decimal_text(costs.commission),
            "swap": decimal_text(costs.swap),
            "net": decimal_text(costs.net),
            "unquoted": costs.unquoted,
        },
        "balance": decimal_text(book.balance),
        "equity": None if unrealized is None else decimal_text(book.balance + unrealized),
        "reconciled": reconciled,
        "differences": [
            {
                "kind": found.kind,
                "subject": found.subject,
                "ledger": found.ledger,
                "venue": found.venue,
                "remedy": found.remedy,
            }
            for found in (last.differences if last else [])
        ],
        **({"model_data": found_model_data} if found_model_data else {}),
        **({"warnings": warnings} if warnings else {}),
        "timings": {**_NO_TIMINGS, **(timings or {})},
    }


def as_json(report: Mapping[str, Any]) -> str:
    """The report as JSON text with sorted keys."""
    return json.dumps(report, sort_keys=True, indent=2)


def report_digest(report: Mapping[str, Any]) -> str:
    """SHA-256 of the report without fields that do not depend on the run's results alone, to compare these."""
    left_out = ("timings", "mode", "ledger", "warnings", "model_data")
    compared = {key: value for key, value in report.items() if key not in left_out}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()
