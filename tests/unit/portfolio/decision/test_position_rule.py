"""The position rule: verdicts on signals, and the volume of an order with an explicit volume."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.trading.enums import Side
from services.portfolio.core.account.position import Position
from services.portfolio.core.decision.position_rule import (
    SignalVerdict,
    check_position_rule,
    explicit_volume,
)
from services.portfolio.core.plan.on_opposite import OnOpposite

D = Decimal
CLOSE, REVERSE = OnOpposite.CLOSE, OnOpposite.REVERSE


def holding(net: str) -> Position:
    """A position of `net` signed lots."""
    position = Position("EURUSD", D(100_000))
    if volume := D(net):
        side = Side.BUY if volume > 0 else Side.SELL
        position.apply(side=side, volume=abs(volume), price=D("1.1"), deal="1", time_ns=1)
    return position


@pytest.mark.parametrize(
    ("signal", "net", "order", "verdict", "reason"),
    [
        (0, "0", None, SignalVerdict.HOLD, "[RISK] HOLD signal (0) - no order sent"),
        (0, "1", "A", SignalVerdict.HOLD, "[RISK] HOLD signal (0) - no order sent"),
        (1, "0", None, SignalVerdict.PASS, "[RISK] PASS: Signal=BUY(1), Position=FLAT"),
        (-1, "0", None, SignalVerdict.PASS, "[RISK] PASS: Signal=SELL(-1), Position=FLAT"),
        (1, "0.01", None, SignalVerdict.POSITION_OPEN, "[RISK] BLOCKED: Signal=BUY(1) but position is LONG(0.01)"),
        (-1, "0.01", None, SignalVerdict.PASS, "[RISK] PASS: Signal=SELL(-1), Position=LONG(0.01)"),
        (-1, "-1.50", None, SignalVerdict.POSITION_OPEN, "[RISK] BLOCKED: Signal=SELL(-1) but position is SHORT(1.5)"),
        (1, "-100", None, SignalVerdict.PASS, "[RISK] PASS: Signal=BUY(1), Position=SHORT(100)"),
        (1, "0", "A", SignalVerdict.ORDER_OPEN, "[RISK] BLOCKED: Signal=BUY(1) but order A is open"),
        (-1, "1", "A", SignalVerdict.ORDER_OPEN, "[RISK] BLOCKED: Signal=SELL(-1) but order A is open"),
        (2, "0", None, SignalVerdict.INVALID_SIGNAL, "[RISK] INVALID signal 2, expected -1, 0 or 1"),
        (True, "0", None, SignalVerdict.INVALID_SIGNAL, "[RISK] INVALID signal True, expected -1, 0 or 1"),
        (2**70, "0", "A", SignalVerdict.INVALID_SIGNAL, "[RISK] INVALID signal out of range, expected -1, 0 or 1"),
    ],
)
def test_each_signal_gets_the_expected_verdict_and_reason(
    signal: int, net: str, order: str | None, verdict: SignalVerdict, reason: str
) -> None:
    assert check_position_rule(signal, holding(net), order) == (verdict, reason)


@pytest.mark.parametrize(("signal", "name"), [(1, "BUY"), (-1, "SELL")])
def test_a_signal_may_close_an_opposite_leg_beside_a_leg_in_its_direction(signal: int, name: str) -> None:
    position = Position("EURUSD", D(100_000))
    for ticket, side in ((1, Side.BUY), (2, Side.SELL)):
        position.apply(side=side, volume=D("0.2"), price=D("1.1"), deal=str(ticket), time_ns=1, ticket=ticket)
    assert check_position_rule(signal, position, None, legs_max=5) == (
        SignalVerdict.PASS,
        f"[RISK] PASS: Signal={name}({signal}), Position=HEDGED(0.2)",
    )


@pytest.mark.parametrize(
    ("signal", "net", "requested", "mode", "sent"),
    [
        (1, "0", "0.05", CLOSE, "0.05"),
        (-1, "0.05", "0.02", CLOSE, "0.02"),
        (-1, "0.05", "0.02", REVERSE, "0.02"),
        (-1, "0.05", "0.05", CLOSE, "0.05"),
        (-1, "0.05", "0.08", CLOSE, "0.05"),
        (-1, "0.05", "0.08", REVERSE, "0.08"),
        (1, "-0.05", "0.08", CLOSE, "0.05"),
    ],
)
def test_an_explicit_volume_is_limited_to_the_position_only_for_a_close(
    signal: int, net: str, requested: str, mode: OnOpposite, sent: str
) -> None:
    assert explicit_volume(signal, holding(net), D(requested), mode) == D(sent)
