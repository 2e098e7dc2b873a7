"""A backtest with the live order policy has the same deals as one in lock-step, if messages take no time."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.files.tick_input import TickInput
from marketdata.tick_stream import SymbolRows, TickStream, build_stream
from proto.control import DeskState
from proto.trading.enums import AccountMode
from research.backtest import Backtest
from research.in_process_desk import InProcessDesk
from research.live_backtest import LiveBacktest
from research.run_spec import RunSpec
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.simulation.draws import IN_THE_WEEK_S

STRATEGIES: Final = ("tests.simulation.scenario:Restless", "tests.support.flipping:Flipping")


class PollingBacktest(LiveBacktest):
    """A live desk that fetches the deals which a tick caused at the venue before it decides on that tick."""

    polls_at_each_tick = True


class Case(NamedTuple):
    """One market, and the plan of a run on it."""

    symbols: tuple[str, ...]
    seed: int
    ticks: int
    plan: str
    fields: dict[str, Any]


@st.composite
def plans(draw: st.DrawFn) -> str:
    """The text of a plan: fixed or trailing stops, time exits, resting entries."""
    lines = ["[exits]"]
    stop = draw(st.sampled_from((None, 30, 80)))
    if stop is not None:
        lines.append(f"stop_loss_points = {stop}")
    if (target := draw(st.sampled_from((None, 40, 120)))) is not None:
        lines.append(f"take_profit_points = {target}")
    if (trailing := draw(st.sampled_from((None, None, 20, 60)))) is not None:
        lines.append(f"trailing_stop_points = {trailing}\ntrailing_step_points = {draw(st.sampled_from((1, 10)))}")
    if (lifetime := draw(st.sampled_from((None, None, 7, 25)))) is not None:
        lines.append(f"time_exit_s = {lifetime}")
    kind = draw(st.sampled_from(("MARKET", "LIMIT", "STOP")))
    lines.append(f'[entry]\ntype = "{kind}"')
    if kind != "MARKET":
        lines.append(f"offset_points = {draw(st.sampled_from((11, 15, 40)))}")
        if (rests := draw(st.sampled_from((None, 3, 15)))) is not None:
            lines.append(f"lifetime_s = {rests}")
    return "\n".join(lines) + "\n"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Markets and plans for which both order policies must have the same deals."""
    return Case(
        symbols=draw(st.sampled_from((("EURUSD",), ("EURUSD", "NZDUSD")))),
        seed=draw(st.integers(0, 2**32 - 1)),
        ticks=draw(st.integers(20, 120)),
        plan=draw(plans()),
        fields={
            "strategy": draw(st.sampled_from(STRATEGIES)),
            "on_opposite": draw(st.sampled_from(OnOpposite)),
            "account_mode": draw(st.sampled_from(AccountMode)),
            "fills": draw(st.sampled_from(("ideal", "realistic"))),
            "risk": draw(st.sampled_from(("none", "default"))),
            "seed": draw(st.integers(0, 1_000)),
        },
    )


def a_market(case: Case) -> TickStream:
    """A random walk for each symbol; ticks have different times, and an order stays valid until the next tick."""
    dice = np.random.Generator(np.random.PCG64(case.seed))
    times = (IN_THE_WEEK_S + np.cumsum(dice.integers(1, 3, case.ticks))) * 1_000_000_000
    rows = []
    for place, symbol in enumerate(case.symbols):
        own = times[place :: len(case.symbols)]
        mid = 1.2 * (1 + np.cumsum(dice.normal(0, 0.000167, len(own))))
        half_spread = dice.integers(1, 8, len(own)) * 1e-5
        bid, ask = np.round(mid - half_spread, 5).astype(np.float64), np.round(mid + half_spread, 5).astype(np.float64)
        rows.append(SymbolRows(symbol, own, bid, ask, np.zeros(len(own))))
    return build_stream(rows, accept_crossed=False)


def deals_under(kind: type[InProcessDesk], case: Case, folder: Path) -> tuple[list[tuple[object, ...]], str]:
    """The effect of every deal of a run, and the final balance."""
    spec = RunSpec(
        inputs=tuple(TickInput(folder / "none.parquet", symbol) for symbol in case.symbols),
        plan=str(folder / "plan.toml"),
        **case.fields,
    )
    with closing(Ledger(folder / f"{kind.__name__}-{LEDGER_FILE_NAME}")) as ledger:
        desk = kind(spec, a_market(case), ledger, MemoryJournal("one"), MemoryBookStore())
        desk.run()
    book, stream = desk.state.account.book, desk.state.stream
    assert stream.desk_state is DeskState.FINISHED, stream.waiting_for
    assert book.reconciled is not None
    assert not book.reconciled.differences
    deals: list[tuple[object, ...]] = [
        (deal.symbol, deal.kind.value, deal.volume, deal.price, deal.ordinal, deal.cash, deal.reason.value)
        for deal in book.deals
    ]
    return deals, str(book.balance)


@settings(max_examples=60)
@given(case=cases())
def test_both_order_policies_give_the_same_deals_if_messages_take_no_time(case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.toml").write_text(case.plan)
        assert deals_under(PollingBacktest, case, folder) == deals_under(Backtest, case, folder)
