"""In the summary and on the live page the changes of the balance add up exactly to the balance."""

from __future__ import annotations

import io
import re
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from rich.console import Console

from cli.report_view import balance_before
from cli.run_summary import show_summary
from cli.screen.page import render_page
from orchestration.desk_runner import DeskSummary, read_account_totals
from orchestration.desk_view import AccountTotals, DeskRunSpec
from proto.gateway import DealEntry, DealKind, VenueDeal
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.support.builders import a_deal, a_deposit, an_instrument_learned, an_opened_stream
from tests.unit.cli.screen.test_overview_page import a_status, a_view

D = Decimal
SPEC = DeskRunSpec(data_dir=Path("desk"), settings={}, market="m", strategy="s", symbols=("EURUSD",))
AMOUNT = re.compile(r"[+-]?\d[\d,]*\.?\d*")


def cash(number: int, kind: DealKind, amount: str) -> VenueDeal:
    return a_deal(number, kind=kind, entry=DealEntry.NONE, volume="0", price="0", symbol="", profit=D(amount))


def totals(folder: Path, runs: list[list[VenueDeal]]) -> list[AccountTotals]:
    """The totals of the account after each run."""
    book, found = Book(), []
    events: list[Event] = [an_opened_stream(), an_instrument_learned("EURUSD")]
    for event in events:
        book.apply(event)
    with closing(Ledger(folder / LEDGER_FILE_NAME)) as ledger:
        for deals in runs:
            booked = [DealBooked(deal=deal, order_id="", closings=[]) for deal in deals]
            for event in booked:
                book.apply(event)
            ledger.commit([*events, *booked], book, PersistedState(TickCursor(stream_id="s")))
            events = []
            found.append(read_account_totals(folder))
    return found


FIRST = [
    a_deposit(1),
    a_deal(2, commission=D("-0.07")),
    a_deal(3, Side.SELL, entry=DealEntry.OUT, profit=D("-12.34"), commission=D("-0.07"), swap=D("-0.31")),
]
SECOND = [
    a_deal(4, commission=D("-0.35")),
    a_deal(5, Side.SELL, entry=DealEntry.OUT, profit=D("20.05"), commission=D("-0.35"), swap=D("0.12")),
    cash(6, DealKind.BALANCE, "-1000"),
    cash(7, DealKind.CORRECTION, "3.33"),
    cash(8, DealKind.SWAP, "-0.50"),
]


@pytest.mark.parametrize("width", [44, 80, 160])
def test_both_columns_of_the_summary_sum_to_the_balance(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run adds 10,000 - 12.34 - 0.14 - 0.31, and the second 20.05 - 0.70 - 0.38 - 1,000 + 3.33."""
    before, after = totals(tmp_path, [FIRST, SECOND])
    assert (before.balance, after.balance) == (D("9987.21"), D("9009.51"))
    rows = summary_rows(before, after, width, monkeypatch)
    assert rows["balance before"] == [D("9987.21")]
    assert rows["realized P&L"] == [D("20.05"), D("7.71")]
    assert rows["commission"] == [D("-0.70"), D("-0.84")]
    assert rows["swap"] == [D("-0.38"), D("-0.69")]
    assert rows["balance"] == [D("9009.51"), D("9009.51")]
    moved = [name for name in rows if name not in ("balance before", "balance")]
    assert sum(rows[name][0] for name in moved) + rows["balance before"][0] == after.balance
    assert sum(rows[name][1] for name in moved) == after.balance


def test_the_summary_of_a_new_account_begins_at_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [after] = totals(tmp_path, [FIRST])
    rows = summary_rows(AccountTotals(), after, 80, monkeypatch)
    assert rows["balance before"] == [D(0)]
    assert rows["deposits and withdrawals"] == [D(10_000), D(10_000)]
    assert rows["balance"] == [D("9987.21"), D("9987.21")]


def summary_rows(
    before: AccountTotals, after: AccountTotals, width: int, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[Decimal]]:
    """The amounts in the summary by the name of the row."""
    out = Console(file=io.StringIO(), width=width, color_system=None)
    monkeypatch.setattr("cli.run_summary.console", lambda: out)
    summary = DeskSummary(plan=SPEC, up_s=1.0, before=before, after=after, differences=[], late_deals=0, end="")
    show_summary(summary)
    assert isinstance(out.file, io.StringIO)
    found: dict[str, list[Decimal]] = {}
    of_money = ("balance before", "realized P&L", "commission", "swap", "deposits", "corrections", "balance")
    for line in out.file.getvalue().splitlines():
        text = line.replace("│", " ").strip()
        name = next((name for name in of_money if text.startswith(name)), None)
        if name is not None:
            title = "deposits and withdrawals" if name == "deposits" else name
            found[title] = [D(amount.replace(",", "")) for amount in AMOUNT.findall(text)]
    return found


@pytest.mark.parametrize("width", [66, 80, 96, 160])
def test_the_live_page_shows_the_changes_of_the_balance(width: int, tmp_path: Path) -> None:
    before, after = totals(tmp_path, [FIRST, SECOND])
    status = structs.replace(a_status(), balance=after.balance, cash=dict(after.cash))
    out = Console(file=io.StringIO(), width=width, height=40, force_terminal=True, color_system=None)
    with out.capture() as captured:
        out.print(render_page(a_view(status, before=before), width=width, height=40))
    text = captured.get()
    line = " ".join(text[text.index("this run:") :].split("=")[0].split())
    amounts = [D(found.replace(",", "")) for found in AMOUNT.findall(line)]
    assert line.startswith("this run: before 9,987.21 realized +20.05 commission -0.70 swap -0.38 deposits -1,000")
    assert sum(amounts) == after.balance
    assert "= 9,009.51" in " ".join(text.split())


def test_the_balance_before_a_run_is_computed_from_its_report() -> None:
    report = {"balance": "9009.51", "realized_pnl": "20.05", "commission": "-0.70", "swap": "-0.38"}
    assert balance_before(report) == D("8990.54")
