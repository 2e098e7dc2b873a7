"""The text of the daily summary."""

from __future__ import annotations

from datetime import UTC

from proto.control import Effect, TradingState, condition
from services.notify.core.inputs import DayFigures
from services.notify.core.summary import summary_text
from tests.support.notify_runs import a_status


def test_a_halted_desk_is_called_halted_once() -> None:
    status = a_status(condition("DRAWDOWN", "5 %, limit 4 %", effect=Effect.HALTED), trading_state=TradingState.HALTED)
    text = summary_text(DayFigures(), warnings=0, criticals=1, since_ns=0, zone=UTC, status=status)
    assert text.splitlines()[-1].startswith("trading state HALTED")
    assert text.count("HALTED") == 1
