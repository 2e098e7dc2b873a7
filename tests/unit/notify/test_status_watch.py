"""Portfolio's status as a second source of conditions."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from proto.control import TradingState, condition
from proto.control.conditions import CONDITIONS_MAX
from proto.time import SECOND_NS
from tests.support.notify_runs import a_rule, a_status, begun, ended, stale
from tests.unit.notify.conftest import StartRun


def test_a_condition_that_only_the_status_shows_makes_an_alert(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.see(a_status(stale()), for_s=4)
    assert run.sent == []
    run.see(a_status(stale()), for_s=1)
    [alert] = run.alerts()
    assert (alert.code, alert.origin, alert.mode) == ("FEED_STALE", "status", "SIMULATED")
    run.see(a_status(stale()), for_s=20)
    assert len(run.sent) == 1


def test_a_condition_that_the_log_has_makes_no_second_alert(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun())
    run.see(a_status(stale()), for_s=20)
    assert len(run.alerts()) == 1


def test_an_alert_ends_when_neither_log_nor_status_has_its_condition(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun())
    run.see(a_status(), for_s=4)
    assert run.alerts()[0].ended_ns == 0
    run.see(a_status(), for_s=1)
    assert run.alerts()[0].ended_ns
    run.happen(ended())
    assert len(run.sent) == 2


def test_no_alert_ends_while_portfolio_does_not_answer(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun())
    run.see(a_status(stale()))
    run.see(None, for_s=9)
    run.see(a_status(), for_s=4)
    assert run.alerts()[0].ended_ns == 0


def test_no_alert_ends_by_a_status_that_may_lack_conditions(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["FEED_STALE"]))
    run.happen(begun())
    full = a_status(*(condition("NO_TICKS", "", subject=f"S{number}") for number in range(CONDITIONS_MAX)))
    run.see(full, for_s=10)
    assert run.alerts()[0].ended_ns == 0


def test_an_info_condition_and_a_cause_of_the_trading_state_make_no_alert(start_run: StartRun) -> None:
    run = start_run(a_rule())
    shown = a_status(
        condition("SIGNAL_WARMING_UP", "", subject="EURUSD"),
        condition("DRAWDOWN", "5%", effect=stale().effect),
        trading_state=TradingState.HALTED,
        trading_reason="DRAWDOWN: 5%",
    )
    run.see(shown, for_s=10)
    [alert] = run.alerts()
    assert (alert.code, alert.text) == ("TRADING_STATE", "trading is HALTED: DRAWDOWN: 5%")
    run.see(a_status(), for_s=6)
    assert run.alerts()[0].ended_ns


def test_a_portfolio_that_does_not_answer_is_an_alert_until_it_answers(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.see(a_status())
    run.see(None, for_s=9)
    assert run.sent == []
    run.see(None, for_s=2)
    assert run.sent[0].title == "SIMULATED london: PORTFOLIO_SILENT"
    run.see(a_status())
    assert run.alerts()[0].ended_ns
    assert len(run.sent) == 2


def test_a_portfolio_has_a_minute_for_its_first_answer(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.see(None, for_s=58)
    assert run.sent == []
    run.see(None, for_s=3)
    assert len(run.sent) == 1


def test_a_summary_that_is_due_at_a_start_waits_for_the_first_status(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["DAILY_SUMMARY"]), summary_at=time(22, 5))
    run.store.close()
    run._move(run.now.mono_ns + 24 * 3_600 * SECOND_NS)
    run._open()
    run.advance(1)
    assert run.sent == []
    run.see(a_status(equity=Decimal(1_000)))
    [message] = run.sent
    assert "equity 1000 EUR" in message.body


def test_a_summary_says_that_portfolio_does_not_answer_when_that_is_known(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["DAILY_SUMMARY"]), summary_at=time(22, 5))
    run.store.close()
    run._move(run.now.mono_ns + 24 * 3_600 * SECOND_NS)
    run._open()
    run.see(None, for_s=59)
    assert run.sent == []
    run.see(None, for_s=2)
    assert "unknown: portfolio does not answer" in run.sent[0].body
