"""Runs over recorded ticks: their specification, the account that they continue with, their progress and their report.

This module imports slow libraries, among them polars and the ledger, so the commands import it only for a run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.json_output import print_json
from cli.output_file import OutputFile
from cli.progress import progress_line
from cli.report_view import show_report
from cli.run_options import (
    AccountTerms,
    OutputOptions,
    RunOptions,
    check_watched,
    fills_option,
    param_option,
    plan_option,
    risk_option,
)
from cli.tick_arguments import clock_option, parse_tick_files
from cli.validators import (
    require_currency,
    require_fills,
    require_fixed_volumes,
    require_limits,
    require_plan,
    require_rates,
    require_strategy,
    require_symbols,
)
from common.errors import StartError
from marketdata.files.tick_input import TickInput
from marketdata.tick_stream import TickStream
from orchestration.progress import ProgressDisplay, TickRate, run_progress
from proto.gateway import DealKind
from proto.time import utc_text
from proto.trading.defaults import DEFAULT_BALANCE, DEFAULT_CURRENCY
from proto.trading.units import decimal_text
from research import ledger_views, parity
from research.backtest import run_backtest
from research.backtest_engine import BacktestEngine
from research.in_process_desk import BacktestProgress
from research.model_data import OUT_OF_SAMPLE, model_data
from research.order_policy_name import OrderPolicyName
from research.run_spec import RunSpec
from services.portfolio.core.state.config import CODE_SETTING, changed_code
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from services.signal.given_parameters import OPTION, parse_parameters, plan_parameters


def run_spec(options: RunOptions, *, account: AccountTerms | None = None) -> RunSpec:
    """The specification of a run, from its options.

    Args:
        options: the options of the command line.
        account: terms of the account to continue with; None for a new account.

    Raises:
        StartError: an option is out of range, unknown or contradictory.
    """
    options.check()
    volume, balance = options.parsed_volume(), options.parsed_balance()
    if account is not None:
        _check_terms(options, account, balance)
    balance = balance or (DEFAULT_BALANCE if account is None else Decimal(account.balance))
    currency = options.currency or (DEFAULT_CURRENCY if account is None else account.currency)
    clock = clock_option(options.zone, options.utc_offset)
    named = parse_tick_files(options.files, options.symbol)
    watched = parse_tick_files(options.watch or (), None)
    risk, plan, fills = risk_option(options.risk), plan_option(options.plan), fills_option(options.fills)
    symbols = tuple(dict.fromkeys(file.symbol for file in named))
    watched_symbols = tuple(dict.fromkeys(file.symbol for file in watched))
    require_symbols((*symbols, *watched_symbols), options.instruments)
    check_watched(symbols, watched_symbols)
    require_currency(currency, balance)
    require_rates(symbols, watched_symbols, currency, options.instruments)
    require_limits(risk)
    require_fills(fills)
    require_plan(plan, symbols)
    parameters = param_option(options.param)
    require_strategy(
        options.strategy,
        symbols,
        options.model,
        given=(parse_parameters(parameters, source=OPTION), plan_parameters(plan)),
    )
    require_fixed_volumes(volume, plan, symbols, instruments=options.instruments)
    return RunSpec(
        inputs=tuple(TickInput(file.path, file.symbol, clock) for file in named),
        watched=tuple(TickInput(file.path, file.symbol, clock) for file in watched),
        strategy=options.strategy,
        strategy_params=parameters,
        model=options.model,
        from_row=options.from_row,
        to_row=options.to_row,
        ticks_max=options.ticks,
        on_opposite=options.on_opposite,
        risk=risk,
        plan=plan,
        crossed=options.crossed,
        volume=volume,
        balance=balance,
        currency=currency,
        seed=options.seed,
        fills=fills,
        instruments=options.instruments,
        account_mode=options.account_mode,
        leverage=options.leverage,
    )


def _check_terms(options: RunOptions, account: AccountTerms, balance: Decimal | None) -> None:
    """Refuse a balance or a currency that differs from that at the opening of the account."""
    if balance is not None and balance != Decimal(account.balance):
        raise StartError(
            f"--balance is {decimal_text(balance)}, but the account was opened with {account.balance}; "
            "expected no --balance with --continue"
        )
    if options.currency is not None and options.currency != account.currency:
        raise StartError(
            f"--currency is {options.currency!r}, but the account is in {account.currency}; "
            "expected no --currency with --continue"
        )


def continued_account(output: OutputOptions) -> AccountTerms | None:
    """Terms of the account that a run continues with; None for a new account."""
    return opened_terms(output.data_dir) if output.go_on and output.data_dir is not None else None


def opened_terms(data_dir: Path) -> AccountTerms | None:
    """Opening balance and currency of the account in the directory; None when the directory has no account."""
    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return None
    deposits = [deal["profit"] for deal in ledger_views.deals(data_dir) if deal["kind"] == DealKind.BALANCE.value]
    currency = ledger_views.account(data_dir)["currency"]
    return AccountTerms(deposits[0], currency) if deposits and currency else None


def require_same_code(spec: RunSpec, *, data_dir: Path) -> None:
    """Refuse a strategy whose code differs from that of the account's last run.

    Raises:
        StartError: a strategy has other code; the text has its name and both digests.
    """
    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return
    book, _ = read_ledger(data_dir / LEDGER_FILE_NAME)
    before = {} if book.stream is None else book.stream.settings
    now = {CODE_SETTING: spec.strategy_code()}
    if changed := changed_code(now, before):
        raise StartError(
            f"the code of {', '.join(changed)} has changed since the last run of the account in {data_dir}: "
            f"{now[CODE_SETTING]}, expected {before[CODE_SETTING]}, or --accept-other-code"
        )


def require_continuable(spec: RunSpec, stream: TickStream, *, data_dir: Path) -> int | None:
    """Refuse ticks with which the account in the directory cannot continue.

    The first tick must be later than the account's last tick, except in a run that was interrupted and is repeated.

    Returns:
        Ordinal of the last tick that an interrupted run of the same ticks and settings has decided, 0 for none; None if
        there is no such run.

    Raises:
        StartError: the first tick is not later than the account's last tick; the text has both times. Or the run was
            interrupted and cannot be repeated.
    """
    if not (data_dir / LEDGER_FILE_NAME).is_file():
        return None
    book, kept = read_ledger(data_dir / LEDGER_FILE_NAME)
    cursor = kept.cursor
    if book.stream is None:
        return None
    if book.ended is None and cursor.stream_id == spec.stream_id(stream.data_sha256):
        if spec.order_policy is OrderPolicyName.LIVE:
            raise StartError(
                f"the run in {data_dir} was interrupted after tick {cursor.ordinal:,}, and with --order-policy live it "
                "cannot continue there, because orders would be filled at other times; expected an empty folder"
            )
        return cursor.ordinal
    # Before its first processed tick a stream has no time; the marks then have the times of the previous stream.
    seen_ns = max([cursor.time_ns, *(mark.time_ns for mark in cursor.marks.values())])
    if stream.first_time_ns <= seen_ns:
        was_interrupted = "" if book.ended else "; its last run, of other ticks or settings, was interrupted"
        raise StartError(
            f"the ticks begin at {utc_text(stream.first_time_ns)}, expected later than {utc_text(seen_ns)}, "
            f"the time of the last tick of the account in {data_dir}{was_interrupted}"
        )
    return None


def print_continuation(interrupted: int | None, stream: TickStream, *, as_json: bool) -> None:
    """Print that an interrupted run continues; `interrupted` is the result of `require_continuable`."""
    if interrupted is not None:
        _print_line(
            f"continuing the interrupted run after tick {interrupted:,} of {stream.last_ordinal:,}", as_json=as_json
        )


def print_model_data(spec: RunSpec, stream: TickStream, *, as_json: bool) -> None:
    """Print a warning if the model was trained on ticks of this run, or if its training data are unknown."""
    last = stream.last_ordinal
    found = model_data(
        spec,
        data_sha256=stream.data_sha256,
        first_ns=stream.first_time_ns,
        last_ns=stream.tick_at(last).time_ns if last else 0,
    )
    if found is not None and found["sample"] != OUT_OF_SAMPLE:
        _print_line(found["text"], as_json=as_json)


def _print_line(text: str, *, as_json: bool) -> None:
    print(text, file=sys.stderr if as_json else sys.stdout, flush=True)


def replay_with_progress(
    spec: RunSpec, stream: TickStream, *, speed: str, data_dir: Path
) -> tuple[dict[str, Any], str]:
    """Replay the ticks with the processes of a desk.

    Returns:
        The report, and the cause of a failure; the cause is empty if the desk did not fail.
    """
    from orchestration.replay_runner import run_replay  # loads slowly, and a backtest does not need it

    with progress_line("replay: SIMULATED") as show:
        result = run_replay(spec, stream, speed=speed, data_dir=data_dir, show=show)
    return result.report, result.failure


def backtest_with_progress(
    spec: RunSpec, stream: TickStream, *, data_dir: Path | None, engine: BacktestEngine, keep_venue: bool = False
) -> dict[str, Any]:
    """Run a backtest, without a ledger if `data_dir` is None, and return its report."""
    with progress_line("backtest: SIMULATED") as show:
        return run_backtest(
            spec,
            stream,
            data_dir=data_dir,
            engine=engine,
            keep_venue=keep_venue,
            progress=_tick_progress(show, spec.currency),
        )


def _tick_progress(show: ProgressDisplay, currency: str) -> Callable[[BacktestProgress], None]:
    rate = TickRate()

    def update(progress: BacktestProgress) -> None:
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

    return update


def mode_differences(
    spec: RunSpec, stream: TickStream, *, speed: str, engine: BacktestEngine, data_dir: Path
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Replay and backtest the same ticks.

    Returns:
        The differences between the two runs and any failure, one line for each, and the reports by mode: `replay` and
        `backtest`.
    """
    left, right = data_dir / "replay", data_dir / "backtest"
    for folder in (left, right):
        folder.mkdir(mode=0o700)
    replayed, failure = replay_with_progress(spec, stream, speed=speed, data_dir=left)
    backtested = backtest_with_progress(spec, stream, data_dir=right, engine=engine)
    reports = {"replay": replayed, "backtest": backtested}
    differences = [f"replay: failed: {failure}"] if failure else []
    differences += [
        f"{name}: ledger and venue do not agree at the end"
        for name, report in reports.items()
        if not report["reconciled"]
    ]
    return differences + parity.compare(left, right), reports


def finish_run(report: dict[str, Any], failure: str, *, out: OutputFile | None, as_json: bool) -> int:
    """Print the report of a run, and write it to `out`.

    Returns:
        The exit code: 0 if ledger and venue agree and the desk did not fail, else 1.
    """
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
