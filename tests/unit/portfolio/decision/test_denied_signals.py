"""Denials whose cause is already a condition do not set SIGNALS_DENIED, which would last longer than the cause."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.control import HaltCommand, ReduceOnlyCommand, ResumeCommand
from proto.time import HOUR_NS
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state import Breaker
from tests.support.builders import START_NS, a_signal
from tests.support.desk_harness import DeskHarness, a_live_desk


def buy_for_a_minute(driven: DeskHarness) -> None:
    for number in range(1, 8):
        signal = a_signal(number, 1)
        later = structs.replace(signal, time_ns=signal.time_ns + number * 10_000_000_000)
        driven.answer_all(driven.deliver(later))


def codes(driven: DeskHarness) -> set[str]:
    return {found.code for found in conditions_of(driven.state, driven.mono_ns)}


@pytest.mark.parametrize("command", [HaltCommand("news"), ReduceOnlyCommand("news")])
def test_signals_denied_by_a_persons_restriction_set_no_further_condition(
    command: HaltCommand | ReduceOnlyCommand,
) -> None:
    driven = a_live_desk()
    driven.command(command)
    buy_for_a_minute(driven)
    assert codes(driven) == {"PERSON"}
    driven.command(ResumeCommand("looked at it"))
    assert codes(driven) == set()


def test_signals_denied_for_storage_set_no_further_condition() -> None:
    driven = a_live_desk()
    driven.state.warnings.on_storage_failure("no room")
    buy_for_a_minute(driven)
    assert codes(driven) == {"STORAGE"}


def test_signals_denied_in_a_breaker_pause_set_no_further_condition() -> None:
    driven = a_live_desk(limits=Limits(name="breaker", breaker_losses=3))
    driven.state.stream.risk.breakers["EURUSD"] = Breaker(until_ns=START_NS + HOUR_NS, run=3)
    buy_for_a_minute(driven)
    assert driven.state.stream.cursor.denied == {"CIRCUIT_BREAKER": 7}
    assert codes(driven) == {"BREAKER_OPEN"}


def test_signals_denied_by_a_limit_for_a_minute_set_signals_denied() -> None:
    driven = a_live_desk(limits=Limits(name="closed", order_volume_max=Decimal("0.001")))
    buy_for_a_minute(driven)
    assert codes(driven) == {"SIGNALS_DENIED"}
