"""`rearm_at_day_end`: a new server day ends a restriction for rejected orders, but none by a person or for a loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from proto.control import HaltCommand, TradingState
from proto.time import DAY_NS
from proto.trading.server_time import server_day, time_of_day_ns
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.events import TradingStateChanged
from services.portfolio.core.decision.escalation import escalate, resume_after_day_end
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.types import Denial
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.support.builders import START_NS, a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.risk.scenes import D, Scene, only

REJECTS = Denial("REJECTS", "fewer than 5 a minute", "5", TradingState.REDUCE_ONLY)
REPEATED = Denial("REPEATED_ORDERS", "20 in a row", "21", TradingState.HALTED)
DRAWDOWN = Denial("DRAWDOWN", "5 %", "5.1 %", TradingState.REDUCE_ONLY)
NEXT_DAY_NS = START_NS - time_of_day_ns(START_NS) + DAY_NS


def a_desk(limits: Limits, *denials: Denial) -> PortfolioState:
    state = Scene(limits).state
    state.stream.cursor.time_ns = START_NS
    for denial in denials:
        escalate(state.account, denial)
    return state


def trading_state_of(state: PortfolioState) -> TradingState:
    return state.account.book.trading_state


def test_a_restriction_for_rejected_orders_ends_on_the_next_server_day() -> None:
    state = a_desk(only(rearm_at_day_end=True), REJECTS)
    assert state.account.book.trading_state is TradingState.REDUCE_ONLY
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS - 1)
    assert state.account.book.trading_state is TradingState.REDUCE_ONLY, "one nanosecond before the next day"
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS)
    event = state.account.take_events()[-1]
    assert isinstance(event, TradingStateChanged)
    assert (event.state, event.by) == (TradingState.ACTIVE, "risk")
    assert "REJECTS: 5, limit fewer than 5 a minute" in event.reason


def test_without_rearm_at_day_end_the_restriction_lasts_until_a_person_resumes() -> None:
    state = a_desk(only(), REJECTS)
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS)
    assert state.account.book.trading_state is TradingState.REDUCE_ONLY


@pytest.mark.parametrize(
    "denials", [[DRAWDOWN], [REPEATED], [REJECTS, DRAWDOWN], [DRAWDOWN, REJECTS], [REJECTS, REPEATED]]
)
def test_a_restriction_for_a_loss_or_repeated_orders_does_not_end_with_the_day(denials: list[Denial]) -> None:
    """This holds even if rejected orders are a second cause."""
    state = a_desk(only(rearm_at_day_end=True), *denials)
    trading_state = state.account.book.trading_state
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS + 9 * DAY_NS)
    assert state.account.book.trading_state is trading_state is not TradingState.ACTIVE


@pytest.mark.parametrize("by", ["person", "gateway", "doubt", "clock", "lease"])
def test_a_restriction_that_no_risk_rule_set_does_not_end_with_the_day(by: str) -> None:
    """This holds even if the cause has the code REJECTS."""
    state = a_desk(only(rearm_at_day_end=True))
    state.account.set_trading_state(TradingState.HALTED, "REJECTS", "too many for me", by=by)
    escalate(state.account, REJECTS)
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS)
    assert state.account.book.trading_state is TradingState.HALTED


def test_a_restriction_with_a_second_cause_does_not_end_with_the_day() -> None:
    state = a_desk(only(rearm_at_day_end=True), REJECTS)
    state.account.on_clock_step(3_000_000_000)
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS)
    assert state.account.book.trading_state is TradingState.REDUCE_ONLY


def test_the_end_of_a_daily_restriction_keeps_the_equity_peak() -> None:
    """A person's resume after a drawdown resets the peak; the end of a daily restriction does not."""
    state = a_desk(only(rearm_at_day_end=True, drawdown_halt_pct=D(7)), REJECTS)
    state.stream.risk.peaks.high = D(11_000)
    resume_after_day_end(state.account, state.config.limits, NEXT_DAY_NS)
    assert state.account.book.trading_state is TradingState.ACTIVE
    assert state.stream.risk.peaks.high == D(11_000)


def test_after_a_restart_the_first_tick_of_a_new_day_ends_the_restriction_before_its_signal_is_decided(
    tmp_path: Path,
) -> None:
    """A restricted lock-step desk is restarted, and its next tick is on the next day."""
    driven = DeskHarness(
        a_gateway(a_stream(*[(1.1, 1.1001)] * 3), pace=Pace(3, None)),
        rules=some_rules(limits=only(rearm_at_day_end=True)),
    )
    driven.run_up()
    driven.answer_all(driven.deliver(a_signal(1)))
    escalate(driven.state.account, REJECTS)
    ledger = Ledger(tmp_path / LEDGER_FILE_NAME)
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    book, kept = ledger.load()
    ledger.close()
    again = DeskHarness(driven.gateway, rules=driven.state.config, book=book, persisted=kept)
    again.run_up()
    assert trading_state_of(again.state) is TradingState.REDUCE_ONLY
    again.gateway.on_timer(again.now)
    tomorrow = a_signal(2, 1, time_ns=NEXT_DAY_NS)
    assert server_day(tomorrow.time_ns) == server_day(START_NS) + 1
    again.deliver(tomorrow)
    assert trading_state_of(again.state) is TradingState.ACTIVE
    assert len(again.state.account.book.orders) == 1, "the signal of the same tick makes an order"


def test_a_persons_halt_does_not_end_with_the_day() -> None:
    driven = DeskHarness(
        a_gateway(a_stream(*[(1.1, 1.1001)] * 3), pace=Pace(3, None)),
        rules=some_rules(limits=only(rearm_at_day_end=True)),
    )
    driven.run_up()
    escalate(driven.state.account, REJECTS)
    driven.command(HaltCommand("enough"))
    driven.deliver(a_signal(1, 1, time_ns=NEXT_DAY_NS))
    assert driven.state.account.book.trading_state is TradingState.HALTED
