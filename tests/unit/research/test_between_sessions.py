"""A backtest with quotes during a weekend: outside the sessions the desk sends no order that the venue would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from msgspec.json import Decoder

from marketdata.files.tick_input import TickInput
from proto.time import DAY_NS, MINUTE_NS
from proto.trading.enums import AccountMode
from proto.trading.server_time import server_ns, weekday
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.account.events import Event, OrderCreated, ProtectionSet
from services.portfolio.core.account.orders import Cause
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger

FRIDAY_END_NS = 1_767_600_000_000_000_000  # 2026-01-05, moved to the end of the preceding server Friday
FRIDAY_END_NS -= server_ns(FRIDAY_END_NS) % DAY_NS + (weekday(FRIDAY_END_NS) + 2) * DAY_NS
MONDAY_NS = FRIDAY_END_NS + 2 * DAY_NS
TRAILING = "[exits]\ntrailing_stop_points = 300\n"
PROFILE = 'like = "ideal"\nkeeps_sessions = true\n'


@pytest.fixture(scope="module")
def weekend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One EURUSD quote a minute: the last hour of Friday, Saturday 10:00 to 15:00, and the first hours of Monday."""
    random = np.random.default_rng(5)
    minutes = np.concatenate([np.arange(-58, 0), np.arange(600, 900), np.arange(2_880, 3_100)])
    bid = np.round(1.1 + np.cumsum(np.abs(random.normal(0, 0.00004, len(minutes)))), 5)
    times = FRIDAY_END_NS + minutes.astype(np.int64) * MINUTE_NS
    path = tmp_path_factory.mktemp("ticks") / "weekend.parquet"
    pl.DataFrame({"ts_ns": times, "bid": bid, "ask": np.round(bid + 0.0001, 5)}).write_parquet(path)
    return path


def a_run(weekend: Path, folder: Path, plan: str, **changed: Any) -> dict[str, Any]:
    """The report of a backtest at a venue that enforces trading sessions."""
    (folder / "plan.toml").write_text(plan)
    (folder / "fills.toml").write_text(PROFILE)
    spec = RunSpec(
        inputs=(TickInput(weekend, "EURUSD"),),
        strategy="tests.support.flipping:Flipping",
        risk="none",
        plan=str(folder / "plan.toml"),
        fills=str(folder / "fills.toml"),
        **changed,
    )
    return run_backtest(spec, spec.load(), data_dir=folder)


def events_of(folder: Path) -> Iterator[Event]:
    decode = Decoder(Event).decode
    with open_ledger(folder / LEDGER_FILE_NAME) as db:
        yield from (decode(payload) for (payload,) in db.execute("SELECT payload FROM events ORDER BY number"))


@pytest.mark.parametrize("mode", list(AccountMode))
@pytest.mark.parametrize("plan", [TRAILING, TRAILING + "time_exit_s = 7200\n"], ids=["signal", "time"])
def test_no_order_meets_a_closed_market_and_waiting_closes_execute_at_the_first_tick(
    weekend: Path, tmp_path: Path, plan: str, mode: AccountMode
) -> None:
    report = a_run(weekend, tmp_path, plan, account_mode=mode)
    assert report["modifications"]["refused"] == {}
    assert report["modifications"]["made"] > 0, "on Friday and on Monday stops follow the rising market"
    assert set(report["orders"]["by_status"]) <= {"FILLED"}
    between = [event for event in events_of(tmp_path) if FRIDAY_END_NS <= _time_ns(event) < MONDAY_NS]
    assert not [event for event in between if isinstance(event, OrderCreated)]
    assert not [event for event in between if isinstance(event, ProtectionSet) and event.protection.is_in_flight]
    noted = [event.why for event in between if isinstance(event, ProtectionSet)]
    # A position whose time exit is due on Saturday is closed at the first tick of the next session.
    assert noted == ["the signal is SELL: closed at the first tick of the next session"][: plan == TRAILING]
    first = next(
        event for event in events_of(tmp_path) if _time_ns(event) >= MONDAY_NS and isinstance(event, OrderCreated)
    )
    assert (first.order.created_ns, first.order.decision.cause) == (MONDAY_NS, Cause.TIME_EXIT)


def _time_ns(event: Event) -> int:
    return event.order.created_ns if isinstance(event, OrderCreated) else getattr(event, "time_ns", 0)
