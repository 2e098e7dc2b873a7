"""The report of a run, and differences between ledger and venue, as text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from cli.tables import average_text, console

SAMPLE_TEXTS: Final = {"in": "IN SAMPLE", "out": "out of sample", "unknown": "UNKNOWN"}


_STRATEGY_ROWS: Final = {"parameters": "strategy_params", "strategy's code": "strategy_code"}
"""Rows on the strategy, each with the key of its text in the settings of the run."""


def show_report(report: Mapping[str, Any]) -> None:
    """Print the report of a run as a table, then its warnings and differences."""
    currency = report["settings"]["currency"]
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in _report_rows(report, currency):
        table.add_row(Text(name), Text(value))
    out = console()
    out.print(Text(f"{report['mode']} on the SIMULATED venue, stream {report['stream_id']}"))
    out.print(table)
    print_warnings(report)
    if not report["ledger"]:
        out.print("no ledger: orders, why, export and verify have nothing to read of this run")
    if report["reconciled"]:
        out.print("reconciled: ledger and venue agree")
        return
    out.print("NOT reconciled" + (":" if report["differences"] else ": the ledger was not compared at the end"))
    for found in report["differences"]:
        out.print(Text(f"  {difference_text(found)}"))


def print_warnings(report: Mapping[str, Any]) -> None:
    """Print the warnings of a report, one line for each."""
    for warning in report.get("warnings", ()):
        console().print(Text(f"WARNING: {warning}"), soft_wrap=True)


def _report_rows(report: Mapping[str, Any], currency: str) -> list[tuple[str, str]]:
    ticks, signals, orders, timings = report["ticks"], report["signals"], report["orders"], report["timings"]
    latency = timings["latency_us"] or {}
    rows = [
        ("strategy", report["strategy"]),
        *((name, found) for name, key in _STRATEGY_ROWS.items() if (found := report["settings"].get(key))),
        ("symbols", ", ".join(report["symbols"])),
        *((("model's data", SAMPLE_TEXTS[found["sample"]]),) if (found := report.get("model_data")) else ()),
        ("rows read", _count(ticks["read"])),
        *((f"rows rejected, {reason}", _count(count)) for reason, count in (ticks["rejected"] or {}).items() if count),
        ("ticks published", _count(ticks["published"])),
        ("ticks processed", _count(ticks["processed"])),
        *((f"ticks watched, {symbol}", _count(count)) for symbol, count in report["watched"].items()),
        ("signals buy / sell", f"{signals['buy']:,} / {signals['sell']:,}"),
        ("orders", _count(orders["created"])),
        *((f"orders {status}", _count(count)) for status, count in orders["by_status"].items()),
        *((f"denied, {reason}", _count(count)) for reason, count in orders["denied"].items()),
        *((f"signals blocked, {reason}", _count(count)) for reason, count in signals["blocked"].items()),
        *_modification_rows(report["modifications"]),
        ("fills", _count(report["deals"])),
        *_if_any("fills after arrival", report["deals_after_arrival"]),
        *(
            (f"position {symbol}", f"{held['net_volume']} lots at {average_text(Decimal(held['avg_entry_price']))}")
            for symbol, held in report["position"].items()
        ),
        ("balance before", f"{balance_before(report):f} {currency}"),
        ("realized P&L", f"{report['realized_pnl']} {currency}"),
        ("commission", f"{report['commission']} {currency}"),
        ("swap", f"{report['swap']} {currency}"),
        *_limit_gap(report, currency),
        ("balance", f"{report['balance']} {currency}"),
        ("unrealized P&L", _money(report["unrealized_pnl"], currency)),
        ("equity", _money(report["equity"], currency)),
    ]
    if timings["duration_s"] is not None:
        rows.append(("duration", f"{timings['duration_s']:.1f} s"))
    if timings["ticks_per_s"] is not None:
        rows.append(("speed", f"{timings['ticks_per_s']:,} ticks/s"))
    if timings["visits"] is not None:
        rows.append(("ticks processed one by one", _count(timings["visits"])))
    if timings["visited_on_every_tick"]:
        rows.append(("every tick needed by", ", ".join(timings["visited_on_every_tick"])))
    rows += [
        (f"{hop.replace('_', ' ')} p50 / p99 / p99.9", f"{q['p50']:,.0f} / {q['p99']:,.0f} / {q['p999']:,.0f} µs")
        for hop, q in latency.items()
        if q["count"]
    ]
    return rows


def _if_any(name: str, count: int) -> list[tuple[str, str]]:
    return [(name, _count(count))] if count else []


def _limit_gap(report: Mapping[str, Any], currency: str) -> list[tuple[str, str]]:
    """A row with the advantage of quotes over the prices of filled limit orders; no row if it is 0."""
    return (
        [("quote advantage over limits", f"{report['limit_gap']} {currency}")] if Decimal(report["limit_gap"]) else []
    )


def _modification_rows(modifications: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows on modifications of stops and orders; no rows without modifications."""
    made, refused = modifications["made"], modifications["refused"]
    if not made and not refused:
        return []
    return [
        ("modifications made", _count(made)),
        *((f"modifications refused, {code}", _count(count)) for code, count in refused.items()),
        *((("modifications refused", _count(0)),) if not refused else ()),
    ]


def balance_before(report: Mapping[str, Any]) -> Decimal:
    """The balance before the run, in account currency: the deposit of a new account, or the earlier run's balance."""
    moved = (Decimal(report[name]) for name in ("realized_pnl", "commission", "swap"))
    return Decimal(report["balance"]) - sum(moved, Decimal(0))


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _money(value: str | None, currency: str) -> str:
    return "unknown: no conversion rate" if value is None else f"{value} {currency}"


def difference_text(found: Mapping[str, Any]) -> str:
    """A difference between ledger and venue in one line."""
    return (
        f"{found['kind']} {found['subject']}: ledger {found['ledger'] or 'nothing'}, "
        f"venue {found['venue'] or 'nothing'}; {found['remedy']}"
    )
