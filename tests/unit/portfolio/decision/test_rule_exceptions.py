"""A person resets the remembered values of a risk rule, or exempts a manual order from the rule."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proto.control import ControlError, PlaceCommand, RiskResetCommand, RiskResetReply, TradingState
from proto.trading.enums import OrderType, Side
from services.portfolio.core.account.events import OrderCreated, OrderDenied, RiskReset
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.queries.views import order_row
from services.portfolio.core.risk.registry import EXCEPTABLE_CODES, RESET_OF_CODE
from services.portfolio.core.risk.state import Breaker
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, requires_fsync, verify_ledger
from services.portfolio.query_handler import answer_why
from tests.support.builders import START_NS, a_signal
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.decision.manual_desk import (
    D,
    a_quoted_desk,
    a_resting_order,
    an_order,
    receive_tick,
    refused,
    reply_to,
)
from tests.unit.portfolio.risk.scenes import only

HOUR_NS = 3_600_000_000_000
PAUSE = Breaker(losses=1, until_ns=START_NS + HOUR_NS, trips=2, trials_left=1, ticket=7)


def a_paused_desk() -> DeskHarness:
    """A desk on which the circuit breaker pauses EURUSD and GBPUSD after losses."""
    driven = a_quoted_desk(limits=only(breaker_losses=3, order_volume_max=D(1)))
    breakers = driven.state.stream.risk.breakers
    breakers["EURUSD"], breakers["GBPUSD"] = Breaker(**fields_of(PAUSE)), Breaker(**fields_of(PAUSE))
    return driven


def fields_of(breaker: Breaker) -> dict[str, Any]:
    return {name: getattr(breaker, name) for name in breaker.__struct_fields__}


def a_reset(**changed: Any) -> RiskResetCommand:
    fields: dict[str, Any] = {
        "key": "r1",
        "rule": "CIRCUIT_BREAKER",
        "symbol": "EURUSD",
        "reason": "the feed was wrong",
        "person": "trader",
    }
    return RiskResetCommand(**{**fields, **changed})


def reset_reply(driven: DeskHarness, command: RiskResetCommand) -> RiskResetReply:
    reply = driven.command(command)
    assert isinstance(reply, RiskResetReply), reply
    return reply


def reset_error(driven: DeskHarness, command: RiskResetCommand) -> str:
    reply = driven.command(command)
    assert isinstance(reply, ControlError), reply
    return reply.error


def reset_events(driven: DeskHarness) -> list[RiskReset]:
    return [event for event in driven.state.account.take_events() if isinstance(event, RiskReset)]


# --------------------------------------------------------------------------------------------------------------- resets


def test_a_reset_ends_the_pause_of_its_symbol_only() -> None:
    driven = a_paused_desk()
    assert reply_to(driven, an_order(key="before")).code == "CIRCUIT_BREAKER"
    reset_reply(driven, a_reset())
    assert not reply_to(driven, an_order(key="after")).denied
    assert driven.state.stream.risk.breakers["GBPUSD"] == PAUSE


def test_the_event_of_a_reset_has_person_rule_reason_and_the_values_before_and_after() -> None:
    driven = a_paused_desk()
    reply = reset_reply(driven, a_reset())
    [event] = reset_events(driven)
    before = "1 losses in a row, 2 pauses without recovery, 1 trials left, "
    assert (event.rule, event.symbol, event.person, event.reason) == (
        "CIRCUIT_BREAKER",
        "EURUSD",
        "trader",
        "the feed was wrong",
    )
    assert list(event.before) == ["EURUSD"]
    assert event.before["EURUSD"].startswith(f"{before}pause until ")
    assert event.after == {}
    assert (reply.before, reply.after, reply.repeated) == (event.before, event.after, False)
    assert requires_fsync(event)


def test_a_reset_keeps_the_ticket_of_the_last_loss_so_that_its_next_fill_is_no_new_loss() -> None:
    driven = a_paused_desk()
    reset_reply(driven, a_reset())
    assert driven.state.stream.risk.breakers["EURUSD"] == Breaker(ticket=PAUSE.ticket)


def test_a_repeated_reset_has_no_second_effect_and_its_key_is_refused_for_other_commands() -> None:
    driven = a_paused_desk()
    first = reset_reply(driven, a_reset())
    driven.state.stream.risk.breakers["EURUSD"] = Breaker(**fields_of(PAUSE))
    again = reset_reply(driven, a_reset())
    assert (again.before, again.repeated) == (first.before, True)
    assert driven.state.stream.risk.breakers["EURUSD"] == PAUSE
    assert len(reset_events(driven)) == 1
    assert "another command" in reset_error(driven, a_reset(symbol=""))
    assert "another command" in refused(driven, an_order(key="r1"))
    reply_to(driven, an_order(key="k1", past_rules=["CIRCUIT_BREAKER"]))
    assert "another command" in reset_error(driven, a_reset(key="k1"))


def test_a_reset_and_its_key_survive_a_restart(tmp_path: Path) -> None:
    driven = a_paused_desk()
    first = reset_reply(driven, a_reset())
    path = tmp_path / LEDGER_FILE_NAME
    ledger = Ledger(path)
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    ledger.close()
    assert verify_ledger(path) == []
    book, kept = read_ledger(path)
    assert kept.risk == driven.state.stream.risk
    again = DeskHarness(driven.gateway, book=book, persisted=kept)
    again.answer_all(again.start())
    receive_tick(again, 2)
    reply = reset_reply(again, a_reset())
    assert (reply.before, reply.repeated) == (first.before, True)


def test_a_reset_of_a_rule_without_state_is_refused_with_the_rules_that_can_be_reset() -> None:
    error = reset_error(a_paused_desk(), a_reset(rule="ORDER_VOLUME"))
    assert error == f"rule is ORDER_VOLUME, expected one that can be reset: {', '.join(RESET_OF_CODE)}"


def test_a_reset_with_a_symbol_is_refused_for_a_rule_of_the_whole_desk_and_for_an_unknown_symbol() -> None:
    driven = a_paused_desk()
    assert reset_error(driven, a_reset(rule="DRAWDOWN")) == (
        "symbol is EURUSD, expected none: DRAWDOWN applies to the whole desk"
    )
    assert reset_error(driven, a_reset(symbol="AUDUSD")) == (
        "symbol is AUDUSD, expected one that the desk trades: EURUSD"
    )


def test_a_reset_of_drawdown_does_not_change_the_trading_state() -> None:
    driven = a_quoted_desk()
    driven.state.account.set_trading_state(TradingState.HALTED, "DRAWDOWN", "8 %", by="risk")
    peaks = driven.state.stream.risk.peaks
    peaks.high, peaks.equity = D(12_000), D(10_000)
    reply = reset_reply(driven, a_reset(rule="DRAWDOWN", symbol=""))
    assert (reply.trading_state, reply.trading_reason) == (TradingState.HALTED, "DRAWDOWN: 8 %")
    assert reply.before == {"highest equity": "12000", "equity": "10000"}
    assert reply.after == {"highest equity": "10000", "equity": "10000"}
    assert reply_to(driven, an_order()).code == "HALTED"


def test_a_lock_step_stream_accepts_no_reset() -> None:
    from tests.unit.portfolio.decision.test_operator_commands import a_running_desk

    assert "lock-step stream" in reset_error(a_running_desk(), a_reset())


def test_the_next_denial_of_a_signal_after_a_reset_is_an_event_again() -> None:
    driven = a_paused_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1, sequence=1)))
    driven.answer_all(driven.deliver(a_signal(2, 1, sequence=2)))
    reset_reply(driven, a_reset())
    driven.state.stream.risk.breakers["EURUSD"] = Breaker(**fields_of(PAUSE))
    driven.answer_all(driven.deliver(a_signal(3, 1, sequence=3)))
    denials = [event.ordinal for event in driven.state.account.take_events() if isinstance(event, OrderDenied)]
    assert denials == [1, 3]


# ----------------------------------------------------------------------------------------------------------- exceptions


def test_an_order_exempt_from_a_rule_is_filled_and_recorded_with_the_denial() -> None:
    driven = a_paused_desk()
    reply = reply_to(driven, an_order(past_rules=["CIRCUIT_BREAKER", "SPREAD"]))
    assert not reply.denied
    order = driven.state.account.book.orders[reply.order_ids[0]]
    assert order.status is OrderStatus.FILLED
    breaker, spread = order.decision.past_rules
    assert (breaker.code, breaker.limit) == ("CIRCUIT_BREAKER", "3 losses in a row")
    assert breaker.observed.startswith("pause until ")
    assert (spread.code, spread.observed) == ("SPREAD", "")
    shown = f"CIRCUIT_BREAKER ({breaker.observed}, limit 3 losses in a row); SPREAD (no denial)"
    assert "; ".join(reply.past_rules) == shown
    assert order_row(order).past_rules == shown
    assert reply_to(driven, an_order(past_rules=["CIRCUIT_BREAKER", "SPREAD"])) == reply, (
        "a repeated command gets the same reply"
    )


def test_a_rule_without_an_exception_still_denies() -> None:
    driven = a_paused_desk()
    reply = reply_to(driven, an_order(volume=D(2), past_rules=["CIRCUIT_BREAKER"]))
    assert reply.code == "ORDER_VOLUME"
    reply = reply_to(driven, an_order(key="k2", volume=D(2), past_rules=["ORDER_VOLUME"]))
    assert reply.code == "CIRCUIT_BREAKER"


@pytest.mark.parametrize(
    "rule", ["STORAGE", "HALTED", "REDUCE_ONLY", "INVALID_VOLUME", "NO_CONVERSION_RATE", "DRAWDOWN", "REJECTS", "X"]
)
def test_an_exception_from_a_rule_that_allows_none_is_refused(rule: str) -> None:
    driven = a_paused_desk()
    assert refused(driven, an_order(past_rules=[rule])) == (
        f"rule {rule} allows no exception, expected one of {', '.join(sorted(EXCEPTABLE_CODES))}"
    )
    assert driven.state.account.book.orders == {}


def test_a_resting_order_stays_exempt_from_a_rule_and_other_rules_cancel_it() -> None:
    """REDUCE_ONLY, from which the order is not exempt, still cancels it."""
    driven = a_paused_desk()
    [order_id] = reply_to(driven, a_resting_order(past_rules=["CIRCUIT_BREAKER"])).order_ids
    driven.answer_all(driven.deliver(a_signal(1, 0, sequence=1)))
    assert driven.state.account.book.orders[order_id].cancel_asked == ""
    driven.state.account.set_trading_state(TradingState.REDUCE_ONLY, "PERSON", "news", by="person")
    driven.answer_all(driven.deliver(a_signal(2, 0, sequence=2)))
    assert driven.state.account.book.orders[order_id].cancel_asked.startswith("REDUCE_ONLY")


def test_an_order_of_an_earlier_version_has_no_exceptions() -> None:
    import msgspec

    driven = a_quoted_desk()
    reply_to(driven, an_order())
    [created] = [event for event in driven.state.account.take_events() if isinstance(event, OrderCreated)]
    plain = msgspec.to_builtins(created)
    del plain["order"]["decision"]["past_rules"]
    assert msgspec.convert(plain, OrderCreated, str_keys=True) == created


def test_the_digest_of_an_order_without_exceptions_equals_that_of_an_earlier_version() -> None:
    """Commit 62eeefa, which had no exceptions from rules, computed the expected digest for the same command."""
    from services.portfolio.core.decision.idempotency import command_digest

    command = PlaceCommand(
        key="k",
        reason="r",
        symbol="EURUSD",
        side=Side.BUY,
        volume=D("0.02"),
        type=OrderType.MARKET,
        price=None,
        time_in_force=None,
        stop_loss=None,
        take_profit=None,
        trailing_stop_points=0,
        expires_ns=0,
    )
    assert command_digest(command) == "e08043bac7895092"


# ---------------------------------------------------------------------------------------------------------------- hints


def test_a_denied_manual_order_gets_hints_about_the_exception_and_the_reset() -> None:
    hint = reply_to(a_paused_desk(), an_order()).hint
    assert "--past-rule CIRCUIT_BREAKER" in hint
    assert "`paperdesk risk reset CIRCUIT_BREAKER --symbol EURUSD --reason ...`" in hint


def test_a_denial_by_a_rule_without_exception_and_reset_has_neither_hint() -> None:
    driven = a_quoted_desk()
    driven.state.account.set_trading_state(TradingState.HALTED, "PERSON", "news", by="person")
    hint = reply_to(driven, an_order()).hint
    assert "paperdesk resume" in hint
    assert "--past-rule" not in hint
    assert "risk reset" not in hint


# ------------------------------------------------------------------------------------------------------------------ why


def test_why_shows_a_reset_under_its_rule_and_symbol_and_the_exceptions_of_an_order(tmp_path: Path) -> None:
    driven = a_paused_desk()
    reset_reply(driven, a_reset())
    driven.state.stream.risk.breakers["EURUSD"] = Breaker(**fields_of(PAUSE))
    [order_id] = reply_to(driven, an_order(past_rules=["CIRCUIT_BREAKER"])).order_ids
    path = tmp_path / LEDGER_FILE_NAME
    with closing(Ledger(path)) as ledger:
        ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    book, kept = read_ledger(path)
    of_rule = answer_why("circuit_breaker", book, kept, path)
    assert (of_rule.kind, of_rule.subject) == ("rule", "CIRCUIT_BREAKER")
    assert "reset by trader at" in of_rule.summary
    assert of_rule.summary.endswith("the feed was wrong")
    [line] = next(step for step in of_rule.steps if step.name == "resets").lines
    assert line.words.startswith(
        "CIRCUIT_BREAKER of EURUSD reset by trader: the feed was wrong; before EURUSD 1 losses"
    )
    assert line.words.endswith("after no values")
    of_symbol = answer_why("EURUSD", book, kept, path)
    assert [step.lines for step in of_symbol.steps if step.name == "resets"] == [[line]]
    of_order = answer_why(order_id, book, kept, path)
    let_past = [step.facts["let past"] for step in of_order.steps if "let past" in step.facts]
    assert let_past == [book.orders[order_id].decision.past_rules[0].text]


def test_why_of_another_rule_or_symbol_does_not_show_the_reset(tmp_path: Path) -> None:
    driven = a_paused_desk()
    reset_reply(driven, a_reset())
    path = tmp_path / LEDGER_FILE_NAME
    with closing(Ledger(path)) as ledger:
        ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    book, kept = read_ledger(path)
    assert all(step.name != "resets" for step in answer_why("SPREAD", book, kept, path).steps)
    kept.cursor.marks["GBPUSD"] = kept.cursor.marks.get("EURUSD") or Mark(1.2, 1.3, 1)
    assert all(step.name != "resets" for step in answer_why("GBPUSD", book, kept, path).steps)
