"""The summary of a stopped desk: figures of this run and of the whole account."""

from __future__ import annotations

from typing import Final

from msgspec import to_builtins
from rich import box
from rich.table import Table
from rich.text import Text

from cli.mode_label import run_label
from cli.report_view import difference_text
from cli.tables import NOTHING, console, format_duration, format_money, format_signed
from orchestration.desk_runner import DeskSummary
from proto.control import describe, headline
from proto.time import utc_text
from proto.trading.units import ZERO, decimal_text

NARROW: Final = 60

CASH_TITLES: Final = {
    "realised_profit": "realized P&L",
    "commission": "commission",
    "swap": "swap",
    "deposits": "deposits and withdrawals",
    "corrections": "corrections",
}
"""Titles of the categories of cash, which sum to the balance."""

_ALWAYS_SHOWN: Final = ("realised_profit", "commission", "swap")


def show_summary(summary: DeskSummary) -> None:
    """Print a table of this run and the account, the conditions, and whether ledger and venue agree."""
    run, account, currency = summary.after.since(summary.before), summary.after, summary.after.currency
    out = console()
    if summary.end:
        out.print(Text(summary.end))
    is_narrow = out.width < NARROW
    table = Table(
        title=f"{run_label(summary.plan, account.mode)} desk, stopped",
        title_justify="left",
        box=box.SIMPLE_HEAD if is_narrow else box.HEAVY_HEAD,
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
        *(
            [("modifications refused", f"{run.refused_modifications:,}", f"{account.refused_modifications:,}")]
            if account.refused_modifications
            else []
        ),
        *_balance_rows(summary, "" if is_narrow else currency),
        ("unrealized P&L", "", format_signed(account.unrealized_pnl, currency)),
        *(
            (symbol if is_narrow else f"position {symbol}", "", f"{volume:+f} at {decimal_text(round(price, 5))}")
            for symbol, (volume, price) in account.positions.items()
        ),
        (
            "market time",
            "",
            utc_text(account.time_ns)[5 if is_narrow else 0 : 19] + "Z" if account.time_ns else NOTHING,
        ),
    ]
    for what, this_run, whole in rows:
        table.add_row(Text(what), Text(this_run), Text(whole))
    out.print(table)
    if not account.positions:
        out.print("no open positions")
    for found in summary.conditions:
        alike = [one for one in summary.conditions if one.effect is found.effect]
        out.print(Text(f"{headline(alike, summary.plan.symbols)}: {describe(found)}"))
    for found in summary.earlier:
        out.print(Text(f"earlier: {describe(found)}"))
    if summary.differences is None:
        out.print("not reconciled: there is no account yet")
    elif not summary.differences:
        out.print("reconciled: ledger and venue agree")
        if summary.late_deals:
            out.print(f"deals during the stop: {summary.late_deals}; the next start books them")
    else:
        out.print("NOT reconciled; the next start settles or reports these differences:")
        for difference in summary.differences:
            out.print(Text(f"  {difference_text(to_builtins(difference))}"))
    out.print(Text(f"the account is in {summary.plan.data_dir}; the next run continues with it"), soft_wrap=True)


def _balance_rows(summary: DeskSummary, currency: str) -> list[tuple[str, str, str]]:
    """Rows of the balance before the run, its changes by category, and the balance; each column adds up exactly."""
    run, account = summary.after.since(summary.before), summary.after
    before, after = summary.before.balance, account.balance
    if after is None:
        return [("balance", NOTHING, NOTHING)]
    return [
        ("balance before", f"{format_money(before or ZERO)} {currency}".strip(), ""),
        *(
            (title, format_signed(run.cash[name], currency), format_signed(account.cash[name], currency))
            for name, title in CASH_TITLES.items()
            if name in _ALWAYS_SHOWN or account.cash[name] or run.cash[name]
        ),
        ("balance", f"{format_money(after)} {currency}".strip(), f"{format_money(after)} {account.currency}"),
    ]
