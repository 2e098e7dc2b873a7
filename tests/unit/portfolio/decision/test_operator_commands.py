"""Trading states: set by people and by the desk, stored in the ledger, and enforced by the risk rules."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from proto.control import (
    ControlError,
    FlattenCommand,
    HaltCommand,
    ReduceOnlyCommand,
    ResumeCommand,
    TradingCommand,
    TradingReply,
    TradingState,
)
from proto.gateway import Buy, Sell
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.events import OrderDenied
from services.portfolio.core.decision.commands import CommandReply
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.core.state.warnings import Warnings
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.support.accounts import is_same_account
from tests.support.builders import a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import DeskHarness, a_live_desk

QUOTES = [(1.1 + n / 1_000, 1.1001 + n / 1_000) for n in range(6)]
HALT, REDUCE_ONLY, RESUME = HaltCommand("news"), ReduceOnlyCommand("thin market"), ResumeCommand("looked at it")


def a_running_desk(on_opposite: OnOpposite = OnOpposite.CLOSE) -> DeskHarness:
    """A lock-step desk without limits that has bought on tick 1."""
    gateway = a_gateway(a_stream(*QUOTES), pace=Pace(6, None))
    driven = DeskHarness(gateway, rules=some_rules(limits=NO_LIMITS, on_opposite=on_opposite))
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    return driven


def give(driven: DeskHarness, command: TradingCommand) -> CommandReply:
    return driven.command(command)


def test_a_new_desk_is_active() -> None:
    status = status_of(a_running_desk().state)
    assert (status.trading_state, status.trading_reason) == (TradingState.ACTIVE, "")


def test_a_halted_desk_without_limits_sends_no_order_for_a_signal() -> None:
    driven = a_running_desk()
    assert give(driven, HALT) == TradingReply(trading_state=TradingState.HALTED, trading_reason="news", closing=[])
    driven.answer_all(driven.deliver(a_signal(2, -1)))
    assert driven.requests_of(Sell) == []
    denials = [event for event in driven.state.account.take_events() if isinstance(event, OrderDenied)]
    assert [(denial.code, denial.observed) for denial in denials] == [("HALTED", "HALTED")]
    assert (status_of(driven.state).trading_state, status_of(driven.state).trading_reason) == ("HALTED", "news")


@pytest.mark.parametrize("on_opposite", OnOpposite)
def test_a_reduce_only_desk_closes_and_opens_nothing(on_opposite: OnOpposite) -> None:
    """With on_opposite = reverse, an opposite signal only closes."""
    driven = a_running_desk(on_opposite)
    give(driven, REDUCE_ONLY)
    driven.answer_all(driven.deliver(a_signal(2, -1)))
    [sell] = driven.requests_of(Sell)
    assert isinstance(sell, Sell)
    assert sell.volume == Decimal("0.01")
    driven.answer_all(driven.deliver(a_signal(3, -1)))
    assert len(driven.requests_of(Sell)) == 1
    assert driven.state.stream.cursor.denied == {"REDUCE_ONLY": 1}


def test_a_resumed_desk_trades_again() -> None:
    driven = a_running_desk()
    for command in (HALT, REDUCE_ONLY, RESUME):
        give(driven, command)
    driven.answer_all(driven.deliver(a_signal(2, -1)))
    driven.answer_all(driven.deliver(a_signal(3, 1)))
    assert (len(driven.requests_of(Sell)), len(driven.requests_of(Buy))) == (1, 2)


def test_flatten_is_refused_on_a_lock_step_stream() -> None:
    driven = a_running_desk()
    assert isinstance(give(driven, FlattenCommand("enough")), ControlError)
    assert status_of(driven.state).trading_state is TradingState.ACTIVE


def test_the_trading_state_survives_a_restart(tmp_path: Path) -> None:
    driven = a_running_desk()
    driven.state.account.on_foreign_orders([7, 3])
    driven.state.account.resume_trading("seen", by="person")
    give(driven, HALT)
    ledger = Ledger(tmp_path / LEDGER_FILE_NAME)
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    ledger.close()
    book, _ = read_ledger(tmp_path / LEDGER_FILE_NAME)
    assert is_same_account(book, driven.state.account.book)
    assert (book.trading_state, book.acknowledged) == (TradingState.HALTED, {3, 7})
    assert verify_ledger(tmp_path / LEDGER_FILE_NAME) == []


def test_a_step_of_the_clock_makes_the_desk_reduce_only_until_a_resume() -> None:
    driven = a_running_desk()
    driven.state.account.on_clock_step(-3_600_000_000_000)
    status = status_of(driven.state)
    assert (status.trading_state, status.trading_reason) == (
        TradingState.REDUCE_ONLY,
        "CLOCK_STEPPED: the wall clock stepped by -3600.000 s",
    )
    give(driven, RESUME)
    assert status_of(driven.state).trading_state is TradingState.ACTIVE


def test_a_cause_found_by_the_desk_does_not_relax_a_persons_halt() -> None:
    driven = a_running_desk()
    give(driven, HALT)
    driven.state.account.on_clock_step(1_000_000_000)
    driven.state.account.on_clock_step(2_000_000_000)
    status = status_of(driven.state)
    assert status.trading_state is TradingState.HALTED
    assert status.trading_reason == "news; CLOCK_STEPPED: the wall clock stepped by +1.000 s", (
        "the second clock step does not repeat the reason"
    )


def test_reduce_only_ends_a_persons_halt_but_no_halt_of_the_desk() -> None:
    driven = a_running_desk()
    driven.command(HALT)
    assert isinstance(driven.command(REDUCE_ONLY), TradingReply)
    driven.state.account.restrict_trading(TradingState.REDUCE_ONLY, "DRAWDOWN", "5 % from the peak", by="risk")
    driven.command(HALT)
    assert isinstance(driven.command(REDUCE_ONLY), TradingReply), "the rule itself demands only REDUCE_ONLY"
    driven.command(HALT)
    driven.state.account.restrict_trading(TradingState.HALTED, "DRAWDOWN", "10 % from the peak", by="risk")
    reply = driven.command(REDUCE_ONLY)
    assert isinstance(reply, ControlError)
    assert reply.error.startswith("the desk is HALTED by DRAWDOWN, and REDUCE_ONLY would allow more")
    assert driven.state.account.book.trading_state is TradingState.HALTED


@pytest.mark.parametrize("command", [RESUME, ReduceOnlyCommand(reason="a little")])
@pytest.mark.parametrize("report", [Warnings.on_ledger_fault, Warnings.on_venue_fault])
def test_a_person_cannot_resume_or_relax_a_halt_for_damaged_records(
    report: Callable[[Warnings, str], None], command: ResumeCommand | ReduceOnlyCommand
) -> None:
    driven = a_running_desk()
    driven.state.account.restrict_trading(TradingState.HALTED, "LEDGER_BROKEN", "event 7 is missing", by="audit")
    report(driven.state.warnings, "event 7 is missing")
    reply = driven.command(command)
    assert isinstance(reply, ControlError)
    assert "event 7 is missing" in reply.error
    assert driven.state.account.book.trading_state is TradingState.HALTED


def test_a_live_desk_denies_signals_while_the_ledger_cannot_be_written() -> None:
    driven = a_live_desk()
    driven.state.warnings.on_storage_failure("disk full")
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert driven.requests_of(Buy) == []
    assert driven.state.stream.cursor.denied == {"STORAGE": 1}
    driven.state.warnings.on_storage_recovery()
    driven.answer_all(driven.deliver(a_signal(2, 1)))
    assert len(driven.requests_of(Buy)) == 1


def test_a_lock_step_desk_decides_no_tick_while_the_ledger_cannot_be_written() -> None:
    driven = a_running_desk()
    driven.state.warnings.on_storage_failure("disk full")
    assert driven.deliver(a_signal(2, -1)) == []
    assert driven.pause() == [] or driven.state.stream.cursor.ordinal == 1
    driven.state.warnings.on_storage_recovery()
    driven.answer_all(driven.deliver(a_signal(3)))
    assert driven.state.stream.cursor.denied == {}
    assert driven.state.stream.cursor.ordinal == 3
    assert len(driven.requests_of(Sell)) == 1
