"""What the commands over recorded ticks share: the account they go on with, progress, and how a run ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import run_options as o
from cli.json_output import print_json
from cli.output_file import OutputFile
from common.errors import StartError

if TYPE_CHECKING:
    from marketdata.tick_stream import TickStream
    from orchestration.progress import ProgressDisplay
    from research.run_spec import RunSpec


def opened_terms(data_dir: Path) -> o.AccountTerms | None:
    """What the account in the directory was opened with; None when none has been opened."""
    from proto.gateway import DealKind
    from research import ledger_views
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME

    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return None
    deposits = [deal["profit"] for deal in ledger_views.deals(data_dir) if deal["kind"] == DealKind.BALANCE.value]
    currency = ledger_views.account(data_dir)["currency"]
    return o.AccountTerms(deposits[0], currency) if deposits and currency else None


def require_unseen_ticks(spec: RunSpec, stream: TickStream, *, data_dir: Path) -> None:
    """Refuse ticks that the account has seen, before anything is started; an interrupted run may be gone on with.

    Raises:
        StartError: says when the ticks begin and what the account has seen.
    """
    from proto.time import utc_text
    from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger

    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return
    book, kept = read_ledger(data_dir / LEDGER_FILE_NAME)
    cursor = kept.cursor
    if book.stream is None or (book.ended is None and cursor.stream_id == spec.stream_id(stream.data_sha256)):
        return
    # A stream that was only just opened has no time of its own yet, but the marks of the one before.
    seen_ns = max([cursor.time_ns, *(mark.time_ns for mark in cursor.marks.values())])
    if stream.first_time_ns <= seen_ns:
        raise StartError(
            f"the ticks begin at {utc_text(stream.first_time_ns)}, expected later than {utc_text(seen_ns)}, which the account "
            f"in {data_dir} has seen"
        )


def tell_model_data(spec: RunSpec, stream: TickStream, *, as_json: bool) -> None:
    """Print as a run's first line that its ticks are in sample, or that this is unknown."""
    from research.model_data import OUT_OF_SAMPLE, model_data

    last = stream.last_ordinal
    found = model_data(
        spec,
        data_sha256=stream.data_sha256,
        first_ns=stream.first_time_ns,
        last_ns=stream.tick_at(last).time_ns if last else 0,
    )
    if found is not None and found["sample"] != OUT_OF_SAMPLE:
        print(found["text"], file=sys.stderr if as_json else sys.stdout, flush=True)


def replay_with_progress(
    spec: RunSpec, stream: TickStream, *, speed: str, data_dir: Path
) -> tuple[dict[str, Any], str]:
    """Replay through the processes; the report, and why the desk failed, or nothing."""
    from cli.progress import progress_line
    from orchestration.replay_runner import run_replay

    with progress_line("replay: SIMULATED") as show:
        done = run_replay(spec, stream, speed=speed, data_dir=data_dir, show=show)
    return done.report, done.failure


def backtest_with_progress(
    spec: RunSpec, stream: TickStream, *, data_dir: Path, keep_venue: bool = False
) -> dict[str, Any]:
    """Run the backtest; its report."""
    from cli.progress import progress_line
    from research.backtest import run_backtest

    with progress_line("backtest: SIMULATED") as show:
        return run_backtest(
            spec, stream, data_dir=data_dir, keep_venue=keep_venue, progress=_showing(show, spec.currency)
        )


def _showing(show: ProgressDisplay, currency: str) -> Any:
    from orchestration.progress import TickRate, run_progress
    from research.backtest import BacktestProgress

    rate = TickRate()

    def tell(progress: BacktestProgress) -> None:
        show(
            run_progress(
                ticks=progress.ticks,
                ticks_total=progress.ticks_total,
                ticks_per_s=rate.update(progress.ticks),
                orders=progress.orders,
                fills=progress.fills,
                pnl=f"{progress.realized_pnl} {currency}",
            )
        )

    return tell


def finish_run(report: dict[str, Any], failure: str, *, out: OutputFile | None, as_json: bool) -> int:
    """Print and keep the report of a run; the exit code is 0 where ledger and venue agree and the desk did not fail."""
    from cli.report_view import show_report

    if out is not None:
        out.write_json(report)
    if as_json:
        print_json(report)
    else:
        show_report(report)
        if out is not None:
            print(f"the report is in {out.path}")
    if failure:
        print(f"paperdesk: the desk failed: {failure}", file=sys.stderr)
    return 0 if report["reconciled"] and not failure else 1
