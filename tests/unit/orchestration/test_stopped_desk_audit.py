"""The audit of a stopped desk whose venue made deals during the stop."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import polars as pl

from marketdata.files.tick_input import TickInput
from orchestration.stopped_desk_audit import VENUE_BOOK, reconcile, reconcile_stopped
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.venue import SimulatedVenue
from services.mt5.stores.book_store import DurableBookStore
from services.portfolio.core.plan.on_opposite import OnOpposite
from tests.support.builders import START_NS, TICK_NS

FLIPPING = "tests.support.flipping:Flipping"


def test_deals_after_the_stop_are_counted_and_are_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "eurusd.parquet"
    bids = [round(1.1 + 0.001 * math.sin(n / 15), 5) for n in range(200)]
    columns = {"ts_ns": [START_NS + n * TICK_NS for n in range(200)], "bid": bids, "ask": [bid + 1e-4 for bid in bids]}
    pl.DataFrame(columns).write_parquet(path)
    spec = RunSpec(inputs=(TickInput(path, "EURUSD"),), strategy=FLIPPING, on_opposite=OnOpposite.REVERSE, risk="none")
    stream, desk = spec.load(), tmp_path / "desk"
    report = run_backtest(spec, stream, data_dir=desk, keep_venue=True)
    assert report["position"], "expected an open position, so that positions are compared as well"
    assert reconcile_stopped(desk) == ([], 0)

    store = DurableBookStore(desk / VENUE_BOOK)
    venue = SimulatedVenue(
        stream=stream,
        stream_id=spec.stream_id(stream.data_sha256),
        store=store,
        symbols=SymbolMap(),
        terms=AccountTerms(Decimal(0)),
    )
    venue.move_cash(Decimal(25), "paid in at the last moment")
    store.close()

    assert sorted(found.kind for found in reconcile(desk)) == ["cash", "missing_deal"]
    assert reconcile_stopped(desk) == ([], 1)
