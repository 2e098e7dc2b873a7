"""Warnings of a run: many denied signals, a stop of trading, and rows with wrong times."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cli.report_view import show_report
from cli.tick_arguments import show_remarks
from proto.control import StateCause, TradingState
from proto.gateway import TickCounts
from proto.time import utc_text
from research.backtest import run_backtest
from research.report import report_digest
from research.run_warnings import denial_warning, row_warnings, run_warnings, stop_warning
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import TradingStateChanged
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.modifications import ModificationCounts
from tests.support.builders import START_NS
from tests.unit.research.test_report import a_run, a_spec, ticks  # noqa: F401  (a fixture)


def counted(signals: int, **denied: int) -> TickCursor:
    return TickCursor(buy=signals // 2, sell=signals - signals // 2, denied=denied)


@pytest.mark.parametrize(
    ("signals", "denied", "warns"), [(0, 0, False), (100, 0, False), (100, 24, False), (100, 25, True), (3, 3, True)]
)
def test_denials_of_a_quarter_of_the_signals_give_a_warning(signals: int, denied: int, warns: bool) -> None:
    cursor = counted(signals, **({"SPREAD": denied} if denied else {}))
    assert (denial_warning(Book(), cursor) is not None) is warns


def test_the_warning_has_the_rule_the_counts_and_the_option_to_run_without_it() -> None:
    message = denial_warning(Book(), counted(19_500, CIRCUIT_BREAKER=18_191, ORDER_RATE=17))
    assert message == (
        "18,208 of 19,500 signals (93%) were denied, 18,191 by CIRCUIT_BREAKER: the results depend more on the "
        'rule than on the strategy; to run without the rule: --risk FILE with the line breaker_losses = "none"'
    )


def test_the_warning_of_a_halted_run_has_the_rule_that_halted_it() -> None:
    book = Book()
    book.apply(
        TradingStateChanged(state=TradingState.HALTED, reason="DRAWDOWN: 7.1 %, limit 7 %", by="risk", time_ns=1)
    )
    message = denial_warning(book, counted(100, HALTED=99))
    assert message is not None
    assert (
        "the desk was stopped by DRAWDOWN; to run without the rule: --risk FILE with the lines drawdown_warn_pct"
        in message
    )


def test_a_rule_without_a_limit_has_no_option_in_the_warning() -> None:
    message = denial_warning(Book(), counted(100, NO_SIZE=99))
    assert message is not None
    assert message.endswith("docs/risk.md describes the rule NO_SIZE")


def test_a_backtest_whose_orders_are_all_too_large_warns_in_its_report_and_on_the_screen(
    ticks: Path,  # noqa: F811  (the fixture)
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("order_volume_max = 0.001\n", encoding="utf-8")
    report = a_run(ticks, tmp_path / "denied", risk=str(limits))
    [warning] = report["warnings"]
    signals = report["signals"]["buy"] + report["signals"]["sell"]
    assert warning.startswith(f"{signals:,} of {signals:,} signals (100%) were denied, {signals:,} by ORDER_VOLUME")
    assert warning.endswith('to run without the rule: --risk FILE with the line order_volume_max = "none"')
    show_report(report)
    assert f"WARNING: {warning}\n" in capsys.readouterr().out
    assert report_digest({**report, "warnings": []}) == report_digest(report)
    limits.write_text('order_volume_max = "none"\n', encoding="utf-8")
    assert "warnings" not in a_run(ticks, tmp_path / "free", risk=str(limits))


def test_the_warning_of_a_run_that_stopped_trading_has_the_time_and_the_reason() -> None:
    book = Book()
    assert stop_warning(book) is None
    cause = StateCause("DRAWDOWN", "risk", "7.1 %, limit 7 %")
    book.apply(
        TradingStateChanged(
            state=TradingState.HALTED, reason="DRAWDOWN: 7.1 %, limit 7 %", by="risk", time_ns=START_NS, causes=[cause]
        )
    )
    [message] = run_warnings(book, counted(100), ModificationCounts())
    assert message == f"trading was HALTED from {utc_text(START_NS)} to the end: DRAWDOWN: 7.1 %, limit 7 %"
    book.apply(TradingStateChanged(state=TradingState.ACTIVE, reason="seen", by="person", time_ns=START_NS))
    assert run_warnings(book, counted(100), ModificationCounts()) == []


@pytest.mark.parametrize(
    ("rejected", "starts"),
    [
        ({}, []),
        ({"crossed": 900, "out_of_order": 9}, []),
        ({"far_future": 1}, ["1 of 1,000 rows has a time more than a minute ahead of the following rows"]),
        ({"far_future": 3}, ["3 of 1,000 rows have times more than a minute ahead"]),
        ({"out_of_order": 10}, ["10 of 1,000 rows (1%) are earlier than a row before them"]),
    ],
)
def test_rows_with_wrong_times_give_a_warning(rejected: dict[str, int], starts: list[str]) -> None:
    found = row_warnings(TickCounts(read=1_000, published=1_000 - sum(rejected.values()), rejected=rejected))
    assert [line.startswith(start) for line, start in zip(found, starts, strict=True)] == [True] * len(starts)
    assert row_warnings(None) == []


def test_a_last_row_in_the_year_2100_gives_a_warning_on_the_screen_and_in_the_report(
    ticks: Path,  # noqa: F811  (the fixture)
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = pl.read_parquet(ticks)
    last = rows.tail(1).with_columns(ts_ns=pl.lit(4_102_444_800 * 10**9))
    pl.concat([rows, last]).write_parquet(tmp_path / "t.parquet")
    spec = a_spec(tmp_path / "t.parquet", risk="none")
    stream = show_remarks(spec.load())
    report = run_backtest(spec, stream, data_dir=tmp_path / "run")
    message = (
        f"EURUSD: no tick from {utc_text(rows['ts_ns'].max())} to 2100-01-01 00:00:00.000Z: "  # type: ignore[arg-type]
        "the later times may be wrong"
    )
    assert f"WARNING: {message}\n" in capsys.readouterr().err
    assert report["warnings"] == [message]
    assert report_digest({**report, "warnings": []}) == report_digest(report)
