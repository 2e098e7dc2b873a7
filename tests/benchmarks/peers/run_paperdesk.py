"""Paperdesk's event-driven backtest of the same work, with its ledger on disk.

Run with the desk's own interpreter as `run_paperdesk WORK QUOTES FILE SYMBOL TICKS_MAX RISK`. QUOTES is not read: the
desk reads the file itself. A first run of a few ticks loads the compiled kernels.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from common.build_info import build_info
from common.gc_control import gc_frozen
from marketdata.files.tick_input import TickInput
from proto.control import DeskState
from research.event_backtest import EventBacktest
from research.run_spec import RunSpec
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.benchmarks.peers.work import MODEL, Result, Stopwatch, emit

LOTS: Final = Decimal("0.01")
WARM_UP_TICKS: Final = 2_000


def a_spec(kind: str, file: Path, symbol: str, *, ticks_max: int, risk: str) -> RunSpec:
    """The run: 0.01 lots, reversals at the touch, crossed quotes accepted."""
    return RunSpec(
        inputs=(TickInput(file, symbol),),
        strategy="xgboost" if kind == MODEL else "ema_cross",
        on_opposite=OnOpposite.REVERSE,
        risk=risk,
        crossed="accept",
        ticks_max=ticks_max,
        volume=LOTS,
    )


def run(spec: RunSpec) -> Result:
    """Run the backtest once."""
    setup = Stopwatch()
    stream = spec.load()
    with (
        tempfile.TemporaryDirectory(prefix="pdb-") as folder,
        closing(Ledger(Path(folder) / LEDGER_FILE_NAME)) as ledger,
    ):
        backtest = EventBacktest(spec, stream, ledger, MemoryJournal("bench"), MemoryBookStore())
        setup_s, _ = setup.read()
        watch = Stopwatch()
        with gc_frozen():
            backtest.run()
        run_s, cpu_s = watch.read()
    assert backtest.state.stream.desk_state is DeskState.FINISHED, backtest.state.stream.waiting_for
    book = backtest.state.account.book
    traded = sum((deal.volume for deal in book.deals if deal.kind.is_trade), Decimal(0))
    return Result(
        "Paperdesk",
        build_info().version,
        stream.last_ordinal,
        int(traded / LOTS),
        float(book.balance - spec.balance),
        setup_s,
        run_s,
        cpu_s,
        remark="no limits" if spec.risk == "none" else f"{spec.risk} limits",
    )


def main() -> None:
    """Run the backtest of the command line, and print its result."""
    kind, _, file, symbol, ticks_max, risk = sys.argv[1:]
    spec = a_spec(kind, Path(file), symbol, ticks_max=int(ticks_max), risk=risk)
    run(replace(spec, ticks_max=WARM_UP_TICKS))
    emit(run(spec))


if __name__ == "__main__":
    main()
