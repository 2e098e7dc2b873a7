"""The summary of a stopped desk: what this run did, and how the account stands."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from cli.report_view import difference_text
from cli.tables import console
from orchestration.desk_runner import DeskSummary
from proto.control import describe, headline
from proto.time import utc_text
from proto.trading.units import decimal_text

NARROW: Final = 60


def show_summary(summary: DeskSummary) -> None:
    """A table of this run and the account, and whether ledger and venue agree."""
    from msgspec import to_builtins

    run, account, currency = summary.after.since(summary.before), summary.after, summary.after.currency
    out = console()
    if summary.end:
        out.print(Text(summary.end))
    is_narrow = out.width < NARROW
    table = Table(
        title="SIMULATED desk, stopped", title_justify="left", box=box.SIMPLE_HEAD if is_narrow else box.HEAVY_HEAD
    )
    table.add_column("what")
    table.add_column("this run", justify="right")
    table.add_column("account", justify="right")
    rows = [
        ("up-time", format_duration(summary.up_s), ""),
        ("ticks", f"{run.ticks:,}", f"{account.ticks:,}"),
        (
            "buy / sell" if is_narrow else "signals buy / sell",
            f"{run.buy:,} / {run.sell:,}",
            f"{account.buy:,} / {account.sell:,}",
        ),
        ("orders", f"{run.orders:,}", f"{account.orders:,}"),
        ("fills", f"{run.fills:,}", f"{account.fills:,}"),
        ("denied", f"{run.denied:,}", f"{account.denied:,}"),
        (
            "realised P&L",
            format_signed(run.realized_pnl, "" if is_narrow else currency),
            format_signed(account.realized_pnl, currency),
        ),
        ("unrealised P&L", "", format_signed(account.unrealized_pnl, currency)),
        ("balance", "", "–" if account.balance is None else f"{decimal_text(account.balance)} {currency}"),
        *(
            (symbol if is_narrow else f"position {symbol}", "", f"{volume:+f} at {decimal_text(round(price, 5))}")
            for symbol, (volume, price) in account.positions.items()
        ),
        ("market time", "", utc_text(account.time_ns)[5 if is_narrow else 0 : 19] + "Z" if account.time_ns else "–"),
    ]
    for what, this_run, whole in rows:
        table.add_row(Text(what), Text(this_run), Text(whole))
    out.print(table)
    if not account.positions:
        out.print("no open positions")
    for found in summary.conditions:
        out.print(Text(f"{headline([found])}: {describe(found)}"))
    for found in summary.earlier:
        out.print(Text(f"earlier: {describe(found)}"))
    if summary.differences is None:
        out.print("nothing to reconcile: there is no account yet")
    elif not summary.differences:
        out.print("reconciled: ledger and venue agree")
        if summary.late_deals:
            out.print(
                f"the venue dealt {summary.late_deals} times while the desk was stopping: the next start books it"
            )
    else:
        out.print("NOT reconciled, the next start settles or names it:")
        for difference in summary.differences:
            out.print(Text(f"  {difference_text(to_builtins(difference))}"))
    out.print(Text(f"the account is in {summary.plan.data_dir}; run again to go on with it"), soft_wrap=True)


def format_signed(amount: Decimal | None, currency: str = "") -> str:
    """Money with its sign; None is not known."""
    return "unknown" if amount is None else f"{amount:+,f} {currency}".strip()


def format_duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 3_600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
